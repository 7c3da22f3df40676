//! Numbers of the state registers beside INN: OGRN, OGRNIP, KPP.

use super::Invalid;
use super::digits::{all_zeros, are_digits};
use super::text::text_value;

/// OGRN of an organization (13 digits) or OGRNIP of an entrepreneur (15 digits); the last digit checks the others.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ogrn(String);

text_value!(Ogrn, hidden);

impl Ogrn {
    /// Parses 13 or 15 digits: the number without its last digit, modulo 11 (13 digits) or 13 (15 digits), modulo 10,
    /// is the last digit.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let divisor = match text.len() {
            13 if are_digits(text, 13) => 11,
            15 if are_digits(text, 15) => 13,
            _ => return Err(ogrn_format()),
        };
        let number: u64 = text.parse().map_err(|_| ogrn_format())?;
        if all_zeros(text) || number / 10 % divisor % 10 != number % 10 {
            return Err(Invalid::new(
                "OGRN_CHECK_DIGIT",
                "the check digit of the OGRN does not fit",
                "Проверьте ОГРН: контрольная цифра не сходится, в номере ошибка",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it is an OGRNIP.
    pub fn is_entrepreneur(&self) -> bool {
        self.0.len() == 15
    }
}

fn ogrn_format() -> Invalid {
    Invalid::new(
        "OGRN_FORMAT",
        "OGRN must be 13 digits (organization) or 15 digits (entrepreneur)",
        "Укажите ОГРН из 13 цифр или ОГРНИП из 15 цифр",
    )
}

/// KPP of an organization or its branch: 4 digits of the tax office, 2 signs of the reason, 3 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Kpp(String);

text_value!(Kpp, shown);

impl Kpp {
    /// Parses nine signs: digits, but for the fifth and sixth, which may be capital Latin letters.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits =
            |(at, sign): (usize, u8)| sign.is_ascii_digit() || (matches!(at, 4 | 5) && sign.is_ascii_uppercase());
        if text.len() == 9 && !text.starts_with("0000") && text.bytes().enumerate().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "KPP_FORMAT",
            "KPP must be 4 digits of the tax office, 2 digits or capital Latin letters, 3 digits",
            "Укажите КПП из 9 знаков, например 770701001",
        ))
    }

    /// Four digits of the tax office that gave the KPP.
    pub fn tax_office(&self) -> &str {
        self.0.get(..4).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ogrn_and_ogrnip_are_told_apart() {
        assert!(!Ogrn::parse("1027700132195").unwrap().is_entrepreneur());
        assert!(Ogrn::parse("304500116000157").unwrap().is_entrepreneur());
    }

    #[test]
    fn the_kpp_begins_with_the_tax_office() {
        assert_eq!(Kpp::parse("7707AZ001").unwrap().tax_office(), "7707");
    }
}
