//! DaData's answers: loose about what is not needed, strict about what is.

use serde::Deserialize;

use super::{AddressPart, PersonName, RegisteredAddress, Taxpayer, TaxpayerKind, TaxpayerStatus};
use crate::values::{Inn, InnKind, Kpp, Ogrn};

#[derive(Deserialize)]
pub struct Suggestions<T> {
    pub suggestions: Vec<Suggestion<T>>,
}

#[derive(Deserialize)]
pub struct Suggestion<T> {
    value: String,
    unrestricted_value: Option<String>,
    data: T,
}

#[derive(Deserialize)]
pub struct Party {
    inn: Option<String>,
    kpp: Option<String>,
    ogrn: Option<String>,
    branch_type: Option<String>,
    name: Option<Name>,
    fio: Option<Fio>,
    management: Option<Management>,
    state: State,
    address: Option<Suggestion<Option<AddressData>>>,
}

#[derive(Deserialize)]
struct Name {
    full_with_opf: Option<String>,
    short_with_opf: Option<String>,
}

#[derive(Deserialize)]
struct Fio {
    surname: Option<String>,
    name: Option<String>,
    patronymic: Option<String>,
}

#[derive(Deserialize)]
struct Management {
    name: Option<String>,
}

#[derive(Deserialize)]
struct State {
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Active,
    Liquidating,
    Liquidated,
    Bankrupt,
    Reorganizing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AddressData {
    postal_code: Option<String>,
    region_kladr_id: Option<String>,
    region_type: Option<String>,
    region: Option<String>,
    area_type: Option<String>,
    area: Option<String>,
    city_type: Option<String>,
    city: Option<String>,
    settlement_type: Option<String>,
    settlement: Option<String>,
    street_type: Option<String>,
    street: Option<String>,
    house_type: Option<String>,
    house: Option<String>,
    block_type: Option<String>,
    block: Option<String>,
    flat_type: Option<String>,
    flat: Option<String>,
    fias_id: Option<String>,
    fias_level: Option<String>,
    tax_office: Option<String>,
    timezone: Option<String>,
}

/// The head office among branches. An entrepreneur who closed and opened again has two entries: the active one counts.
pub fn head_office(answer: Suggestions<Party>, inn: &Inn) -> Option<Party> {
    let mut parties: Vec<Party> = answer.suggestions.into_iter().map(|s| s.data).collect();
    parties.retain(|p| p.inn.as_deref() == Some(inn.as_str()) && p.branch_type.as_deref() != Some("BRANCH"));
    parties.sort_by_key(|p| p.state.status != Status::Active);
    parties.into_iter().next()
}

/// The taxpayer, or the name of the field that is missing or malformed.
pub fn taxpayer(party: Party, inn: &Inn) -> Result<Taxpayer, &'static str> {
    let ogrn = filled(party.ogrn).map(|t| Ogrn::parse(&t)).transpose().map_err(|_| "ogrn")?;
    let kind = match inn.kind() {
        InnKind::Organization => organization(party.name, party.kpp, party.management)?,
        InnKind::Entrepreneur => TaxpayerKind::Entrepreneur { name: person(party.fio.ok_or("fio")?)? },
    };
    let address = party.address.map(|a| {
        address(Suggestion {
            value: a.value,
            unrestricted_value: a.unrestricted_value,
            data: a.data.unwrap_or_default(),
        })
    });
    Ok(Taxpayer { inn: inn.clone(), ogrn, kind, status: party.state.status.into(), address })
}

fn organization(
    name: Option<Name>,
    kpp: Option<String>,
    management: Option<Management>,
) -> Result<TaxpayerKind, &'static str> {
    let name = name.ok_or("name")?;
    let full_name = filled(name.full_with_opf).ok_or("name.full_with_opf")?;
    let short_name = filled(name.short_with_opf).unwrap_or_else(|| full_name.clone());
    let kpp = filled(kpp).map(|t| Kpp::parse(&t)).transpose().map_err(|_| "kpp")?;
    let head = management.and_then(|m| m.name).and_then(|n| split_name(&n));
    Ok(TaxpayerKind::Organization { full_name, short_name, kpp, head })
}

fn person(fio: Fio) -> Result<PersonName, &'static str> {
    Ok(PersonName {
        last: filled(fio.surname).ok_or("fio.surname")?,
        first: filled(fio.name).ok_or("fio.name")?,
        middle: filled(fio.patronymic),
    })
}

/// "Фамилия Имя Отчество" in one string. What follows the first name is the middle name ("Расул оглы"); a last name of
/// two words is split wrongly, which is why a partner may override the names of the account.
fn split_name(text: &str) -> Option<PersonName> {
    let mut words = text.split_whitespace();
    let (last, first) = (words.next()?.to_owned(), words.next()?.to_owned());
    let rest = words.collect::<Vec<_>>().join(" ");
    Some(PersonName { last, first, middle: filled(Some(rest)) })
}

/// An address of the register.
pub fn address(found: Suggestion<AddressData>) -> RegisteredAddress {
    let d = found.data;
    RegisteredAddress {
        text: filled(found.unrestricted_value).unwrap_or(found.value),
        region_code: filled(d.region_kladr_id).and_then(|id| id.get(..2).map(str::to_owned)),
        postal_code: filled(d.postal_code),
        region: part(d.region_type, d.region),
        area: part(d.area_type, d.area),
        city: part(d.city_type, d.city),
        settlement: part(d.settlement_type, d.settlement),
        street: part(d.street_type, d.street),
        house: part(d.house_type, d.house),
        block: part(d.block_type, d.block),
        flat: part(d.flat_type, d.flat),
        fias_id: filled(d.fias_id),
        fias_level: filled(d.fias_level),
        tax_office: filled(d.tax_office),
        time_zone: filled(d.timezone),
    }
}

fn part(kind: Option<String>, name: Option<String>) -> Option<AddressPart> {
    Some(AddressPart { name: filled(name)?, kind: kind.unwrap_or_default() })
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|t| !t.trim().is_empty())
}

impl From<Status> for TaxpayerStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Liquidating => Self::Liquidating,
            Status::Liquidated => Self::Liquidated,
            Status::Bankrupt => Self::Bankrupt,
            Status::Reorganizing => Self::Reorganizing,
        }
    }
}
