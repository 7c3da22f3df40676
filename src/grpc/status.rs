//! The only maker of `Status`: a failure becomes a canonical code and its details. The table is the one of
//! `proto/litebox/error/v1/error_reason.proto`; the Russian sentences stand in `russian`.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, FieldViolation, LocalizedMessage, PreconditionViolation, StatusExt};

use super::call::CallId;
use super::russian;
use crate::failure::{Candidate, Failure, Requirement, Violation};
use crate::gateways::Gateway;
use crate::metrics::Shed;
use crate::pb::error::ErrorReason;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "litebox.ru";
/// The locale of every `LocalizedMessage`.
pub const LOCALE: &str = "ru-RU";
/// Most violations that one answer lists: details travel in a header, and common clients refuse more than 8 KiB.
const MOST_VIOLATIONS: usize = 16;
/// When to try again after the database was away, or had too much to do.
const STORAGE_RETRY: Duration = Duration::from_secs(1);
/// When to try again after another call was faster.
const CONFLICT_RETRY: Duration = Duration::from_millis(100);
/// When to try again after the server had no place for the call.
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);
/// When to try again what a person has to confirm first.
const RECOVERING_RETRY: Duration = Duration::from_secs(60);

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        if let Failure::Internal { detail } = &failure {
            tracing::error!(detail, "internal failure");
        }
        let (code, reason, text) = row(&failure);
        Answer::new(code, reason, text, russian::of(&failure)).with(metadata(&failure)).detailed(&failure).status()
    }
}

/// No credentials, or bad ones: one answer, so that nothing can be learnt by trying.
pub fn unauthenticated() -> Status {
    let text = "missing or invalid credentials";
    Answer::new(Code::Unauthenticated, ErrorReason::CredentialsInvalid, text, russian::CREDENTIALS).status()
}

/// The credentials lack a scope; `scope` as in the contract, without prefix: `KKT_WRITE`.
pub fn scope_missing(scope: &str) -> Status {
    let text = "the credentials do not carry the scope that this method demands";
    let metadata = vec![("scope", scope.to_owned())];
    Answer::new(Code::PermissionDenied, ErrorReason::ScopeMissing, text, russian::scope(scope)).with(metadata).status()
}

/// The credential is good and lets in, but not for the partner that was named, or none was: one answer, so that nothing
/// can be learnt of partners by trying.
pub fn partner_not_allowed() -> Status {
    let text = "the call is not for a partner that these credentials may act for";
    Answer::new(Code::PermissionDenied, ErrorReason::PartnerNotAllowed, text, russian::PARTNER).status()
}

/// The deadline has passed.
pub fn deadline_exceeded() -> Status {
    let text = "the deadline has passed";
    Answer::new(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, text, russian::DEADLINE).status()
}

/// The server has as many calls as it takes at once.
pub fn overloaded() -> Status {
    let text = "the server has too much to do; repeat a little later";
    let reason = ErrorReason::ServerOverloaded;
    let mut answer = Answer::new(Code::ResourceExhausted, reason, text, russian::OVERLOADED);
    answer.details.set_retry_info(Some(OVERLOAD_RETRY));
    answer.status()
}

/// A defect of ours; `detail` goes to the log only.
pub fn internal(detail: &str) -> Status {
    Failure::Internal { detail: detail.to_owned() }.into()
}

/// An error answer as it goes out, and what the log and the meters tell of it.
pub struct Completed {
    /// The answer.
    pub status: Status,
    /// The reason that it gives to programs.
    pub reason: Option<String>,
    /// Whether its caller was told to come again because there is too much to do.
    pub shed: Option<Shed>,
}

/// Gives an error what every one carries, whoever made it: a reason and the id of the call. What is refused must cost little,
/// so the details of our own are read once.
pub fn complete(status: &Status, call: &CallId) -> Completed {
    let details = status.get_error_details();
    if details.error_info().is_some() {
        return carrying(call, status, details);
    }
    let status = foreign(status);
    carrying(call, &status, status.get_error_details())
}

fn carrying(call: &CallId, status: &Status, mut details: ErrorDetails) -> Completed {
    let info = details.error_info();
    let (reason, shed) = (info.map(|info| info.reason.clone()), info.and_then(shed));
    details.set_request_info(call.0.as_str(), "");
    let metadata = status.metadata().clone();
    let status = Status::with_error_details_and_metadata(status.code(), status.message(), details, metadata);
    Completed { status, reason, shed }
}

fn shed(info: &ErrorInfo) -> Option<Shed> {
    let named = info.metadata.get("limit").unwrap_or(&info.reason);
    Shed::ALL.into_iter().find(|why| why.name() == named)
}

/// An error made by tonic itself, before or after our handlers.
fn foreign(status: &Status) -> Status {
    match status.code() {
        // Unknown methods.
        Code::Unimplemented => Failure::NotOffered { what: "method" }.into(),
        Code::NotFound => Failure::NotFound { what: "service" }.into(),
        // What cannot be decoded: tonic calls it INTERNAL, and OUT_OF_RANGE when it is too long.
        Code::Internal | Code::OutOfRange | Code::InvalidArgument => undecodable(),
        code => internal(&format!("a status {code:?} without a reason")),
    }
}

/// A message that is none, or that breaks off.
pub fn undecodable() -> Status {
    let text = "the message cannot be decoded or is longer than allowed";
    Answer::new(Code::InvalidArgument, ErrorReason::ValidationFailed, text, russian::UNDECODABLE).status()
}

/// Code, reason and English text of a failure: the error table. No catch-all arm: a new failure must get its row.
fn row(failure: &Failure) -> (Code, ErrorReason, &'static str) {
    use ErrorReason as R;
    match failure {
        Failure::Validation(_) => (Code::InvalidArgument, R::ValidationFailed, "some fields are wrong"),
        Failure::KeyReused => {
            (Code::FailedPrecondition, R::IdempotencyKeyReused, "this request_id was used with other content")
        }
        Failure::ClientAlreadyRegistered { .. } => {
            (Code::AlreadyExists, R::ClientAlreadyRegistered, "this partner has a client with this INN")
        }
        Failure::ClientKnownElsewhere { .. } => {
            (Code::AlreadyExists, R::ClientKnownElsewhere, "this INN is known; turn to the regional manager")
        }
        Failure::LoginTaken => (Code::AlreadyExists, R::LoginTaken, "the e-mail is the login of another account"),
        Failure::RegistrationUnavailableInTheme => {
            (Code::FailedPrecondition, R::RegistrationUnavailableInTheme, "no registration of clients in this theme")
        }
        Failure::TaxpayerNotFound => {
            (Code::FailedPrecondition, R::TaxpayerNotFound, "the state register does not have this INN")
        }
        Failure::TaxpayerNotActive { .. } => {
            (Code::FailedPrecondition, R::TaxpayerNotActive, "the taxpayer is not in business")
        }
        Failure::KktAlreadyRegistered { .. } => {
            (Code::AlreadyExists, R::KktAlreadyRegistered, "this partner has a registration of this KKT or FN")
        }
        Failure::SerialOrFnInUse => {
            (Code::AlreadyExists, R::SerialOrFnInUse, "the KKT or the FN stands in another registration")
        }
        Failure::AddressNotResolved { .. } => {
            (Code::FailedPrecondition, R::AddressNotResolved, "the address is not exactly one address of the register")
        }
        Failure::RequirementsNotMet(_) | Failure::OrderNotMet { .. } => {
            (Code::FailedPrecondition, R::KktRequirementsNotMet, "the data break rules of registration")
        }
        Failure::WarningsNotAcknowledged(_) => {
            (Code::FailedPrecondition, R::WarningsNotAcknowledged, "there are warnings to acknowledge")
        }
        Failure::AutomaticUnsupported { .. } => {
            (Code::FailedPrecondition, R::AutomaticUnsupported, "this model cannot be fiscalized automatically")
        }
        Failure::NoRentalDevice => (Code::ResourceExhausted, R::NoRentalDevice, "no device of the rental fleet fits"),
        Failure::WrongKktState { .. } => {
            (Code::FailedPrecondition, R::WrongKktState, "the registration is not in a state that allows this")
        }
        Failure::NotFound { .. } => (Code::NotFound, R::ResourceNotFound, "not found"),
        Failure::Conflict => (Code::Aborted, R::Conflict, "another call was faster; repeat with the same request_id"),
        Failure::GatewayUnavailable { gateway, .. } => {
            (Code::Unavailable, unavailable(*gateway), "an outer system does not answer")
        }
        Failure::StorageUnavailable => (Code::Unavailable, R::StorageUnavailable, "the database does not answer"),
        Failure::StorageBusy => {
            (Code::ResourceExhausted, R::StorageOverloaded, "the database has too much to do; repeat a little later")
        }
        Failure::Recovering => {
            (Code::Unavailable, R::Recovering, "a backup was restored, and this is held back until it has been checked")
        }
        Failure::RateLimited { .. } => (Code::ResourceExhausted, R::RateLimited, "over a limit"),
        Failure::NotOffered { .. } => (Code::Unimplemented, R::NotOffered, "not offered in this release"),
        Failure::DeadlinePassed => (Code::DeadlineExceeded, R::DeadlineExceeded, "the deadline has passed"),
        Failure::Internal { .. } => (Code::Internal, R::Internal, "internal error"),
    }
}

const fn unavailable(gateway: Gateway) -> ErrorReason {
    match gateway {
        Gateway::Taxpayers => ErrorReason::TaxpayersUnavailable,
        Gateway::Accounts => ErrorReason::AccountsUnavailable,
        Gateway::Fns => ErrorReason::FnsUnavailable,
        Gateway::Ofd => ErrorReason::OfdUnavailable,
        Gateway::Device => ErrorReason::DeviceUnavailable,
    }
}

/// The metadata that the contract promises for the reason.
fn metadata(failure: &Failure) -> Vec<(&'static str, String)> {
    match failure {
        Failure::Validation(list) => vec![("violations", list.len().to_string())],
        Failure::RequirementsNotMet(list) | Failure::WarningsNotAcknowledged(list) => {
            vec![("violations", list.len().to_string())]
        }
        Failure::ClientAlreadyRegistered { client_id } => vec![("client_id", client_id.to_string())],
        Failure::ClientKnownElsewhere { manager } => vec![
            ("manager_name", manager.name.clone()),
            ("manager_phone", manager.phone.clone()),
            ("manager_email", manager.email.clone()),
        ],
        Failure::OrderNotMet { blocking, warnings } => {
            let codes = warnings.iter().map(|warning| warning.code).collect::<Vec<_>>().join(",");
            vec![("violations", blocking.len().to_string()), ("warnings", codes)]
        }
        Failure::LoginTaken => vec![("field", "email".to_owned())],
        Failure::RateLimited { limit, .. } => vec![("limit", limit.name().to_owned())],
        Failure::RegistrationUnavailableInTheme => vec![("theme", "MTS".to_owned())],
        Failure::TaxpayerNotActive { status } => vec![("status", (*status).to_owned())],
        Failure::KktAlreadyRegistered { kkt_id } => vec![("kkt_id", kkt_id.to_string())],
        Failure::AddressNotResolved { candidates } => vec![("candidates", candidates.len().to_string())],
        Failure::AutomaticUnsupported { model } => model.iter().map(|model| ("model", model.clone())).collect(),
        Failure::WrongKktState { state } => vec![("state", (*state).to_owned())],
        Failure::NotFound { what } => vec![("resource", (*what).to_owned())],
        Failure::NotOffered { what } => vec![("feature", (*what).to_owned())],
        _ => Vec::new(),
    }
}

/// A `Status` in the making.
struct Answer {
    code: Code,
    reason: ErrorReason,
    text: &'static str,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Answer {
    fn new(code: Code, reason: ErrorReason, text: &'static str, russian: impl Into<String>) -> Self {
        let details = ErrorDetails::with_localized_message(LOCALE, russian);
        Self { code, reason, text, metadata: HashMap::new(), details }
    }

    fn with(mut self, metadata: Vec<(&'static str, String)>) -> Self {
        self.metadata.extend(metadata.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self
    }

    /// Adds the details that belong to the failure beside its reason.
    fn detailed(mut self, failure: &Failure) -> Self {
        match failure {
            Failure::Validation(list) => {
                self.details.set_bad_request(list.iter().take(MOST_VIOLATIONS).map(field).collect::<Vec<_>>());
            }
            Failure::RequirementsNotMet(list) | Failure::WarningsNotAcknowledged(list) => {
                let rules = list.iter().take(MOST_VIOLATIONS).map(rule).collect::<Vec<_>>();
                self.details.set_precondition_failure(rules);
            }
            Failure::OrderNotMet { blocking, warnings } => {
                let rules = blocking.iter().chain(warnings).take(MOST_VIOLATIONS).map(rule).collect::<Vec<_>>();
                self.details.set_precondition_failure(rules);
            }
            Failure::AddressNotResolved { candidates } => {
                self.details.set_precondition_failure(candidates.iter().take(5).map(candidate).collect::<Vec<_>>());
            }
            Failure::GatewayUnavailable { retry_after, .. } | Failure::RateLimited { retry_after, .. } => {
                self.details.set_retry_info(Some(*retry_after));
            }
            Failure::StorageUnavailable | Failure::StorageBusy => {
                self.details.set_retry_info(Some(STORAGE_RETRY));
            }
            Failure::Conflict => {
                self.details.set_retry_info(Some(CONFLICT_RETRY));
            }
            Failure::Recovering => {
                self.details.set_retry_info(Some(RECOVERING_RETRY));
            }
            _ => {}
        }
        self
    }

    fn status(mut self) -> Status {
        self.details.set_error_info(name(self.reason), DOMAIN, self.metadata);
        Status::with_error_details(self.code, self.text, self.details)
    }
}

/// Name of a reason on the wire: without the prefix of the enum.
fn name(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

fn field(violation: &Violation) -> FieldViolation {
    FieldViolation {
        field: violation.field.clone(),
        description: violation.text.clone(),
        reason: violation.reason.to_owned(),
        localized_message: Some(LocalizedMessage::new(LOCALE, violation.russian.clone())),
    }
}

fn rule(requirement: &Requirement) -> PreconditionViolation {
    PreconditionViolation::new(requirement.code, requirement.subject.clone(), requirement.russian.clone())
}

/// Its subject is the id to order with.
fn candidate(address: &Candidate) -> PreconditionViolation {
    let subject = address.fias_id.as_deref().unwrap_or("place.address");
    PreconditionViolation::new("ADDRESS_CANDIDATE", subject, address.text.as_str())
}

#[cfg(test)]
mod tests;
