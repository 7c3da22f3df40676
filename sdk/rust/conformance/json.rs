//! Variables, messages in JSON, and what fits a subset.

use std::collections::HashMap;
use std::sync::LazyLock;

use litebox_partner::pb::DESCRIPTORS;
use litebox_partner::sdk::new_request_id;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Map, Value};

use crate::Done;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).unwrap_or_default());

/// A message out of JSON, which may be absent.
pub fn message<M: Message + Default>(name: &str, value: &Value) -> Done<M> {
    if value.is_null() {
        return Ok(M::default());
    }
    let descriptor = POOL.get_message_by_name(name).ok_or(name)?;
    let dynamic = DynamicMessage::deserialize(descriptor, value)?;
    Ok(M::decode(dynamic.encode_to_vec().as_slice())?)
}

/// A message in JSON.
pub fn shown(name: &str, message: &impl Message) -> Done<Value> {
    let descriptor = POOL.get_message_by_name(name).ok_or(name)?;
    Ok(serde_json::to_value(DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?)?)
}

/// The variables of a case.
#[derive(Clone, Default)]
pub struct Vars(HashMap<String, String>);

impl Vars {
    pub fn get(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }

    pub fn take(&mut self, from: &Value) {
        let all = from.as_object().into_iter().flatten();
        self.0.extend(all.map(|(name, value)| (name.clone(), text(value))));
    }

    /// Replaces variables in all strings of a step, but for the steps within it, whose time has not come.
    pub fn filled(&self, value: &Value) -> Done<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(text)?),
            Value::Array(all) => Value::Array(all.iter().map(|one| self.filled(one)).collect::<Done<_>>()?),
            Value::Object(all) => Value::Object(all.iter().map(|one| self.member(one)).collect::<Done<Map<_, _>>>()?),
            other => other.clone(),
        })
    }

    fn member(&self, (name, value): (&String, &Value)) -> Done<(String, Value)> {
        let later = ["during", "when_blocked"].contains(&name.as_str());
        Ok((name.clone(), if later { value.clone() } else { self.filled(value)? }))
    }

    fn text(&self, text: &str) -> Done<String> {
        let mut parts = text.split("${");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or("a variable without an end")?;
            match (name, self.0.get(name)) {
                ("uuid", _) => filled += &new_request_id(),
                (_, Some(value)) => filled += value,
                (_, None) => return Err(format!("there is no variable {name}").into()),
            }
            filled += rest;
        }
        Ok(filled)
    }

    /// Takes values out of what a step has brought.
    pub fn save(&mut self, step: &Value, from: &Value) {
        for (name, path) in step["save"].as_object().into_iter().flatten() {
            let value = path.as_str().and_then(|path| at(from, path)).map(text);
            self.0.insert(name.clone(), value.unwrap_or_default());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Follows a path like "kkt.history.0.detail".
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| match key.parse::<usize>() {
        Ok(index) if value.is_array() => value.get(index),
        _ => value.get(key),
    })
}

/// `fits` for an expectation that may be left out.
pub fn check(wanted: &Value, value: &Value, path: &str) -> Done {
    if wanted.is_null() { Ok(()) } else { fits(wanted, value, path) }
}

/// Where a value does not fit a subset.
pub fn fits(wanted: &Value, value: &Value, path: &str) -> Done {
    let fit = match wanted {
        Value::Object(_) if !value.is_object() && !value.is_null() => false,
        Value::Object(all) => {
            return all.iter().try_for_each(|(key, inner)| fits(inner, &value[key], &format!("{path}.{key}")));
        }
        Value::Array(all) => {
            let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter().all(|one| elements.iter().any(|element| fits(one, element, path).is_ok()))
        }
        Value::String(any) if any == "*" => !empty(value),
        _ => wanted == value || empty(wanted) && empty(value),
    };
    if fit { Ok(()) } else { Err(format!("{path} is {value}, not {wanted}").into()) }
}

/// What protojson leaves out.
fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(yes) => !yes,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(_) => false,
    }
}
