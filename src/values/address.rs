//! A postal address in the parts of LiteBox's form.

use serde::{Deserialize, Serialize};

use super::digits::are_digits;
use super::{Invalid, line};

/// Most characters in a part of an address.
const PART_MAX: usize = 120;

/// An address: Индекс, Регион, Город, Населённый пункт, Улица, Дом, Корпус/строение, Квартира/офис.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "AddressParts", into = "AddressParts")]
pub struct Address {
    /// Six digits.
    pub postal_code: String,
    /// Region, with its type: "г Москва", "Тульская обл".
    pub region: String,
    /// City.
    pub city: Option<String>,
    /// Settlement.
    pub settlement: Option<String>,
    /// Street; some settlements have none.
    pub street: Option<String>,
    /// House.
    pub house: String,
    /// Building: корпус, строение.
    pub building: Option<String>,
    /// Flat or office.
    pub flat: Option<String>,
}

/// The parts before they are checked; an empty one is absent.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of Address")]
pub struct AddressParts {
    pub postal_code: String,
    pub region: String,
    pub city: String,
    pub settlement: String,
    pub street: String,
    pub house: String,
    pub building: String,
    pub flat: String,
}

impl Address {
    /// Parses all parts; the error names each bad part by its field. Postal code (6 digits), region and house are
    /// required, and a city or a settlement.
    pub fn parse(parts: AddressParts) -> Result<Self, Vec<(&'static str, Invalid)>> {
        let mut wrong = Wrong::default();
        let address = Self {
            postal_code: wrong.postal_code(&parts.postal_code),
            region: wrong.required("region", &parts.region),
            city: wrong.optional("city", &parts.city),
            settlement: wrong.optional("settlement", &parts.settlement),
            street: wrong.optional("street", &parts.street),
            house: wrong.required("house", &parts.house),
            building: wrong.optional("building", &parts.building),
            flat: wrong.optional("flat", &parts.flat),
        };
        if parts.city.trim().is_empty() && parts.settlement.trim().is_empty() {
            wrong.0.push(("city", no_place()));
        }
        if wrong.0.is_empty() { Ok(address) } else { Err(wrong.0) }
    }

    /// The whole address in one line, largest part first.
    pub fn one_line(&self) -> String {
        let city = self.city.as_deref().filter(|city| *city != self.region);
        let parts = [
            Some(self.postal_code.clone()),
            Some(self.region.clone()),
            city.map(str::to_owned),
            self.settlement.clone(),
            self.street.clone(),
            Some(prefixed("д", &self.house)),
            self.building.as_deref().map(|building| prefixed("корп", building)),
            self.flat.as_deref().map(|flat| prefixed("кв", flat)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The number with its type, unless the caller has written a type already.
fn prefixed(kind: &str, number: &str) -> String {
    if number.starts_with(|c: char| c.is_ascii_digit()) { format!("{kind} {number}") } else { number.to_owned() }
}

#[derive(Default)]
struct Wrong(Vec<(&'static str, Invalid)>);

impl Wrong {
    fn required(&mut self, field: &'static str, text: &str) -> String {
        line(text, PART_MAX).unwrap_or_else(|why| {
            self.0.push((field, why));
            String::new()
        })
    }

    fn optional(&mut self, field: &'static str, text: &str) -> Option<String> {
        (!text.trim().is_empty()).then(|| self.required(field, text))
    }

    fn postal_code(&mut self, text: &str) -> String {
        let text = text.trim();
        if !are_digits(text, 6) {
            self.0.push(("postal_code", postal_code_format()));
        }
        text.to_owned()
    }
}

fn postal_code_format() -> Invalid {
    Invalid::new("POSTAL_CODE_FORMAT", "postal code must be 6 digits", "Укажите почтовый индекс: 6 цифр")
}

fn no_place() -> Invalid {
    Invalid::new("CITY_OR_SETTLEMENT", "a city or a settlement is required", "Укажите город или населённый пункт")
}

crate::values::discreet::discreet!(Address);

crate::values::discreet::discreet!(AddressParts);

impl TryFrom<AddressParts> for Address {
    type Error = Invalid;

    fn try_from(parts: AddressParts) -> Result<Self, Self::Error> {
        Self::parse(parts).map_err(|wrong| wrong.into_iter().next().map_or_else(no_place, |(_, why)| why))
    }
}

impl From<Address> for AddressParts {
    fn from(from: Address) -> Self {
        Self {
            postal_code: from.postal_code,
            region: from.region,
            city: from.city.unwrap_or_default(),
            settlement: from.settlement.unwrap_or_default(),
            street: from.street.unwrap_or_default(),
            house: from.house,
            building: from.building.unwrap_or_default(),
            flat: from.flat.unwrap_or_default(),
        }
    }
}
