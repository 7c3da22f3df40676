//! The activation code of a fiscal data operator.

use super::Invalid;
use super::text::text_value;

/// An activation code: prepaid service of a fiscal data operator. Worth money, so hidden in `Debug`.
///
/// Every operator has a form of its own (`FD13MM123456` at one of them); only the operator can tell whether it is good.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ActivationCode(String);

text_value!(ActivationCode, hidden);

impl ActivationCode {
    /// Parses 4 to 64 Latin letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "ACTIVATION_CODE_FORMAT",
            "activation code must be 4 to 64 Latin letters, digits and hyphens",
            "Укажите код активации ОФД: от 4 до 64 латинских букв, цифр и дефисов",
        ))
    }
}
