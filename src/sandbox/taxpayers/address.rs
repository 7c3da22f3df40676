//! The emulated address register: reads an address from a line of text and gives it ids, an office, a time zone.

use serde_json::{Value, json};
use uuid::Uuid;

use super::regions::{REGIONS, Region};

/// A part of an address: short type and name.
pub type Part = Option<(&'static str, String)>;

/// An address of the register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Postal code; made from the text when it has none.
    pub postal_code: String,
    /// Region.
    pub region: Part,
    /// City.
    pub city: Part,
    /// Settlement.
    pub settlement: Part,
    /// Street.
    pub street: Part,
    /// House.
    pub house: Part,
    /// Building.
    pub block: Part,
    /// Flat or office.
    pub flat: Part,
    /// FIAS id that was asked for; else it is made from the text.
    pub fias_id: Option<String>,
}

/// Short types by the spellings that people use.
const KINDS: [(&str, &[&str]); 6] = [
    ("region", &["обл", "область", "край", "респ", "республика", "аобл", "ао"]),
    ("city", &["г", "гор", "город"]),
    ("settlement", &["п", "пос", "поселок", "посёлок", "с", "село", "д-ня", "деревня", "рп", "пгт", "ст-ца"]),
    (
        "street",
        &["ул", "улица", "пр-кт", "пр-т", "проспект", "пер", "переулок", "ш", "шоссе", "наб", "пл", "б-р", "проезд"],
    ),
    ("block", &["к", "корп", "корпус", "стр", "строение", "литера"]),
    ("flat", &["кв", "квартира", "оф", "офис", "помещ", "пом"]),
];

impl Address {
    /// Reads a line such as `117312, г Москва, ул. Вавилова, д. 19`. Parts without a type are taken in the order region,
    /// city, street, house.
    pub fn read(text: &str) -> Self {
        let mut address = Self::default();
        text.split(',').map(str::trim).filter(|token| !token.is_empty()).for_each(|token| address.take(token));
        if address.postal_code.is_empty() {
            address.postal_code = format!("{}0001", address.region_code());
        }
        address
    }

    fn take(&mut self, token: &str) {
        let digit = token.starts_with(|c: char| c.is_ascii_digit());
        if token.len() == 6 && token.bytes().all(|b| b.is_ascii_digit()) {
            self.postal_code = token.to_owned();
        } else if let Some((kind, short, name)) = typed(token) {
            self.put(kind, short, name);
        } else if digit && self.house.is_none() {
            self.house = Some(("д", token.to_owned()));
        } else if digit && self.flat.is_none() {
            self.flat = Some(("кв", token.to_owned()));
        } else if let Some(region) = REGIONS.iter().find(|r| same(r.2, token)).filter(|_| self.region.is_none()) {
            self.region = Some((region.1, region.2.to_owned()));
        } else if self.city.is_none() && self.settlement.is_none() {
            self.city = Some(("г", token.to_owned()));
        } else if self.street.is_none() {
            self.street = Some(("ул", token.to_owned()));
        }
    }

    fn put(&mut self, kind: &str, short: &'static str, name: String) {
        let federal = kind == "city" && REGIONS.iter().any(|r| r.1 == "г" && same(r.2, &name));
        let slot = match kind {
            "region" => &mut self.region,
            "city" if federal && self.region.is_none() => &mut self.region,
            "city" => &mut self.city,
            "settlement" => &mut self.settlement,
            "street" => &mut self.street,
            "block" => &mut self.block,
            "flat" => &mut self.flat,
            _ => &mut self.house,
        };
        *slot = Some((short, name));
    }

    fn known_region(&self) -> Option<&'static Region> {
        let name = self.region.as_ref().or(self.city.as_ref()).map(|(_, name)| name.as_str())?;
        REGIONS.iter().find(|r| same(r.2, name))
    }

    /// Two digits of the region; 77 for one that the emulator does not know.
    pub fn region_code(&self) -> &'static str {
        self.known_region().map_or("77", |r| r.0)
    }

    /// Code of the tax office. Moscow's Vavilova street has its real one.
    pub fn tax_office(&self) -> String {
        let vavilova = self.street.as_ref().is_some_and(|(_, name)| same(name, "Вавилова"));
        format!("{}{}", self.region_code(), if vavilova && self.region_code() == "77" { "36" } else { "01" })
    }

    /// The address in one line.
    pub fn line(&self) -> String {
        let parts = [&self.region, &self.city, &self.settlement, &self.street, &self.house, &self.block, &self.flat];
        parts.into_iter().flatten().map(|(kind, name)| with_type(kind, name)).collect::<Vec<_>>().join(", ")
    }

    fn level(&self) -> &'static str {
        match (&self.flat, &self.house, &self.street) {
            (Some(_), _, _) => "9",
            (_, Some(_), _) => "8",
            (_, _, Some(_)) => "7",
            _ => "4",
        }
    }

    /// The suggestion as DaData words it.
    pub fn suggestion(&self) -> Value {
        json!({
            "value": self.line(),
            "unrestricted_value": format!("{}, {}", self.postal_code, self.line()),
            "data": self.data(),
        })
    }

    fn data(&self) -> Value {
        let made = || Uuid::new_v5(&Uuid::NAMESPACE_URL, self.line().to_lowercase().as_bytes()).to_string();
        let office = self.tax_office();
        let mut data = json!({
            "postal_code": self.postal_code,
            "country": "Россия",
            "country_iso_code": "RU",
            "region_kladr_id": format!("{}00000000000", self.region_code()),
            "area_with_type": null, "area_type": null, "area": null,
            "fias_id": self.fias_id.clone().unwrap_or_else(made),
            "fias_level": self.level(),
            "tax_office": office,
            "tax_office_legal": office,
            "timezone": format!("UTC{:+}", self.known_region().map_or(3, |r| r.3)),
        });
        let parts = [
            ("region", &self.region),
            ("city", &self.city),
            ("settlement", &self.settlement),
            ("street", &self.street),
            ("house", &self.house),
            ("block", &self.block),
            ("flat", &self.flat),
        ];
        for (key, part) in parts {
            data[key] = json!(part.as_ref().map(|p| &p.1));
            data[format!("{key}_type")] = json!(part.as_ref().map(|p| p.0));
            data[format!("{key}_with_type")] = json!(part.as_ref().map(|(kind, name)| with_type(kind, name)));
        }
        data
    }
}

fn with_type(kind: &str, name: &str) -> String {
    if matches!(kind, "обл" | "край" | "аобл" | "ао") {
        format!("{name} {kind}")
    } else {
        format!("{kind} {name}")
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Splits `ул. Вавилова` or `Московская обл` into kind, short type and name.
fn typed(token: &str) -> Option<(&'static str, &'static str, String)> {
    let (first, rest) = token.split_once([' ', '.']).unwrap_or((token, ""));
    if !rest.is_empty() && (first == "д" || same(first, "дом")) {
        return Some(("house", "д", rest.trim_start_matches([' ', '.']).to_owned()));
    }
    if let Some((kind, short)) = kind_of(first).filter(|_| !rest.is_empty()) {
        return Some((kind, short, rest.trim_start_matches([' ', '.']).to_owned()));
    }
    let (name, last) = token.rsplit_once(' ')?;
    kind_of(last.trim_end_matches('.')).map(|(kind, short)| (kind, short, name.to_owned()))
}

fn kind_of(word: &str) -> Option<(&'static str, &'static str)> {
    let word = word.to_lowercase();
    KINDS.iter().find_map(|(kind, spellings)| {
        let at = spellings.iter().position(|s| *s == word)?;
        Some((*kind, short(kind, spellings, at)))
    })
}

/// The short type of the register for a spelling.
fn short(kind: &str, spellings: &'static [&'static str], at: usize) -> &'static str {
    match (kind, spellings[at]) {
        ("city", _) => "г",
        (_, "область") => "обл",
        (_, "республика") => "респ",
        (_, "улица") => "ул",
        (_, "проспект" | "пр-т") => "пр-кт",
        (_, "переулок") => "пер",
        (_, "шоссе") => "ш",
        (_, "пос" | "поселок" | "посёлок") => "п",
        (_, "село") => "с",
        (_, "деревня") => "д-ня",
        (_, "корп" | "корпус") => "к",
        (_, "строение") => "стр",
        (_, "квартира") => "кв",
        (_, "офис") => "оф",
        (_, "пом") => "помещ",
        (_, other) => other,
    }
}

/// What the register suggests for a text. Magic words decide how many candidates there are.
pub fn suggest(text: &str) -> Vec<Address> {
    if let Some(address) = by_id(text) {
        return vec![address];
    }
    let lower = text.to_lowercase();
    let address = Address::read(text);
    if lower.contains("нигде") {
        Vec::new()
    } else if lower.contains("двойная") {
        (1..=2).map(|n| Address { block: Some(("к", n.to_string())), ..address.clone() }).collect()
    } else if lower.contains("многодомная") {
        (1..=7).map(|n| Address { house: Some(("д", n.to_string())), ..address.clone() }).collect()
    } else if lower.contains("бездомная") {
        vec![Address { house: None, block: None, flat: None, ..address }]
    } else {
        vec![address]
    }
}

/// The address with this FIAS id. Ids that begin with eight digits are magic: `00000000` is not in the register,
/// `00000099` is a street without a house, `000000RR` lies in region RR.
pub fn by_id(text: &str) -> Option<Address> {
    let id = Uuid::parse_str(text.trim()).ok()?.to_string();
    let trick = id.strip_prefix("000000").and_then(|rest| rest.get(..2));
    let line = match trick {
        Some("00") => return None,
        Some("99") => "117312, г Москва, ул Вавилова".to_owned(),
        Some(code) => REGIONS.iter().find(|r| r.0 == code).map(in_region)?,
        None => "117312, г Москва, ул Вавилова, д 19".to_owned(),
    };
    Some(Address { fias_id: Some(id), ..Address::read(&line) })
}

fn in_region((_, kind, name, _): &Region) -> String {
    format!("{}, г Песочный, ул Ленина, д 7", with_type(kind, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &'static str, name: &str) -> Part {
        Some((kind, name.to_owned()))
    }

    #[test]
    fn an_address_is_read_with_and_without_types() {
        let full = Address::read("117312, г Москва, ул. Вавилова, д. 19, корп. 2, кв 5");
        assert_eq!(full.postal_code, "117312");
        assert_eq!((full.region.clone(), full.city.clone()), (part("г", "Москва"), None));
        assert_eq!((full.street.clone(), full.house.clone()), (part("ул", "Вавилова"), part("д", "19")));
        assert_eq!((full.block.clone(), full.flat.clone()), (part("к", "2"), part("кв", "5")));
        assert_eq!(full.tax_office(), "7736");

        assert_eq!(Address::read("300041, Тульская область, Тула, Ленина, 7").tax_office(), "7101");
        assert_eq!(Address::read("420111, Республика Татарстан, г Казань, ул Баумана, д 1").region_code(), "16");

        let bare = Address::read("630099, Новосибирская область, Новосибирск, Ленина, 7");
        assert_eq!((bare.region_code(), bare.city.clone()), ("54", part("г", "Новосибирск")));
        assert_eq!((bare.street.clone(), bare.house.clone()), (part("ул", "Ленина"), part("д", "7")));
        assert_eq!(bare.suggestion()["data"]["timezone"], "UTC+7");
        assert_eq!(bare.suggestion()["data"]["region_with_type"], "Новосибирская обл");
    }

    #[test]
    fn magic_words_decide_the_number_of_candidates() {
        assert_eq!(suggest("г Москва, ул Нигде, д 1").len(), 0);
        assert_eq!(suggest("г Москва, ул Двойная, д 1").len(), 2);
        assert_eq!(suggest("г Москва, ул Многодомная, д 1").len(), 7);
        assert_eq!(suggest("г Москва, ул Бездомная, д 1")[0].level(), "7");
        let id = "29251dcf-00a1-4e34-98d4-5c47484a36d4";
        assert_eq!(suggest(id)[0].suggestion()["data"]["fias_id"], id);
    }

    #[test]
    fn ids_are_found_and_magic_ones_do_what_they_say() {
        let rest = "00a1-4e34-98d4-5c47484a36d4";
        let told = |head: &str| by_id(&format!("{head}-{rest}")).map(|a| (a.level(), a.region_code(), a.fias_id));
        assert_eq!(told("29251dcf"), Some(("8", "77", Some(format!("29251dcf-{rest}")))));
        assert_eq!(told("00000000"), None);
        assert_eq!(told("00000099").map(|t| t.0), Some("7"));
        for region in REGIONS {
            assert_eq!(told(&format!("000000{}", region.0)).map(|t| (t.0, t.1)), Some(("8", region.0)), "{region:?}");
        }
        assert_eq!(by_id("г Москва"), None);
    }

    #[test]
    fn the_same_address_has_the_same_id() {
        let id = |text| suggest(text)[0].suggestion()["data"]["fias_id"].clone();
        assert_eq!(id("г Москва, ул Вавилова, д 19"), id("117312, г. Москва, улица Вавилова, дом 19"));
        assert_ne!(id("г Москва, ул Вавилова, д 19"), id("г Москва, ул Вавилова, д 20"));
    }
}
