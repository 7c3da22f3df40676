//! What is expected of an error.

use litebox_partner::sdk::{Error, ErrorReason};
use serde_json::{Value, json};

use crate::json::{at, fits};
use crate::{Done, Runner};

impl Runner {
    /// Compares the error of a step with what is wanted, and saves from it.
    pub fn failed(&mut self, step: &Value, wanted: &Value, error: &Error) -> Done {
        if wanted.is_null() {
            return Err(error.to_string().into());
        }
        self.vars.save(step, &json!({"request_id": error.request_id()}));
        for (key, value) in wanted.as_object().into_iter().flatten() {
            compared(key, value, error, step).map_err(|unlike| format!("{unlike}, in: {error}"))?;
        }
        Ok(())
    }
}

fn compared(key: &str, wanted: &Value, error: &Error, step: &Value) -> Done {
    let got = match key {
        "code" => json!(error.code() as i32),
        "reason" => return reason(wanted, error),
        "fields" => error.field_violations().iter().map(|v| v.field.clone()).collect(),
        "field_details" => {
            json!(error.field_violations().iter().all(|v| !v.reason.is_empty() && cyrillic(&v.localized_message)))
        }
        "preconditions" => {
            let kinds: Value = error.precondition_violations().iter().map(|v| v.kind.clone()).collect();
            return fits(wanted, &kinds, key);
        }
        "metadata" => return fits(wanted, &json!(error.metadata()), key),
        "retry_after" => json!(error.retry_after().is_some()),
        "localized" => json!(cyrillic(error.localized_message())),
        "server_request_id" => json!(!error.server_request_id().is_empty()),
        "request_id" => return request_id(error, step),
        _ => return Err(format!("unknown expectation {key}").into()),
    };
    let wanted = if key == "code" { json!(number(wanted)) } else { wanted.clone() };
    same(key, &got, &wanted)
}

fn cyrillic(text: &str) -> bool {
    text.chars().any(|c| ('а'..='я').contains(&c))
}

fn same(key: &str, got: &Value, wanted: &Value) -> Done {
    if got == wanted { Ok(()) } else { Err(format!("{key} is {got}, not {wanted}").into()) }
}

/// Also caught in the way of the language: `is`.
fn reason(wanted: &Value, error: &Error) -> Done {
    let text = wanted.as_str().unwrap_or_default();
    let known = ErrorReason::from_str_name(&format!("ERROR_REASON_{text}"));
    if known.is_some_and(|reason| !error.is(reason)) {
        return Err(format!("is() does not find {text}").into());
    }
    same("reason", &json!(error.reason_text()), wanted)
}

/// That of the request, or one that was drawn for it.
fn request_id(error: &Error, step: &Value) -> Done {
    match at(step, "request.requestId") {
        Some(sent) => same("request_id", &json!(error.request_id()), sent),
        None => same("length of request_id", &json!(error.request_id().len()), &json!(36)),
    }
}

fn number(name: &Value) -> Option<usize> {
    let names = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    names.iter().position(|known| name == known)
}
