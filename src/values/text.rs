//! What all values that are a string have in common.

use super::Invalid;

/// Gives a string newtype with a `parse` its other faces: `as_str`, `Display`, `FromStr`, serde as a string.
/// `shown` derives an ordinary `Debug`, `hidden` one that keeps the value out of logs.
macro_rules! text_value {
    ($name:ident, shown) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        text_value!($name);
    };
    ($name:ident, hidden) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(**)"))
            }
        }
        text_value!($name);
    };
    ($name:ident) => {
        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::values::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_value;

/// One line of free text without the blanks around it: 1 to `max` characters, none of them a control character.
pub fn line(text: &str, max: usize) -> Result<String, Invalid> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new("REQUIRED", "must not be empty", "Заполните это поле"));
    }
    if text.chars().count() > max {
        let russian = format!("Сократите до {max} знаков");
        return Err(Invalid::new("TOO_LONG", format!("must have at most {max} characters"), russian));
    }
    if text.chars().any(char::is_control) {
        let russian = "Уберите переводы строк, табуляции и другие управляющие знаки";
        return Err(Invalid::new("CONTROL_CHARACTER", "must not contain control characters", russian));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_bounded() {
        let cases = [
            (" ул Ленина ", Ok("ул Ленина")),
            ("Ёлка", Ok("Ёлка")),
            ("", Err("REQUIRED")),
            (" \t\n", Err("REQUIRED")),
            ("12345678901", Err("TOO_LONG")),
            ("ёёёёёёёёёё", Ok("ёёёёёёёёёё")),
            ("a\nb", Err("CONTROL_CHARACTER")),
            ("a\u{0}b", Err("CONTROL_CHARACTER")),
            ("a\u{85}b", Err("CONTROL_CHARACTER")),
        ];
        for (text, expected) in cases {
            let got = line(text, 10);
            assert_eq!(got.as_deref().map_err(|e| e.reason), expected, "{text:?}");
        }
    }
}
