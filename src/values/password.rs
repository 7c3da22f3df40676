//! The initial password of an account. It passes through this service and is stored nowhere.

use secrecy::{ExposeSecret, SecretString};

use super::Invalid;

/// An initial password. Has no `Debug`, no `Display` and no serde; its memory is zeroed when it is dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Fewest characters that LiteBox takes; configuration may demand more.
    pub const MIN: usize = 6;
    /// Most characters.
    pub const MAX: usize = 128;

    /// Parses `min_length` (never fewer than [`Self::MIN`]) to [`Self::MAX`] signs of `A-Z a-z 0-9 ! @ # $ _ -`.
    pub fn parse(text: &str, min_length: usize) -> Result<Self, Invalid> {
        let min = min_length.clamp(Self::MIN, Self::MAX);
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!@#$_-".contains(&b)) {
            return Err(Invalid::new(
                "PASSWORD_CHARACTERS",
                "password may contain only A-Z a-z 0-9 ! @ # $ _ -",
                "Используйте в пароле только латинские буквы, цифры и знаки ! @ # $ _ -",
            ));
        }
        if !(min..=Self::MAX).contains(&text.len()) {
            return Err(length(min));
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The password itself, for the one call that sets it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn length(min: usize) -> Invalid {
    let max = Password::MAX;
    Invalid::new(
        "PASSWORD_LENGTH",
        format!("password must have {min} to {max} characters"),
        format!("Задайте пароль длиной от {min} до {max} знаков"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_page_hold_word_for_word() {
        let cases = [
            ("aB1!_-", Ok(())),
            ("@#$abc", Ok(())),
            ("abcde", Err("PASSWORD_LENGTH")),
            ("", Err("PASSWORD_LENGTH")),
            ("abc def1", Err("PASSWORD_CHARACTERS")),
            ("пароль1", Err("PASSWORD_CHARACTERS")),
            ("abc%123", Err("PASSWORD_CHARACTERS")),
            ("abc.123", Err("PASSWORD_CHARACTERS")),
        ];
        for (text, expected) in cases {
            assert_eq!(Password::parse(text, 6).map(|_| ()).map_err(|e| e.reason), expected, "{text:?}");
        }
    }

    #[test]
    fn configuration_raises_the_minimum_and_never_lowers_it() {
        assert!(Password::parse("abcdefgh", 10).is_err());
        assert!(Password::parse("abcdefghij", 10).is_ok());
        assert!(Password::parse("abcde", 1).is_err());
        assert!(Password::parse(&"a".repeat(128), 6).is_ok());
        assert!(Password::parse(&"a".repeat(129), 6).is_err());
    }
}
