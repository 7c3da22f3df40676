//! The emulated state register: one public company by its public numbers, everybody else made up from the
//! tax number. Name, address and head of that company were not checked against the register.

use sha2::{Digest, Sha256};

use super::address::Address;
use crate::sandbox::checks;

/// A taxpayer of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxpayer {
    /// INN.
    pub inn: String,
    /// OGRN or OGRNIP.
    pub ogrn: String,
    /// Organization or entrepreneur.
    pub kind: Kind,
    /// Status as DaData words it.
    pub status: &'static str,
    /// Registered address, when the register tells it.
    pub address: Option<Address>,
}

/// Organization or entrepreneur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An organization.
    Legal {
        /// Full name with the legal form.
        full: String,
        /// Short name with the legal form.
        short: String,
        /// KPP of the head office.
        kpp: String,
        /// Head: last, first and middle name.
        head: Option<[String; 3]>,
        /// KPPs of branches.
        branches: Vec<String>,
    },
    /// An entrepreneur: last, first and middle name.
    Individual([String; 3]),
}

/// The number of a magic INN: organizations 7799000NN and one check digit, entrepreneurs 77990000NN and two.
pub fn magic(inn: &str) -> Option<u8> {
    let prefix = if inn.len() == 10 { "7799000" } else { "77990000" };
    inn.strip_prefix(prefix).filter(|_| checks::inn(inn))?.get(..2)?.parse().ok()
}

/// The taxpayer with this tax number; `None` for a wrong one and for the magic ones that are not found.
pub fn find(inn: &str) -> Option<Taxpayer> {
    if !checks::inn(inn) || magic(inn) == Some(1) {
        return None;
    }
    let mut found = public(inn).unwrap_or_else(|| synthetic(inn));
    match magic(inn) {
        Some(2) => found.status = "LIQUIDATED",
        Some(3) => found.status = "LIQUIDATING",
        Some(4) => found.status = "BANKRUPT",
        Some(5) => found.status = "REORGANIZING",
        Some(6) => branch_out(&mut found),
        Some(8) => lose_head(&mut found),
        Some(9) => found.address = None,
        _ => {}
    }
    Some(found)
}

fn branch_out(taxpayer: &mut Taxpayer) {
    if let Kind::Legal { branches, .. } = &mut taxpayer.kind {
        *branches = vec!["540143001".into(), "660143001".into()];
    }
}

fn lose_head(taxpayer: &mut Taxpayer) {
    if let Kind::Legal { head, .. } = &mut taxpayer.kind {
        *head = None;
    }
}

fn public(inn: &str) -> Option<Taxpayer> {
    match inn {
        "7707083893" => Some(company(
            inn,
            "1027700132195",
            "773601001",
            ["ПУБЛИЧНОЕ АКЦИОНЕРНОЕ ОБЩЕСТВО \"СБЕРБАНК РОССИИ\"", "ПАО СБЕРБАНК"],
            "117312, г Москва, ул Вавилова, д 19",
            ["Греф", "Герман", "Оскарович"],
        )),
        _ => None,
    }
}

fn company(inn: &str, ogrn: &str, kpp: &str, names: [&str; 2], address: &str, head: [&str; 3]) -> Taxpayer {
    let [full, short] = names.map(str::to_owned);
    let head = Some(head.map(str::to_owned));
    let kind = Kind::Legal { full, short, kpp: kpp.to_owned(), head, branches: Vec::new() };
    let address = Some(Address::read(address));
    Taxpayer { inn: inn.to_owned(), ogrn: ogrn.to_owned(), kind, status: "ACTIVE", address }
}

fn synthetic(inn: &str) -> Taxpayer {
    let seed = u64::from_be_bytes(Sha256::digest(inn)[..8].try_into().unwrap_or_default());
    let address = Address::read(&format!("г Москва, ул Песочная, д {}", seed % 97 + 1));
    let region = &inn[..2];
    if inn.len() == 12 {
        let head = format!("325{region}{:09}", seed % 1_000_000_000);
        let ogrn = format!("{head}{}", checks::ogrn_tail(&head));
        let kind = Kind::Individual(person(seed));
        return Taxpayer { inn: inn.to_owned(), ogrn, kind, status: "ACTIVE", address: Some(address) };
    }
    let head = format!("125{region}{:07}", seed % 10_000_000);
    let ogrn = format!("{head}{}", checks::ogrn_tail(&head));
    let kind = Kind::Legal {
        full: format!("ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ \"ПЕСОЧНИЦА {inn}\""),
        short: format!("ООО \"ПЕСОЧНИЦА {inn}\""),
        kpp: format!("{}01001", &inn[..4]),
        head: Some(person(seed)),
        branches: Vec::new(),
    };
    Taxpayer { inn: inn.to_owned(), ogrn, kind, status: "ACTIVE", address: Some(address) }
}

fn person(seed: u64) -> [String; 3] {
    const LAST: [&str; 5] = ["Песочный", "Образцов", "Примеров", "Тестов", "Учебный"];
    const FIRST: [&str; 4] = ["Иван", "Пётр", "Сергей", "Андрей"];
    const MIDDLE: [&str; 3] = ["Иванович", "Петрович", "Сергеевич"];
    let pick = |list: &[&str], shift: u32| list[usize::try_from(seed >> shift).unwrap_or(0) % list.len()].to_owned();
    [pick(&LAST, 0), pick(&FIRST, 8), pick(&MIDDLE, 16)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn magic_inn(head: &str) -> String {
        format!("{head}{}", checks::inn_tail(head))
    }

    #[test]
    fn everybody_with_a_valid_number_is_there_and_stays_the_same() {
        let made = find("7719402047").unwrap();
        assert_eq!(made, find("7719402047").unwrap());
        assert!(checks::ogrn(&made.ogrn) && made.ogrn.len() == 13);
        assert!(matches!(&made.kind, Kind::Legal { kpp, .. } if checks::kpp(kpp)));
        let person = find("500100732259").unwrap();
        assert!(checks::ogrn(&person.ogrn) && person.ogrn.len() == 15);
        assert_eq!(find("7719402048"), None);
    }

    #[test]
    fn the_public_company_has_its_public_numbers() {
        let bank = find("7707083893").unwrap();
        assert_eq!(bank.ogrn, "1027700132195");
        assert!(matches!(bank.kind, Kind::Legal { kpp, .. } if kpp == "773601001"));
    }

    #[test]
    fn magic_numbers_are_valid_and_do_what_they_say() {
        assert_eq!(find(&magic_inn("779900001")), None);
        assert_eq!(find(&magic_inn("779900002")).unwrap().status, "LIQUIDATED");
        assert_eq!(find(&magic_inn("7799000004")).unwrap().status, "BANKRUPT");
        let many = find(&magic_inn("779900006")).unwrap();
        assert!(matches!(many.kind, Kind::Legal { branches, .. } if branches.len() == 2));
        assert_eq!(magic("7707083893"), None);
        assert_eq!((magic(&magic_inn("779900010")), magic(&magic_inn("7799000010"))), (Some(10), Some(10)));
    }
}
