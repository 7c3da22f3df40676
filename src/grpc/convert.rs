//! Requests into commands, with all bad fields at once; the domain into answers.

pub mod client;
pub mod kkt;
pub mod kkt_call;
pub mod kkt_request;
pub mod preview;

use time::OffsetDateTime;

use crate::clock::from_ms;
use crate::failure::{Failure, Violation};
use crate::pb;
use crate::values::{Address, AddressParts, Invalid, line};

/// Collects what is wrong with a request while it is parsed.
#[derive(Default)]
pub struct Fields(Vec<Violation>);

impl Fields {
    /// Parses a whole request: all violations, or the command.
    ///
    /// # Errors
    /// [`Failure::Validation`] with every violation.
    pub fn of<T>(parse: impl FnOnce(&mut Self) -> Option<T>) -> Result<T, Failure> {
        let mut fields = Self::default();
        match (parse(&mut fields), fields.0) {
            (Some(command), violations) if violations.is_empty() => Ok(command),
            (None, violations) if violations.is_empty() => {
                Err(Failure::Internal { detail: "a request was refused without a violation".into() })
            }
            (_, violations) => Err(Failure::Validation(violations)),
        }
    }

    /// Takes the value, or notes why there is none.
    pub fn take<T>(&mut self, field: impl Into<String>, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|why| self.note(field, why)).ok()
    }

    /// Parses a required text.
    pub fn text<T>(&mut self, field: &str, text: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        let parsed = if text.is_empty() { Err(required()) } else { parse(text) };
        self.take(field, parsed)
    }

    /// Parses a text that may be empty. `None` = wrong; `Some(None)` = absent.
    pub fn optional<T>(
        &mut self,
        field: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.take(field, parse(text)).map(Some) }
    }

    /// Takes a message or an enum value that must be there.
    pub fn present<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        self.take(field, value.ok_or_else(required))
    }

    /// Parses each of a list; `None` when one of them is wrong.
    pub fn each<I: IntoIterator, T>(
        &mut self,
        field: &str,
        list: I,
        parse: impl Fn(I::Item) -> Result<T, Invalid>,
    ) -> Option<Vec<T>> {
        let parsed: Vec<_> =
            list.into_iter().enumerate().map(|(at, one)| self.take(format!("{field}[{at}]"), parse(one))).collect();
        parsed.into_iter().collect()
    }

    fn note(&mut self, field: impl Into<String>, why: Invalid) {
        let Invalid { reason, text, russian } = why;
        self.0.push(Violation { field: field.into(), reason, text, russian });
    }
}

/// A field that is missing.
pub fn required() -> Invalid {
    Invalid::new("REQUIRED", "must be given", "Заполните это поле")
}

/// An enum value that the contract does not have.
pub fn unknown() -> Invalid {
    Invalid::new("UNKNOWN_VALUE", "must be one of the values of the contract", "Выберите значение из списка контракта")
}

/// A token that was not made here for this question.
pub fn bad_token(field: &str) -> Failure {
    let text = "must be a token of the answer before, with the same conditions";
    let russian = "Передайте токен из предыдущего ответа с теми же условиями или начните сначала";
    let (field, reason) = (field.to_owned(), "TOKEN_INVALID");
    Failure::Validation(vec![Violation { field, reason, text: text.into(), russian: russian.into() }])
}

/// A free text of at most `max` characters.
pub fn words(max: usize) -> impl Fn(&str) -> Result<String, Invalid> {
    move |text| line(text, max)
}

/// The size of a page.
pub fn page_size(fields: &mut Fields, asked: i32) -> Option<u32> {
    let negative = || Invalid::new("NEGATIVE", "must not be negative", "Укажите неотрицательное число");
    fields.take("page_size", crate::page::size(asked).ok_or_else(negative))
}

/// Parses an address; violations stand under `field`.
pub fn address(fields: &mut Fields, field: &str, address: pb::client::Address) -> Option<Address> {
    let pb::client::Address { postal_code, region, city, settlement, street, house, building, flat } = address;
    let parts = AddressParts { postal_code, region, city, settlement, street, house, building, flat };
    match Address::parse(parts) {
        Ok(address) => Some(address),
        Err(wrong) => {
            wrong.into_iter().for_each(|(part, why)| fields.note(format!("{field}.{part}"), why));
            None
        }
    }
}

/// An address for the wire.
pub fn address_out(address: &Address) -> pb::client::Address {
    parts_out(address.clone().into())
}

/// The parts of an address for the wire; some may be missing.
pub fn parts_out(parts: AddressParts) -> pb::client::Address {
    let AddressParts { postal_code, region, city, settlement, street, house, building, flat } = parts;
    pb::client::Address { postal_code, region, city, settlement, street, house, building, flat }
}

/// An instant for the wire.
pub fn instant(ms: i64) -> prost_types::Timestamp {
    let at: OffsetDateTime = from_ms(ms);
    // Below a thousand million, so it fits.
    let nanos = i32::try_from(at.nanosecond()).unwrap_or_default();
    prost_types::Timestamp { seconds: at.unix_timestamp(), nanos }
}

/// Unix milliseconds of an instant of the wire.
pub fn instant_in(at: &prost_types::Timestamp) -> Result<i64, Invalid> {
    let wrong = || Invalid::new("INSTANT_RANGE", "must be a valid instant", "Укажите существующий момент времени");
    let fits = (0..1_000_000_000).contains(&at.nanos) && (0..=253_402_300_799).contains(&at.seconds);
    if fits { Ok(at.seconds * 1000 + i64::from(at.nanos) / 1_000_000) } else { Err(wrong()) }
}

/// Text, empty when absent: proto3's way.
pub fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
