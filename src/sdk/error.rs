//! How every call fails.

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, ErrorInfo, StatusExt};

use crate::pb::error::ErrorReason;

/// The domain of the service's reasons; reasons of others are none of ours.
const DOMAIN: &str = "litebox.ru";

/// How every call fails. Decide by `code` and `reason`; texts may change.
#[derive(Clone)]
pub struct Error(Box<Told>);

#[derive(Clone)]
struct Told {
    method: &'static str,
    code: Code,
    message: String,
    details: ErrorDetails,
    server_request_id: String,
    request_id: String,
    attempts: u32,
}

/// One wrong field of VALIDATION_FAILED.
#[derive(Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Its path: "address.postal_code".
    pub field: String,
    /// In English, for developers.
    pub description: String,
    /// The rule, such as "REQUIRED"; may be empty.
    pub reason: String,
    /// In Russian, for people; may be empty.
    pub localized_message: String,
}

/// One broken rule, an open warning, or an address that comes near.
#[derive(Clone, PartialEq, Eq)]
pub struct PreconditionViolation {
    /// The rule, or the word to acknowledge a warning with.
    pub kind: String,
    /// The field it is about, or the id of an address.
    pub subject: String,
    /// For people.
    pub description: String,
}

impl Error {
    /// What a status of the server, or of the transport, says.
    pub(super) fn new(method: &'static str, status: &Status) -> Self {
        let details = status.get_error_details();
        let header = status.metadata().get("x-request-id").and_then(|value| value.to_str().ok());
        let server_request_id =
            details.request_info().map(|info| info.request_id.as_str()).or(header).unwrap_or_default().to_owned();
        Self(Box::new(Told {
            method,
            code: code(status),
            message: status.message().to_owned(),
            details,
            server_request_id,
            request_id: String::new(),
            attempts: 1,
        }))
    }

    /// The time of a call was over here before the service said so.
    pub(super) fn late(method: &'static str) -> Self {
        Self::new(method, &Status::deadline_exceeded("the time for this call is over"))
    }

    pub(super) fn of_call(mut self, request_id: &str, attempts: u32) -> Self {
        request_id.clone_into(&mut self.0.request_id);
        self.0.attempts = attempts;
        self
    }

    /// The code of gRPC.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Why, in the words of the contract's ErrorReason without its prefix; one that this release does not know is text all the
    /// same. Empty when the service itself did not answer, as when it cannot be reached.
    pub fn reason_text(&self) -> &str {
        match self.info() {
            Some(info) => &info.reason,
            // The timer here was faster than the service's.
            None if self.0.code == Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            None => "",
        }
    }

    /// Why, when this release knows the reason.
    pub fn reason(&self) -> Option<ErrorReason> {
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", self.reason_text()))
            .filter(|reason| *reason != ErrorReason::Unspecified)
    }

    /// The call failed for this reason.
    pub fn is(&self, reason: ErrorReason) -> bool {
        self.reason() == Some(reason)
    }

    /// In English, for developers.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// In Russian, for people, with what to do next; may be empty.
    pub fn localized_message(&self) -> &str {
        self.0.details.localized_message().map_or("", |told| told.message.as_str())
    }

    /// The wrong fields, all at once.
    pub fn field_violations(&self) -> Vec<FieldViolation> {
        let all = self.0.details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let read = |v: &tonic_types::FieldViolation| FieldViolation {
            field: v.field.clone(),
            description: v.description.clone(),
            reason: v.reason.clone(),
            localized_message: v.localized_message.as_ref().map(|told| told.message.clone()).unwrap_or_default(),
        };
        all.iter().map(read).collect()
    }

    /// Broken rules, warnings that are open, or addresses that come near.
    pub fn precondition_violations(&self) -> Vec<PreconditionViolation> {
        let all = self.0.details.precondition_failure().map(|failed| failed.violations.as_slice()).unwrap_or_default();
        let read = |v: &tonic_types::PreconditionViolation| PreconditionViolation {
            kind: v.r#type.clone(),
            subject: v.subject.clone(),
            description: v.description.clone(),
        };
        all.iter().map(read).collect()
    }

    /// How long to wait before repeating; `None` when the service does not tell.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.details.retry_info().and_then(|info| info.retry_delay)
    }

    /// More about the reason, such as `client_id` of CLIENT_ALREADY_REGISTERED.
    pub fn metadata(&self) -> HashMap<String, String> {
        self.info().map(|info| info.metadata.clone()).unwrap_or_default()
    }

    fn info(&self) -> Option<&ErrorInfo> {
        self.0.details.error_info().filter(|info| info.domain == DOMAIN)
    }

    /// The service's own name of the call, which its operators find in their log.
    pub fn server_request_id(&self) -> &str {
        &self.0.server_request_id
    }

    /// The request id of the call: under it the same call can be repeated later. Empty for calls that have none.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// "/litebox.client.v1.ClientService/Register".
    pub fn method(&self) -> &'static str {
        self.0.method
    }

    /// How often the call was tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// A new stream may bring more: the connection or the server has gone, the time of a stream is over, or the service asks to
    /// wait. What it has a reason for is no matter of the connection.
    pub(super) fn is_passing(&self) -> bool {
        match self.0.code {
            Code::Unavailable | Code::DeadlineExceeded => true,
            Code::Cancelled | Code::Internal | Code::Unknown if self.reason_text().is_empty() => true,
            _ => self.retry_after().is_some(),
        }
    }
}

// What is told to people may tell of a person.
impl fmt::Debug for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldViolation")
            .field("field", &self.field)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PreconditionViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, subject, .. } = self;
        f.debug_struct("PreconditionViolation").field("kind", kind).field("subject", subject).finish_non_exhaustive()
    }
}

/// What the transport says itself means that the connection went away, whatever its word for it, or that the time is over,
/// which tonic calls CANCELLED. The server's own statuses have no source.
fn code(status: &Status) -> Code {
    let Some(mut cause) = status.source() else { return status.code() };
    loop {
        if cause.is::<TimeoutExpired>() {
            return Code::DeadlineExceeded;
        }
        match cause.source() {
            Some(deeper) => cause = deeper,
            None => return Code::Unavailable,
        }
    }
}

/// One line, without personal data.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.0.method.trim_start_matches('/'), self.0.code)?;
        if !self.reason_text().is_empty() {
            write!(f, " ({})", self.reason_text())?;
        }
        write!(f, ": {}", self.0.message)?;
        self.field_violations().iter().try_for_each(|v| write!(f, "; {}: {}", v.field, v.description))?;
        self.precondition_violations().iter().try_for_each(|v| write!(f, "; {}", v.kind))?;
        if !self.0.server_request_id.is_empty() {
            write!(f, " [x-request-id {}]", self.0.server_request_id)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_others_are_not_ours() {
        let known_by = |domain: &str| {
            let metadata = [("client_id".to_owned(), "c".to_owned())];
            let details = ErrorDetails::with_error_info("CLIENT_ALREADY_REGISTERED", domain, metadata);
            let error = Error::new("/s/M", &Status::with_error_details(Code::AlreadyExists, "no", details));
            (error.is(ErrorReason::ClientAlreadyRegistered), error.metadata().len())
        };
        assert_eq!(known_by(DOMAIN), (true, 1));
        assert_eq!(known_by("example.org"), (false, 0));
    }
}
