//! Serial numbers of cash registers and fiscal drives.

use super::Invalid;
use super::digits::{all_zeros, are_digits};
use super::text::text_value;

/// Factory serial number of a KKT, as printed on it: 1 to 20 signs. Leading zeros are kept, some programs add more.
///
/// Compare two with [`KktSerial::normalised`], not with `==`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KktSerial(String);

text_value!(KktSerial, shown);

impl KktSerial {
    /// Parses 1 to 20 Latin letters, digits and hyphens that are not all zeros.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits && !all_zeros(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "KKT_SERIAL_FORMAT",
            "serial number of the KKT must be 1 to 20 Latin letters, digits and hyphens, not all zeros",
            "Укажите заводской номер ККТ с корпуса: от 1 до 20 цифр или латинских букв",
        ))
    }

    /// The form in which two serials of one KKT are equal: upper case, without leading zeros.
    pub fn normalised(&self) -> String {
        self.0.trim_start_matches('0').to_ascii_uppercase()
    }

    /// Whether it is digits only; an RNM can be checked against such a serial only.
    pub fn is_numeric(&self) -> bool {
        self.0.bytes().all(|b| b.is_ascii_digit())
    }
}

/// Serial number of a fiscal drive (FN): 16 digits, no check digit. The first eight tell its model.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FnSerial(String);

text_value!(FnSerial, shown);

impl FnSerial {
    /// Parses exactly 16 digits that are not all zeros.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if are_digits(text, 16) && !all_zeros(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "FN_SERIAL_FORMAT",
            "serial number of the FN must be 16 digits",
            "Укажите номер фискального накопителя: 16 цифр с его корпуса",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_keeps_its_zeros_and_is_compared_without() {
        let serial = KktSerial::parse("0010610000a001").unwrap();
        assert_eq!((serial.as_str(), serial.normalised().as_str()), ("0010610000a001", "10610000A001"));
        assert!(!serial.is_numeric());
    }
}
