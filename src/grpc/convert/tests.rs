//! The rules of `buf.validate` in the contract and the parsers of the server accept the same: one table through both.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use regex::Regex;

use super::words;
use crate::pb::DESCRIPTORS;
use crate::values::{
    ActivationCode, ClientId, Email, FiscalSign, FnSerial, Inn, Invalid, KktSerial, Kpp, Password, Phone, Rnm,
};

/// As the library of protovalidate reads `string.email` and `string.uuid`.
const EMAIL: &str = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$";
const UUID: &str = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/// Who refuses a text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Refused {
    /// Nobody.
    No,
    /// The published rules and the server.
    Both,
    /// The server alone: check digits and the like, which the comments of the contract tell.
    Server,
}
use Refused::{Both, No, Server};

type Parser = fn(&str) -> bool;

fn ok<T>(parsed: Result<T, Invalid>) -> bool {
    parsed.is_ok()
}

/// Message, field, its parser, and texts with who refuses them.
type Row = (&'static str, &'static str, Parser, Vec<(String, Refused)>);

fn table() -> Vec<Row> {
    let cases = |list: &[(&str, Refused)]| list.iter().map(|(text, r)| ((*text).to_owned(), *r)).collect::<Vec<_>>();
    let long = |n: usize, refused| ("a".repeat(n), refused);
    vec![
        (
            "litebox.client.v1.RegisterRequest",
            "inn",
            |t| ok(Inn::parse(t)),
            cases(&[
                ("7707083893", No),
                ("500100732259", No),
                ("7707083894", Server),
                ("0000000000", Server),
                ("77070838931", Both),
                ("770708389", Both),
                ("", Both),
                ("７707083893", Both),
            ]),
        ),
        (
            "litebox.client.v1.RegisterRequest",
            "phone",
            |t| ok(Phone::parse(t)),
            cases(&[
                ("911-111-1111", No),
                ("8-911-111-11-11", Both),
                ("+79111111111", Both),
                ("9111111111", Both),
                ("911-1111111", Both),
                ("911-111-111", Both),
                ("911-111-1111\n", Both),
            ]),
        ),
        (
            "litebox.client.v1.RegisterRequest",
            "password",
            |t| ok(Password::parse(t, Password::MIN)),
            [
                cases(&[
                    ("aB1!_-", No),
                    ("@#$abc", No),
                    ("abcde", Both),
                    ("abc def1", Both),
                    ("пароль1", Both),
                    ("abc%123", Both),
                    ("abc.123", Both),
                ]),
                vec![long(128, No), long(129, Both)],
            ]
            .concat(),
        ),
        (
            "litebox.client.v1.RegisterRequest",
            "email",
            |t| ok(Email::parse(t)),
            cases(&[
                ("shop@example.ru", No),
                ("a.b+c@sub.example.ru", No),
                ("shop", Both),
                ("shop@", Both),
                ("@example.ru", Both),
                ("магазин@example.ru", Both),
                ("shop@-example.ru", Both),
                ("shop@localhost", Server),
            ]),
        ),
        (
            "litebox.client.v1.RegisterRequest",
            "external_ref",
            |t| t.is_empty() || ok(words(128)(t)),
            vec![long(0, No), long(128, No), long(129, Both), ("ё".repeat(128), No)],
        ),
        (
            "litebox.client.v1.GetRequest",
            "client_id",
            |t| ok(ClientId::parse(t)),
            cases(&[
                ("019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", No),
                ("019AB3C4-5D6E-7F80-9A1B-2C3D4E5F6071", No),
                ("019ab3c45d6e7f809a1b2c3d4e5f6071", Both),
                ("1", Both),
                ("00000000-0000-0000-0000-000000000000", Server),
            ]),
        ),
        (
            "litebox.client.v1.Address",
            "house",
            |t| ok(words(120)(t)),
            vec![long(120, No), long(121, Both), long(0, Both), (" ".to_owned(), Server)],
        ),
        (
            "litebox.kkt.v1.SaleEquipment",
            "serial",
            |t| ok(KktSerial::parse(t)),
            cases(&[
                ("00106100000001", No),
                ("A-1", No),
                ("123456789012345678901", Both),
                ("12_3", Both),
                ("", Both),
                ("0000", Server),
            ]),
        ),
        (
            "litebox.kkt.v1.SaleEquipment",
            "fn_serial",
            |t| ok(FnSerial::parse(t)),
            cases(&[("7380440800000001", No), ("738044080000001", Both), ("738044080000000A", Both)]),
        ),
        (
            "litebox.kkt.v1.Place",
            "kpp",
            |t| t.is_empty() || ok(Kpp::parse(t)),
            cases(&[("", No), ("770143001", No), ("7701AB001", No), ("7701ab001", Both), ("77014300", Both)]),
        ),
        (
            "litebox.kkt.v1.Ofd",
            "activation_code",
            |t| ok(ActivationCode::parse(t)),
            cases(&[("FD13MM123456", No), ("abc", Both), ("код-активации", Both), ("FD13 MM", Both)]),
        ),
        (
            "litebox.kkt.v1.ManualReport",
            "rnm",
            |t| ok(Rnm::parse(t)),
            cases(&[("0149060006035849", No), ("0149060006965536", Server), ("149060006035849", Both)]),
        ),
        (
            "litebox.kkt.v1.ManualReport",
            "fiscal_sign",
            |t| ok(FiscalSign::parse(t)),
            cases(&[("0024109209", No), ("1", No), ("12345678901", Both), ("4294967296", Server), ("", Both)]),
        ),
    ]
}

#[test]
fn the_published_rules_and_the_parsers_accept_the_same() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    for (message, field, parse, cases) in table() {
        let rules = Rules::of(&pool.get_message_by_name(message).unwrap(), field);
        for (text, refused) in cases {
            let context = format!("{message}.{field} {text:?}");
            assert_eq!(rules.accept(&text), refused != Both, "{context}: the rules");
            assert_eq!(parse(&text), refused == No, "{context}: the server");
        }
    }
}

/// The rules of one string field.
struct Rules {
    required: bool,
    ignore_empty: bool,
    max: Option<u64>,
    patterns: Vec<Regex>,
}

impl Rules {
    fn of(message: &MessageDescriptor, field: &str) -> Self {
        let extension = message.parent_pool().get_extension_by_name("buf.validate.field").unwrap();
        let field = message.get_field_by_name(field).unwrap();
        let Value::Message(rules) = field.options().get_extension(&extension).into_owned() else { panic!("no rules") };
        let string = get(&rules, "string").and_then(|v| v.as_message().cloned());
        let string = string.unwrap_or_else(|| panic!("{} has no rule", field.full_name()));
        let flag = |name| get(&string, name).and_then(|v| v.as_bool()).unwrap_or_default();
        let pattern = get(&string, "pattern").and_then(|v| v.as_str().map(str::to_owned));
        let known = [flag("email").then(|| EMAIL.to_owned()), flag("uuid").then(|| UUID.to_owned()), pattern];
        Self {
            required: get(&rules, "required").and_then(|v| v.as_bool()).unwrap_or_default(),
            ignore_empty: get(&rules, "ignore").and_then(|v| v.as_enum_number()).is_some_and(|n| n == 1),
            max: get(&string, "max_len").and_then(|v| v.as_u64()),
            patterns: known.into_iter().flatten().map(|p| Regex::new(&p).unwrap()).collect(),
        }
    }

    fn accept(&self, text: &str) -> bool {
        if text.is_empty() && (self.ignore_empty || self.required) {
            return self.ignore_empty && !self.required;
        }
        let fits = self.max.is_none_or(|max| text.chars().count() as u64 <= max);
        fits && self.patterns.iter().all(|p| p.is_match(text))
    }
}

/// A rule that is set.
fn get(message: &DynamicMessage, name: &str) -> Option<Value> {
    let field = message.descriptor().get_field_by_name(name).unwrap();
    message.has_field(&field).then(|| message.get_field(&field).into_owned())
}
