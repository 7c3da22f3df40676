//! The state register of taxpayers and the address register: DaData over HTTP.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use cache::CachedTaxpayers;
pub use dadata::DaData;

use super::Setback;
use crate::values::{AddressParts, Inn, Kpp, Ogrn};

mod cache;
mod dadata;
mod wire;

/// The register, as this service uses it.
#[async_trait]
pub trait Taxpayers: Send + Sync {
    /// The taxpayer (head office of an organization), or `None` when the register does not have the number.
    async fn find(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback>;
    /// The same as the register has it now, past every memory: for what cannot be undone. Later calls of `find` see it.
    async fn find_fresh(&self, inn: &Inn) -> Result<Option<Taxpayer>, Setback>;
    /// Addresses that fit a text, best first, five at most.
    async fn addresses(&self, text: &str) -> Result<Vec<RegisteredAddress>, Setback>;
    /// The address with this FIAS id (GUID), or `None` when the register does not have the id.
    async fn address_by_id(&self, fias_id: &str) -> Result<Option<RegisteredAddress>, Setback>;
}

/// A taxpayer as the state register has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taxpayer {
    /// INN.
    pub inn: Inn,
    /// OGRN (13 digits) or OGRNIP (15 digits).
    pub ogrn: Option<Ogrn>,
    /// Organization or entrepreneur, with what only that kind has.
    pub kind: TaxpayerKind,
    /// Status.
    pub status: TaxpayerStatus,
    /// Registered address.
    pub address: Option<RegisteredAddress>,
}

impl Taxpayer {
    /// Компания: the short name with its legal form.
    pub fn company(&self) -> String {
        match &self.kind {
            TaxpayerKind::Organization { short_name, .. } => short_name.clone(),
            TaxpayerKind::Entrepreneur { name } => format!("ИП {}", name.full()),
        }
    }

    /// The entrepreneur, or the head of the organization when the register tells.
    pub const fn person(&self) -> Option<&PersonName> {
        match &self.kind {
            TaxpayerKind::Organization { head, .. } => head.as_ref(),
            TaxpayerKind::Entrepreneur { name } => Some(name),
        }
    }
}

/// Organization or entrepreneur.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaxpayerKind {
    /// A legal entity.
    Organization {
        /// Full name with the legal form.
        full_name: String,
        /// Short name with the legal form; the full name when there is no short one.
        short_name: String,
        /// KPP of the head office.
        kpp: Option<Kpp>,
        /// The head; absent when the register does not tell.
        head: Option<PersonName>,
    },
    /// An entrepreneur.
    Entrepreneur {
        /// The person.
        name: PersonName,
    },
}

crate::values::discreet::discreet!(TaxpayerKind);

/// The name of a person.
///
/// `Debug` shows nothing: a name must not reach a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonName {
    /// Фамилия.
    pub last: String,
    /// Имя.
    pub first: String,
    /// Отчество.
    pub middle: Option<String>,
}

impl PersonName {
    /// Фамилия Имя Отчество.
    pub fn full(&self) -> String {
        let words = [Some(&self.last), Some(&self.first), self.middle.as_ref()];
        words.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

crate::values::discreet::discreet!(PersonName);

/// Status in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaxpayerStatus {
    /// In business.
    Active,
    /// Being liquidated.
    Liquidating,
    /// Liquidated.
    Liquidated,
    /// Bankrupt.
    Bankrupt,
    /// Being reorganized.
    Reorganizing,
}

impl TaxpayerStatus {
    /// `LIQUIDATED`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Liquidating => "LIQUIDATING",
            Self::Liquidated => "LIQUIDATED",
            Self::Bankrupt => "BANKRUPT",
            Self::Reorganizing => "REORGANIZING",
        }
    }
}

/// An address with the parts that the registers know. `Debug` shows nothing: an entrepreneur's is a home.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredAddress {
    /// The whole address in one line.
    pub text: String,
    /// Postal code, 6 digits.
    pub postal_code: Option<String>,
    /// Two digits of the region.
    pub region_code: Option<String>,
    /// Region with its type: "г Москва".
    pub region: Option<AddressPart>,
    /// District (район).
    pub area: Option<AddressPart>,
    /// City.
    pub city: Option<AddressPart>,
    /// Settlement.
    pub settlement: Option<AddressPart>,
    /// Street.
    pub street: Option<AddressPart>,
    /// House.
    pub house: Option<AddressPart>,
    /// Building (корпус, строение).
    pub block: Option<AddressPart>,
    /// Flat or office.
    pub flat: Option<AddressPart>,
    /// FIAS id (GUID).
    pub fias_id: Option<String>,
    /// Precision of `fias_id`, DaData's `fias_level`: 8 house, 9 flat, 7 street; absent when not told.
    pub fias_level: Option<String>,
    /// Code of the tax office, 4 digits.
    pub tax_office: Option<String>,
    /// Time zone in DaData's form: "UTC+3".
    pub time_zone: Option<String>,
}

impl RegisteredAddress {
    /// The address in the parts of LiteBox's form, as far as the register has them: ready to be sent to Register when
    /// complete. The form has no district, so that stands before the settlement.
    pub fn parts(&self) -> AddressParts {
        let area = self.area.as_ref().map(AddressPart::typed);
        let settlement = [area, self.settlement.as_ref().map(AddressPart::typed)];
        AddressParts {
            postal_code: self.postal_code.clone().unwrap_or_default(),
            region: part(&self.region, AddressPart::typed),
            city: part(&self.city, |city| city.without("г")),
            settlement: settlement.into_iter().flatten().collect::<Vec<_>>().join(", "),
            street: part(&self.street, AddressPart::typed),
            house: part(&self.house, |house| house.without("д")),
            building: part(&self.block, |block| block.without("к")),
            flat: part(&self.flat, |flat| flat.without("кв")),
        }
    }
}

fn part(part: &Option<AddressPart>, text: impl Fn(&AddressPart) -> String) -> String {
    part.as_ref().map(text).unwrap_or_default()
}

crate::values::discreet::discreet!(RegisteredAddress);

/// Types that stand after the name: "Тульская обл".
const AFTER: [&str; 5] = ["обл", "край", "р-н", "АО", "Аобл"];

impl AddressPart {
    /// Type and name in the usual order: "г Москва", "Тульская обл".
    fn typed(&self) -> String {
        let (first, second) =
            if AFTER.contains(&self.kind.as_str()) { (&self.name, &self.kind) } else { (&self.kind, &self.name) };
        format!("{first} {second}").trim().to_owned()
    }

    /// The name alone when its type is the one that goes without saying.
    fn without(&self, usual: &str) -> String {
        if self.kind == usual { self.name.clone() } else { self.typed() }
    }
}

/// A part of an address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPart {
    /// Short type: "ул", "г", "д". May be empty.
    pub kind: String,
    /// Name: "Вавилова".
    pub name: String,
}

crate::values::discreet::discreet!(AddressPart);
/// Reads an answer as far as the gateway does, for the fuzzers; whether it says anything of the taxpayer, or of an address.
#[cfg(any(feature = "fuzzing", feature = "chaos"))]
pub(crate) fn read_answer(bytes: &[u8], inn: &Inn) -> bool {
    let parties = serde_json::from_slice::<wire::Suggestions<wire::Party>>(bytes).ok();
    let party = parties.and_then(|answer| wire::head_office(answer, inn));
    let known = party.is_some_and(|party| wire::taxpayer(party, inn).is_ok());
    let addresses = serde_json::from_slice::<wire::Suggestions<wire::AddressData>>(bytes);
    let found = addresses.map(|answer| answer.suggestions.into_iter().map(wire::address).count());
    known || found.is_ok_and(|found| found > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Address;

    #[test]
    fn a_registered_address_fits_the_form() {
        let part = |kind: &str, name: &str| Some(AddressPart { kind: kind.into(), name: name.into() });
        let address = RegisteredAddress {
            text: String::new(),
            postal_code: Some("301000".into()),
            region_code: Some("71".into()),
            region: part("обл", "Тульская"),
            area: part("р-н", "Ленинский"),
            city: None,
            settlement: part("с", "Ивановка"),
            street: part("ул", "Садовая"),
            house: part("д", "19"),
            block: part("стр", "2"),
            flat: part("офис", "14"),
            fias_id: None,
            fias_level: None,
            tax_office: None,
            time_zone: None,
        };
        let given = Address::parse(address.parts()).unwrap();
        assert_eq!(
            given.one_line(),
            "301000, Тульская обл, Ленинский р-н, с Ивановка, ул Садовая, д 19, стр 2, офис 14"
        );
        assert_eq!(format!("{address:?}"), "RegisteredAddress(**)");
        let moscow = RegisteredAddress { city: part("г", "Москва"), area: None, settlement: None, ..address };
        assert_eq!((moscow.parts().city.as_str(), moscow.parts().settlement.as_str()), ("Москва", ""));
    }
}
