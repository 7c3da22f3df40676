//! Which address of the state register a place is.

use super::model::PlaceAddress;
use super::ordering::unavailable;
use super::service::Service;
use crate::failure::{Candidate, Failure};
use crate::gateways::taxpayers::{AddressPart, RegisteredAddress};
use crate::values::Address;

/// How many candidates an unresolved address brings at most.
const CANDIDATES: usize = 5;
/// Levels of the register at which an address is precise enough for a cash register: house, flat, plot of land.
const PRECISE: [&str; 3] = ["8", "9", "75"];

impl Service {
    /// The one address of the register that was meant.
    pub(super) async fn address(&self, place: &PlaceAddress) -> Result<RegisteredAddress, Failure> {
        let register = &self.gateways.taxpayers;
        let found = match place {
            PlaceAddress::Parts(parts) => register.addresses(&parts.one_line()).await,
            PlaceAddress::Fias(id) => register.address_by_id(id).await.map(|found| found.into_iter().collect()),
        };
        resolve(place, found.map_err(unavailable)?)
    }
}

/// The only address that is precise, or among several the only one with the very house, building and flat that were
/// given: the register suggests the neighbours as well.
fn resolve(place: &PlaceAddress, found: Vec<RegisteredAddress>) -> Result<RegisteredAddress, Failure> {
    let precise = |a: &&RegisteredAddress| a.fias_level.as_deref().is_some_and(|level| PRECISE.contains(&level));
    let meant = |a: &&RegisteredAddress| match place {
        PlaceAddress::Parts(parts) => found.len() == 1 || same(parts, a),
        PlaceAddress::Fias(_) => true,
    };
    let mut fitting = found.iter().filter(precise).filter(meant);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => {
            Err(Failure::AddressNotResolved { candidates: found.into_iter().take(CANDIDATES).map(candidate).collect() })
        }
    }
}

fn candidate(address: RegisteredAddress) -> Candidate {
    Candidate { text: address.text, fias_id: address.fias_id }
}

/// House, building and flat are the given ones.
fn same(given: &Address, found: &RegisteredAddress) -> bool {
    let is = |given: Option<&str>, found: &Option<AddressPart>| {
        number(given.unwrap_or_default()) == number(found.as_ref().map_or("", |part| &part.name))
    };
    is(Some(&given.house), &found.house)
        && is(given.building.as_deref(), &found.block)
        && is(given.flat.as_deref(), &found.flat)
}

/// A number without the words before it, in which case does not count: "д. 19А" is 19а.
fn number(text: &str) -> String {
    text.trim_start_matches(|c: char| !c.is_ascii_digit())
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::AddressParts;

    fn given(house: &str, building: &str) -> PlaceAddress {
        let text = |text: &str| text.to_owned();
        let parts = AddressParts {
            postal_code: text("117312"),
            region: text("г Москва"),
            city: text("г Москва"),
            street: text("ул Вавилова"),
            house: text(house),
            building: text(building),
            ..AddressParts::default()
        };
        PlaceAddress::Parts(Address::parse(parts).unwrap())
    }

    fn found(level: &str, house: &str, block: &str) -> RegisteredAddress {
        let part = |kind: &str, name: &str| {
            (!name.is_empty()).then(|| AddressPart { kind: kind.to_owned(), name: name.to_owned() })
        };
        RegisteredAddress {
            text: format!("д {house} к {block}"),
            postal_code: None,
            region_code: None,
            region: None,
            area: None,
            city: None,
            settlement: None,
            street: None,
            house: part("д", house),
            block: part("к", block),
            flat: None,
            fias_id: Some(format!("id-{house}-{block}")),
            fias_level: Some(level.to_owned()),
            tax_office: None,
            time_zone: None,
        }
    }

    #[test]
    fn one_house_is_taken_and_a_street_is_only_a_candidate() {
        assert!(resolve(&given("19", ""), vec![found("8", "19", "")]).is_ok());
        let street = resolve(&given("19", ""), vec![found("7", "", "")]);
        assert!(matches!(street, Err(Failure::AddressNotResolved { candidates }) if candidates.len() == 1));
        assert!(
            matches!(resolve(&given("19", ""), vec![]), Err(Failure::AddressNotResolved { candidates }) if candidates.is_empty())
        );
    }

    #[test]
    fn among_neighbours_the_given_house_is_meant() {
        let street = vec![found("8", "19", "2"), found("8", "19А", ""), found("8", "19", ""), found("8", "191", "")];
        let meant = |house, building| resolve(&given(house, building), street.clone()).ok().and_then(|a| a.fias_id);
        assert_eq!(meant("д. 19", "").as_deref(), Some("id-19-"));
        assert_eq!(meant("19", "корп 2").as_deref(), Some("id-19-2"));
        assert_eq!(meant("19 а", "").as_deref(), Some("id-19А-"));
        assert_eq!(meant("20", ""), None);
    }

    #[test]
    fn an_id_means_its_address_when_that_is_a_house() {
        let id = PlaceAddress::Fias("29251dcf-00a1-4e34-98d4-5c47484a36d4".into());
        assert!(resolve(&id, vec![found("9", "19", "")]).is_ok());
        assert!(resolve(&id, vec![found("7", "", "")]).is_err());
    }
}
