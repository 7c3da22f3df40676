//! JSON as a value of the configuration.

use std::collections::HashMap;

use config::{Value, ValueKind};

/// Reads a JSON text.
///
/// # Errors
/// When it is none.
pub(super) fn value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).map(of)
}

fn of(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    let kind = match json {
        Json::Null => ValueKind::Nil,
        Json::Bool(is) => ValueKind::Boolean(is),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => ValueKind::I64(whole),
            None => ValueKind::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => ValueKind::String(text),
        Json::Array(items) => ValueKind::Array(items.into_iter().map(of).collect()),
        Json::Object(map) => ValueKind::Table(map.into_iter().map(|(k, v)| (k, of(v))).collect::<HashMap<_, _>>()),
    };
    Value::new(None, kind)
}
