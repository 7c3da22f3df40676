//! The fiscal sign of a document.

use super::Invalid;
use super::text::text_value;

/// Fiscal sign (ФП) of a fiscal document: a 32-bit number, kept as the ten digits that are printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FiscalSign(String);

text_value!(FiscalSign, shown);

impl FiscalSign {
    /// Parses 1 to 10 digits, at most 4294967295. A shorter number gets the leading zeros that belong to it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits = matches!(text.len(), 1..=10) && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(sign) if digits => Ok(Self(format!("{sign:010}"))),
            _ => Err(Invalid::new(
                "FISCAL_SIGN_FORMAT",
                "fiscal sign must be up to 10 digits, at most 4294967295",
                "Укажите фискальный признак (ФП) с отчёта о регистрации: до 10 цифр",
            )),
        }
    }
}
