//! Looks for marked values in what a program has told, in every form in which a value is likely to be told.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value};

use crate::tenancy::fields::{methods, name};

/// Shortest form that is looked for, bytes: shorter ones turn up by chance.
const SHORTEST: usize = 6;
/// In every marked word there is one of these, and in no other text.
const STEMS: [&str; 2] = ["канар", "kanar"];

/// The values that must not be found, by what they were given for.
#[derive(Default)]
pub struct Marks(BTreeMap<String, Vec<String>>);

impl Marks {
    /// Marks a value.
    pub fn add(&mut self, what: &str, value: &str) {
        let values = self.0.entry(what.to_owned()).or_default();
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// Marks every text of a request that its descriptor hides.
    pub fn learn(&mut self, method: &MethodDescriptor, message: &DynamicMessage) {
        learn(self, &name(method), message);
    }

    /// Texts of the contract's requests that are hidden and were never given.
    pub fn missing(&self) -> Vec<String> {
        let all = methods().into_iter().flat_map(|method| hidden(&method.input(), &name(&method)));
        all.filter(|field| !self.0.contains_key(field)).collect()
    }

    /// Prepares to look for all of them, but those that were given for something with one of `but` in its name.
    pub fn search(&self, but: &[&str]) -> Search {
        let mut search = Search { starts: vec![false; 1 << 20], needles: HashMap::new() };
        for (what, values) in self.0.iter().filter(|(what, _)| !but.iter().any(|part| what.contains(part))) {
            for (form, needle) in values.iter().flat_map(|value| forms(value)) {
                search.add(needle.to_lowercase(), || format!("{what} ({form})"));
            }
        }
        search
    }
}

fn learn(marks: &mut Marks, at: &str, message: &DynamicMessage) {
    for (field, value) in message.fields() {
        let path = format!("{at}.{}", field.name());
        let values = value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
        for value in values {
            match value {
                Value::String(text) if redacted(&field) && !text.is_empty() => marks.add(&path, &text),
                Value::Message(inner) => learn(marks, &path, &inner),
                _ => {}
            }
        }
    }
}

fn hidden(message: &MessageDescriptor, at: &str) -> Vec<String> {
    let within = |field: FieldDescriptor| {
        let path = format!("{at}.{}", field.name());
        match field.kind() {
            Kind::String | Kind::Bytes if redacted(&field) => vec![path],
            Kind::Message(inner) if inner.full_name().starts_with("litebox.") => hidden(&inner, &path),
            _ => Vec::new(),
        }
    };
    message.fields().flat_map(within).collect()
}

fn redacted(field: &FieldDescriptor) -> bool {
    field.options().get_field_by_name("debug_redact").and_then(|v| v.as_bool()).unwrap_or(false)
}

/// A value whole and in its marked words, each in all forms.
fn forms(value: &str) -> Vec<(&'static str, String)> {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let number = Some(("digits", digits)).filter(|(_, digits)| digits.len() >= 10);
    let words = value.split(|c: char| !c.is_alphanumeric()).filter(|word| marked(word));
    // What is coded cannot be compared without regard to capitals any more.
    let cases = |word: &str| [word.to_owned(), word.to_lowercase(), word.to_uppercase()];
    // A text that is very long would not be told whole.
    let all = Some(value).filter(|value| value.len() < 256).into_iter().chain(words).flat_map(cases);
    all.flat_map(|word| written(&word)).chain(number).collect()
}

fn marked(word: &str) -> bool {
    let word = word.to_lowercase();
    STEMS.iter().any(|stem| word.contains(stem)) || (word.len() >= SHORTEST && word.bytes().all(|b| b.is_ascii_digit()))
}

fn written(text: &str) -> Vec<(&'static str, String)> {
    let hex = |list: &[u8]| list.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let json = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    let percent = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02x}") };
    let mut all = vec![
        ("as it is", text.to_owned()),
        ("JSON", text.chars().map(json).collect()),
        ("percent", text.bytes().map(percent).collect()),
        ("escaped bytes", text.as_bytes().escape_ascii().to_string()),
        ("hex", hex(text.as_bytes())),
        ("numbers", format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned()),
        ("windows-1251", hex(&encoding_rs::WINDOWS_1251.encode(text).0)),
    ];
    // Inside a longer text base64 begins at any of three places.
    for before in 0..3 {
        let bytes = [&vec![0; before], text.as_bytes()].concat();
        let (from, to) = ((before * 4).div_ceil(3), bytes.len() * 4 / 3);
        for coded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            all.push(("base64", coded[from..to].to_owned()));
        }
    }
    all.retain(|(form, needle)| *form != "base64" || needle.len() >= 8);
    all
}

/// What is looked for.
pub struct Search {
    /// Whether something may begin with these bytes: a few instructions for each byte of a log of many megabytes.
    starts: Vec<bool>,
    /// By the first bytes: each form, and what it is of.
    needles: HashMap<Start, BTreeMap<String, String>>,
}

type Start = [u8; SHORTEST];

fn slot(start: &Start) -> usize {
    let number = start.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    usize::try_from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44).unwrap()
}

impl Search {
    fn add(&mut self, needle: String, what: impl FnOnce() -> String) {
        let Some(start) = needle.as_bytes().first_chunk::<SHORTEST>().copied() else { return };
        self.starts[slot(&start)] = true;
        self.needles.entry(start).or_default().entry(needle).or_insert_with(what);
    }

    /// What is found: the field and the form, with the text around the first place. Capitals make no difference.
    pub fn find(&self, told: &[u8]) -> Vec<String> {
        let told = String::from_utf8_lossy(told).to_lowercase();
        let mut found = BTreeMap::new();
        for (at, start) in told.as_bytes().array_windows::<SHORTEST>().enumerate() {
            if self.starts[slot(start)] {
                let all = self.needles.get(start).into_iter().flatten();
                for (needle, what) in all.filter(|(needle, _)| is_at(&told, at, needle)) {
                    found.entry(what.as_str()).or_insert_with(|| around(&told, at, at + needle.len()));
                }
            }
        }
        found.into_iter().map(|(what, around)| format!("{what}: …{around}…")).collect()
    }
}

/// A number that is short counts by itself only, not inside another one.
fn is_at(told: &str, at: usize, needle: &str) -> bool {
    let told = told.as_bytes();
    // Nor as a fraction: of a second, mostly.
    let number = |b: &u8| b.is_ascii_digit() || *b == b'.';
    let short = needle.len() <= 8 && needle.bytes().all(|b| b.is_ascii_digit());
    let inside = || {
        at.checked_sub(1).and_then(|before| told.get(before)).is_some_and(number)
            || told.get(at + needle.len()).is_some_and(u8::is_ascii_digit)
    };
    told[at..].starts_with(needle.as_bytes()) && !(short && inside())
}

fn around(text: &str, start: usize, end: usize) -> &str {
    let (from, to) =
        (text.floor_char_boundary(start.saturating_sub(160)), text.ceil_char_boundary((end + 80).min(text.len())));
    &text[from..to]
}

#[test]
fn a_marked_value_is_found_in_every_form() {
    let mut marks = Marks::default();
    marks.add("name", "Канарейкина-Ёжикова");
    marks.add("mail", "kanar.eva@kanarmail.ru");
    marks.add("phone", "911-555-0137");
    marks.add("code", "910377");
    let search = marks.search(&[]);
    for (text, found) in [
        ("it is КАНАРЕЙКИНА.", "name"),
        (r#"{"a":"\u043a\u0430\u043d\u0430\u0440\u0435\u0439\u043a\u0438\u043d\u0430"}"#, "name"),
        ("%D0%9A%D0%B0%D0%BD%D0%B0%D1%80%D0%B5%D0%B9%D0%BA%D0%B8%D0%BD%D0%B0", "name"),
        (r"b\xd0\x9a\xd0\xb0\xd0\xbd\xd0\xb0\xd1\x80\xd0\xb5\xd0\xb9\xd0\xba\xd0\xb8\xd0\xbd\xd0\xb0", "name"),
        ("d09ad0b0d0bdd0b0d180d0b5d0b9d0bad0b8d0bdd0b0", "name"),
        (
            "[208, 154, 208, 176, 208, 189, 208, 176, 209, 128, 208, 181, 208, 185, 208, 186, 208, 184, 208, 189, 208, 176]",
            "name",
        ),
        ("0JrQsNC90LDRgNC10LnQutC40L3QsA", "name"),
        ("cae0ede0f0e5e9eae8ede0", "name"),
        ("bad KANAR.EVA@kanarmail.ru", "mail"),
        ("kanar.eva%40kanarmail.ru", "mail"),
        (&STANDARD_NO_PAD.encode("x kanar.eva@kanarmail.ru"), "mail"),
        (&URL_SAFE_NO_PAD.encode("xy kanar.eva@kanarmail.ru."), "mail"),
        ("@kanarmail.ru", "mail"),
        ("+79115550137", "phone"),
        ("Key (phone)=(911-555-0137)", "phone"),
        ("code=910377,", "code"),
        ("us=1910377 s=0.0009103771 s=0.910377", ""),
        ("Канада, kana", ""),
    ] {
        let hits = search.find(text.as_bytes());
        assert!(
            hits.iter().all(|hit| hit.starts_with(found)) && hits.is_empty() == found.is_empty(),
            "{text}: {hits:?}"
        );
    }
}

#[test]
fn a_hidden_field_without_a_value_is_missed() {
    let mut marks = Marks::default();
    let all = marks.missing();
    assert!(all.len() > 40 && all.contains(&"ClientService/Register.address.street".to_owned()), "{all:?}");
    for field in all.iter().filter(|field| !field.ends_with(".password")) {
        marks.add(field, "x");
    }
    assert_eq!(marks.missing(), ["ClientService/Register.password"]);
}
