//! INN, the tax number.

use super::Invalid;
use super::digits::{all_zeros, digits, weighted};
use super::text::text_value;

const TEN: [u32; 9] = [2, 4, 10, 3, 5, 9, 4, 6, 8];
const ELEVENTH: [u32; 10] = [7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
const TWELFTH: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];

/// INN: 10 digits of an organization or 12 of a person, with one or two check digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inn(String);

text_value!(Inn, hidden);

/// Whose INN it is, told by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InnKind {
    /// 10 digits.
    Organization,
    /// 12 digits: a person, here an entrepreneur.
    Entrepreneur,
}

impl Inn {
    /// Parses exactly 10 or 12 digits. Refused: anything else, wrong check digits, all zeros, region 00.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let number = digits(text).filter(|d| matches!(d.len(), 10 | 12)).ok_or_else(format)?;
        if all_zeros(text) || text.starts_with("00") {
            return Err(Invalid::new(
                "INN_REGION",
                "INN must begin with a region code, 01 to 99",
                "Проверьте ИНН: он начинается с кода региона, а кода 00 не бывает",
            ));
        }
        if !checks(&number) {
            return Err(Invalid::new(
                "INN_CHECK_DIGIT",
                "the check digits of the INN do not fit",
                "Проверьте ИНН: контрольные цифры не сходятся, в номере ошибка",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Organization or entrepreneur.
    pub fn kind(&self) -> InnKind {
        if self.0.len() == 10 { InnKind::Organization } else { InnKind::Entrepreneur }
    }

    /// Two digits of the region of the office that gave the number.
    pub fn region(&self) -> &str {
        self.0.get(..2).unwrap_or_default()
    }
}

fn checks(number: &[u32]) -> bool {
    match number {
        [head @ .., check] if head.len() == 9 => weighted(head, &TEN) == *check,
        [head @ .., eleventh, twelfth] => {
            weighted(head, &ELEVENTH) == *eleventh && weighted(&number[..11], &TWELFTH) == *twelfth
        }
        _ => false,
    }
}

fn format() -> Invalid {
    Invalid::new(
        "INN_FORMAT",
        "INN must be 10 digits (organization) or 12 digits (entrepreneur)",
        "Укажите ИНН: 10 цифр для организации или 12 цифр для предпринимателя",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sber_is_an_organization_of_moscow() {
        let inn = Inn::parse("7707083893").unwrap();
        assert_eq!((inn.kind(), inn.region()), (InnKind::Organization, "77"));
        assert_eq!(format!("{inn:?} {inn}"), "Inn(**) 7707083893");
    }

    #[test]
    fn twelve_digits_are_an_entrepreneur() {
        assert_eq!(Inn::parse("500100732259").unwrap().kind(), InnKind::Entrepreneur);
    }
}
