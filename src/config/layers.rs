//! The layers over one another, key by key: each value is tried by itself against the types, so that one that does not fit
//! hides no other.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use super::problem::{ConfigError, Problem, Source};
use super::{Config, DEFAULTS, Env, bounds};

const PREFIX: &str = "LITEBOX";
/// Ends the name of a variable that names a file with a secret.
const IN_FILE: &str = "_FILE";
/// Settings that are shown as `***`.
const SECRETS: [&str; 6] = [
    "database.url",
    "gateways.taxpayers.api_key",
    "gateways.device.password",
    "server.page_keys",
    "documents.keys",
    "erasure.key",
];
/// Settings that are lists of tables: JSON in the environment.
const TABLES: [&str; 1] = ["jwt.issuers"];

/// Whether a setting opens something: its value is shown nowhere.
pub fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// The environment variable of a setting: `LITEBOX_DATABASE_URL`.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}_{}", key.replace('.', "_").to_uppercase())
}

/// The variable that names a file with the value, as orchestrators mount secrets; none but secrets have one.
pub fn file_variable(key: &str) -> Option<String> {
    is_secret(key).then(|| format!("{}{IN_FILE}", variable(key)))
}

/// All keys, sorted.
pub fn keys() -> Vec<String> {
    let mut found = Vec::new();
    collect("", &defaults(), &mut |key, _| found.push(key));
    found
}

fn defaults() -> Table {
    DEFAULTS.parse().unwrap_or_default()
}

fn collect(path: &str, table: &Table, found: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        match value {
            Value::Table(inner) => collect(&joined(path, name), inner, found),
            _ => found(joined(path, name), value.clone()),
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A setting in force.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// `database.url`
    pub key: String,
    /// Its value as text; `***` for a secret that is set.
    pub value: String,
    /// Where it was set.
    pub source: Source,
}

crate::values::discreet::discreet!(Setting { key, source });

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

/// Defaults, file and environment.
pub(super) struct Layers {
    defaults: Table,
    /// Values that fit, by key.
    values: Vec<(String, Value, Source)>,
    problems: Vec<Problem>,
}

impl Layers {
    pub(super) fn read(file: Option<&Path>, env: &Env) -> Self {
        let defaults = defaults();
        let mut values = Vec::new();
        collect("", &defaults, &mut |key, value| values.push((key, value, Source::Default)));
        let mut layers = Self { defaults, values, problems: Vec::new() };
        if let Some(path) = file {
            layers.file(path);
        }
        for key in keys() {
            let name = variable(&key);
            let file = file_variable(&key).and_then(|name| env.get(&name));
            match (env.get(&name), file) {
                (None, None) => {}
                (Some(Some(text)), None) => layers.variable(&key, text, Source::Variable(name)),
                (None, Some(Some(path))) => layers.in_file(&key, Path::new(path)),
                (Some(_), Some(_)) => {
                    layers.wrong(&key, Source::Variable(name), "is set, and a file is named".to_owned())
                }
                (Some(None), None) | (None, Some(None)) => {
                    layers.wrong(&key, Source::Variable(name), "is no text in UTF-8".to_owned())
                }
            }
        }
        layers
    }

    /// A secret that stands in a file of its own, as orchestrators mount them.
    fn in_file(&mut self, key: &str, path: &Path) {
        let source = Source::File(path.to_owned());
        match std::fs::read_to_string(path) {
            Ok(text) => self.variable(key, text.trim_end_matches(['\r', '\n']), source),
            Err(error) => self.wrong(key, source, error.to_string()),
        }
    }

    fn file(&mut self, path: &Path) {
        let source = Source::File(path.to_owned());
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        // The error as a whole would quote the line, which may hold a secret.
        let table = text.and_then(|text| text.parse::<Table>().map_err(|error| malformed(&text, &error)));
        match table {
            Ok(table) => self.section("", &table, &self.defaults.clone(), &source),
            Err(what) => self.wrong("", source, what),
        }
    }

    fn section(&mut self, path: &str, table: &Table, known: &Table, source: &Source) {
        for (name, value) in table {
            let key = joined(path, name);
            match (known.get(name), value) {
                (None, _) => self.wrong(&key, source.clone(), unknown(path, known)),
                (Some(Value::Table(known)), Value::Table(inner)) => self.section(&key, inner, known, source),
                (Some(Value::Table(_)), _) => self.wrong(&key, source.clone(), format!("is a section: [{key}]")),
                (Some(default), _) => match of_kind(default, value.clone()) {
                    Ok(value) => self.offer(&key, value, source.clone()),
                    Err(what) => self.wrong(&key, source.clone(), what),
                },
            }
        }
    }

    fn variable(&mut self, key: &str, text: &str, source: Source) {
        let default = self.values.iter().find(|(known, ..)| known == key).map(|(_, value, _)| value.clone());
        let read = default.ok_or_else(String::new).and_then(|default| read(key, &default, text));
        match read {
            Ok(value) => self.offer(key, value, source),
            Err(what) => self.wrong(key, source, what),
        }
    }

    /// Takes a value that fits.
    fn offer(&mut self, key: &str, value: Value, source: Source) {
        if let Err(what) = self.fits(key, &value) {
            return self.wrong(key, source, what);
        }
        if let Some(entry) = self.values.iter_mut().find(|(known, ..)| known == key) {
            (entry.1, entry.2) = (value, source);
        }
    }

    fn fits(&self, key: &str, value: &Value) -> Result<(), String> {
        if let Value::Integer(number) = value {
            let (least, most) = bounds(key);
            if !(least..=most).contains(number) {
                return Err(format!("must be from {least} to {most}"));
            }
        }
        let mut table = self.defaults.clone();
        put(&mut table, key, value.clone());
        match Config::deserialize(Value::Table(table)) {
            Ok(_) => Ok(()),
            // What is wrong may be said with the value itself.
            Err(_) if is_secret(key) => Err(format!("must be {}", kind(value))),
            Err(error) => Err(error.message().trim().to_owned()),
        }
    }

    fn wrong(&mut self, key: &str, source: Source, what: String) {
        self.problems.push(Problem { key: key.to_owned(), source, what });
    }

    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// The settings in force; a default stands where what was set does not fit.
    pub(super) fn config(&mut self) -> Result<Config, ConfigError> {
        let mut table = self.defaults.clone();
        for (key, value, _) in &self.values {
            put(&mut table, key, value.clone());
        }
        Config::deserialize(Value::Table(table)).map_err(|_| {
            self.wrong("", Source::Default, "the settings do not go together".to_owned());
            ConfigError(self.take_problems())
        })
    }

    /// Findings with where their settings were set.
    pub(super) fn told(&self, found: Vec<(&'static str, String)>) -> Vec<Problem> {
        let source = |key: &str| self.values.iter().find(|(known, ..)| known == key).map(|(.., source)| source.clone());
        let told = |(key, what): (&str, _)| Problem {
            key: key.to_owned(),
            source: source(key).unwrap_or(Source::Default),
            what,
        };
        found.into_iter().map(told).collect()
    }

    /// Whether nobody has set it.
    pub(super) fn is_default(&self, key: &str) -> bool {
        self.values.iter().any(|(known, _, source)| known == key && *source == Source::Default)
    }

    pub(super) fn settings(&self) -> Vec<Setting> {
        self.values.iter().map(shown).collect()
    }
}

fn shown((key, value, source): &(String, Value, Source)) -> Setting {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) if TABLES.contains(&key.as_str()) => serde_json::json!(value).to_string(),
        other => other.to_string(),
    };
    let empty = text.is_empty() || text == "[]";
    let value = if is_secret(key) && !empty { "***".to_owned() } else { text };
    Setting { key: key.clone(), value, source: source.clone() }
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                put(inner, rest, value);
            }
        }
    }
}

/// A value of a file, when it is of the kind of the default.
fn of_kind(default: &Value, value: Value) -> Result<Value, String> {
    match (default, value) {
        (Value::Float(_), Value::Integer(whole)) => Ok(Value::Float(i32::try_from(whole).map_or(f64::MAX, f64::from))),
        (default, value) if default.same_type(&value) => Ok(value),
        (default, value) => Err(format!("must be {}, not {}", kind(default), kind(&value))),
    }
}

/// A value of a variable: a list is written with commas, a list of tables in JSON.
fn read(key: &str, default: &Value, text: &str) -> Result<Value, String> {
    let unread = || format!("must be {}", kind(default));
    match default {
        Value::Integer(_) => text.trim().parse().map(Value::Integer).map_err(|_| unread()),
        Value::Float(_) => text.trim().parse().map(Value::Float).map_err(|_| unread()),
        Value::Boolean(_) => text.trim().parse().map(Value::Boolean).map_err(|_| unread()),
        Value::Array(_) if TABLES.contains(&key) => match serde_json::from_str(text) {
            Ok(list @ Value::Array(_)) => Ok(list),
            _ => Err("must be a JSON array of objects".to_owned()),
        },
        Value::Array(_) => Ok(text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(Value::from)
            .collect::<Vec<_>>()
            .into()),
        _ => Ok(Value::from(text)),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list of texts",
        Value::Table(_) => "a section",
    }
}

fn unknown(path: &str, known: &Table) -> String {
    let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if path.is_empty() {
        format!("there is no such key; there are {names}")
    } else {
        format!("there is no such key; [{path}] has {names}")
    }
}

fn malformed(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message().trim())
}
