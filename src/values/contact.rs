//! Phone and e-mail.

use super::Invalid;
use super::text::text_value;

/// A phone in the one form that LiteBox takes: `911-111-1111`, ten digits without +7 or 8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

text_value!(Phone, hidden);

impl Phone {
    /// Parses `ddd-ddd-dddd`, and nothing else.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |(at, sign): (usize, u8)| if matches!(at, 3 | 7) { sign == b'-' } else { sign.is_ascii_digit() };
        if text.len() == 12 && text.bytes().enumerate().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "PHONE_FORMAT",
            "phone must have the form 911-111-1111: ten digits, no country code",
            "Укажите телефон в виде 911-111-1111: десять цифр без +7 и 8",
        ))
    }
}

/// An e-mail address in ASCII; the domain is kept in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

text_value!(Email, hidden);

const EMAIL_MAX: usize = 254;
const LOCAL_MAX: usize = 64;

impl Email {
    /// Parses what mail programs in practice accept: an unquoted local part, a domain of at least two labels, at most
    /// 254 characters in all. Addresses with Cyrillic letters are refused.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.rsplit_once('@') {
            Some((local, domain)) if text.len() <= EMAIL_MAX && is_local(local) && is_domain(domain) => {
                Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
            }
            _ => Err(Invalid::new(
                "EMAIL_FORMAT",
                "e-mail must be an address like name@example.ru, at most 254 ASCII characters",
                "Укажите адрес электронной почты латиницей, например name@example.ru",
            )),
        }
    }

    /// The address wholly in lower case: two that differ in case only are one login.
    pub fn login_key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn is_local(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    text.len() <= LOCAL_MAX && text.split('.').all(|part| !part.is_empty() && part.bytes().all(sign))
}

fn is_domain(text: &str) -> bool {
    let top = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && top.len() >= 2 && !top.bytes().all(|b| b.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    matches!(text.len(), 1..=63) && !text.starts_with('-') && !text.ends_with('-') && text.bytes().all(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gives_one_form_of_phone() {
        assert_eq!(Phone::parse("911-111-1111").unwrap().as_str(), "911-111-1111");
    }

    #[test]
    fn case_does_not_make_another_login() {
        let email = Email::parse("Shop.Owner@Example.RU").unwrap();
        assert_eq!((email.as_str(), email.login_key().as_str()), ("Shop.Owner@example.ru", "shop.owner@example.ru"));
    }
}
