//! Why a call failed, as the services say it. Knows neither tonic nor SQL: `grpc::status` makes every `Status` of it.

use std::time::Duration;

use crate::gateways::{Gateway, Setback};
use crate::values::{ClientId, KktId};

/// Why a call failed. One variant a row of the error table in `docs/errors.md`.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The caller's deadline has passed: nobody waits for an answer, and what was not asked outside must not count as silence.
    DeadlinePassed,
    /// Bad fields, all of them at once.
    Validation(Vec<Violation>),
    /// The request id was used with other content.
    KeyReused,
    /// The partner has a client with this INN.
    ClientAlreadyRegistered {
        /// The client.
        client_id: ClientId,
    },
    /// The INN is known to somebody else; one answer, whoever it is.
    ClientKnownElsewhere {
        /// Whom to turn to.
        manager: RegionalManager,
    },
    /// The e-mail is a login already.
    LoginTaken,
    /// The partner works under a theme in which clients cannot be registered.
    RegistrationUnavailableInTheme,
    /// The state register does not have the INN.
    TaxpayerNotFound,
    /// The taxpayer is not in business.
    TaxpayerNotActive {
        /// Status in the register: `LIQUIDATED`.
        status: &'static str,
    },
    /// The partner has an open or finished registration of this KKT or FN.
    KktAlreadyRegistered {
        /// That registration.
        kkt_id: KktId,
    },
    /// The KKT or the FN is in a stranger's registration.
    SerialOrFnInUse,
    /// The address is not one address of the register.
    AddressNotResolved {
        /// Up to five that come near.
        candidates: Vec<Candidate>,
    },
    /// Rules between FN, model, OFD, modes and taxes are broken.
    RequirementsNotMet(Vec<Requirement>),
    /// Rules of an order are broken, and there may be warnings as well.
    OrderNotMet {
        /// What must be changed.
        blocking: Vec<Requirement>,
        /// What will have to be acknowledged.
        warnings: Vec<Requirement>,
    },
    /// Warnings must be acknowledged first.
    WarningsNotAcknowledged(Vec<Requirement>),
    /// The model cannot be driven.
    AutomaticUnsupported {
        /// The model as the catalogue has it; none when it does not: what a caller typed is in no error.
        model: Option<String>,
    },
    /// No device of the fleet fits.
    NoRentalDevice,
    /// The registration is not in a state that allows this.
    WrongKktState {
        /// State, as in the contract without prefix: `AWAITING_RNM`.
        state: &'static str,
    },
    /// There is no such thing, or it is somebody else's: one answer.
    NotFound {
        /// What was looked for: `client`, `kkt`, `device`.
        what: &'static str,
    },
    /// Somebody else was faster; repeat the call.
    Conflict,
    /// An outer system does not answer.
    GatewayUnavailable {
        /// Which.
        gateway: Gateway,
        /// When to try again.
        retry_after: Duration,
    },
    /// The database does not answer.
    StorageUnavailable,
    /// The database answers, and has too much to do for this call.
    StorageBusy,
    /// A backup was restored, and what the call needs is not confirmed yet.
    Recovering,
    /// Over a limit.
    RateLimited {
        /// Which.
        limit: Limit,
        /// When to try again.
        retry_after: Duration,
    },
    /// Not offered in this release.
    NotOffered {
        /// What.
        what: &'static str,
    },
    /// A defect of ours. The detail goes to the log, never to the caller.
    Internal {
        /// For the log; no personal data.
        detail: String,
    },
}

/// What a partner may have only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Calls a second.
    Calls,
    /// Look-ups of taxpayers an hour.
    Lookups,
    /// Calls under way.
    UnderWay,
    /// Open streams.
    Streams,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Calls, Self::Lookups, Self::UnderWay, Self::Streams];

    /// Its name in the metadata of an error: `LOOKUPS_PER_HOUR`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "CALLS_PER_SECOND",
            Self::Lookups => "LOOKUPS_PER_HOUR",
            Self::UnderWay => "CALLS_UNDER_WAY",
            Self::Streams => "WATCH_STREAMS",
        }
    }
}

/// When an outer system does not say itself when to try again.
const RETRY_GATEWAY: Duration = Duration::from_secs(5);

/// The detail of a setback is for the log of whoever met it; the caller learns only which system does not answer.
impl From<Setback> for Failure {
    fn from(setback: Setback) -> Self {
        Self::GatewayUnavailable { gateway: setback.gateway, retry_after: setback.retry_after.unwrap_or(RETRY_GATEWAY) }
    }
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path as in the contract: `equipment.sale.fn_serial`, `agents[2]`.
    pub field: String,
    /// Machine-readable: `INN_CHECK_DIGIT`.
    pub reason: &'static str,
    /// What is wrong and what is expected, English, without the value.
    pub text: String,
    /// The same in Russian, for people at the partner.
    pub russian: String,
}

/// A rule between fields that is broken, or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Machine-readable: `FN_NOT_IN_REGISTRY`. Warnings are acknowledged by it.
    pub code: &'static str,
    /// What it is about: `equipment.sale.fn_serial`.
    pub subject: String,
    /// What is wrong, English.
    pub text: String,
    /// What to change, Russian.
    pub russian: String,
}

/// An address of the register that may have been meant.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The whole address.
    pub text: String,
    /// Its id in the register, to be given instead of the parts.
    pub fias_id: Option<String>,
}

crate::values::discreet::discreet!(Candidate);

/// The person who talks to partners about clients that are known already.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
pub struct RegionalManager {
    /// Name.
    pub name: String,
    /// Telephone.
    pub phone: String,
    /// E-mail.
    pub email: String,
}

crate::values::discreet::discreet!(RegionalManager);
