//! The outside: five gateways, one file each, over the network only.
//!
//! A gateway is a trait of a few methods with typed outcomes and one real client. No gateway retries: what to do after
//! a failure is decided by the caller, which knows whether the step can be undone.

pub mod accounts;
pub mod breaker;
pub mod config;
pub mod device;
pub mod fns;
mod http;
pub mod ofd;
pub mod pb;
mod rpc;
pub mod taxpayers;
#[cfg(test)]
mod tests;
mod traced;
pub mod transcript;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Ids;
use crate::metrics::Meters;
use breaker::Breakers;

/// Header (HTTP) or metadata key (gRPC) in which each party names its world.
const ENVIRONMENT_HEADER: &str = "x-litebox-environment";
/// What a sandbox, and a server that speaks to one, puts into it.
const SANDBOX: &str = "sandbox";

/// The five gateways, connected. Nothing is sent before the first call.
#[derive(Clone)]
pub struct Gateways {
    /// State register of taxpayers and addresses, cached.
    pub taxpayers: Arc<dyn taxpayers::Taxpayers>,
    /// LiteBox account service.
    pub accounts: Arc<dyn accounts::Accounts>,
    /// Tax service.
    pub fns: Arc<dyn fns::Fns>,
    /// Fiscal data operators.
    pub ofd: Arc<dyn ofd::Ofd>,
    /// Cash registers.
    pub device: Arc<dyn device::Device>,
    /// Which of them are left alone for a while.
    pub breakers: Breakers,
}

impl Gateways {
    /// Builds the clients. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// An address that is not a URL, or a TLS set-up that cannot be loaded.
    pub fn connect(config: &config::GatewaysConfig, world: World, ids: &Ids) -> Result<Self, SetupError> {
        Self::counted(config, world, ids, &Meters::default())
    }

    /// The same; their calls are counted there.
    ///
    /// # Errors
    /// See [`Gateways::connect`].
    pub fn counted(
        config: &config::GatewaysConfig,
        world: World,
        ids: &Ids,
        meters: &Meters,
    ) -> Result<Self, SetupError> {
        let breakers = Breakers::new(config.breaker).counting(meters);
        let dadata = taxpayers::DaData::new(&config.taxpayers, world)?.guarded(&breakers);
        Ok(Self {
            taxpayers: Arc::new(taxpayers::CachedTaxpayers::new(dadata, &config.taxpayers)),
            accounts: Arc::new(accounts::AccountsClient::new(&config.accounts, world)?.guarded(&breakers)),
            fns: Arc::new(fns::FnsClient::new(&config.fns, world)?.guarded(&breakers)),
            ofd: Arc::new(ofd::OfdClient::new(&config.ofd, world)?.guarded(&breakers)),
            device: Arc::new(device::AtolDevice::new(&config.device, world, ids.clone())?.guarded(&breakers)),
            breakers,
        })
    }
}

/// A gateway that cannot be set up as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("gateway {gateway}: {detail}")]
pub struct SetupError {
    /// Which.
    pub gateway: Gateway,
    /// Why.
    pub detail: String,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T, R> {
    /// The effect happened, now or earlier under the same effect id.
    Done(T),
    /// The receiver refused; certainly no effect.
    Refused(R),
    /// The command never reached the receiver; certainly no effect. The same effect id may be sent again.
    NotNow(Setback),
    /// The command may have had its effect. Only asking tells.
    Unknown(Setback),
}

/// What a receiver says became of an effect id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told<T, R> {
    /// The effect happened.
    Done(T),
    /// The command was refused and left no effect.
    Refused(R),
    /// The command is being executed: ask again.
    InProgress,
    /// The effect id is void for ever: a new generation may start.
    Void,
}

impl<T, R> Told<T, R> {
    /// The same about another form of what was done.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Told<U, R> {
        match self {
            Self::Done(done) => Told::Done(form(done)),
            Self::Refused(refusal) => Told::Refused(refusal),
            Self::InProgress => Told::InProgress,
            Self::Void => Told::Void,
        }
    }
}

/// A question that got no answer, or a command that did not get through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{gateway}: {kind}: {detail}")]
pub struct Setback {
    /// Which gateway.
    pub gateway: Gateway,
    /// What went wrong.
    pub kind: SetbackKind,
    /// Explanation for the operator; never personal data, never text of the other side that could hold some.
    pub detail: String,
    /// When the other side asked to be left alone for a while.
    pub retry_after: Option<Duration>,
}

impl Setback {
    fn new(gateway: Gateway, kind: SetbackKind, detail: impl Into<String>) -> Self {
        Self { gateway, kind, detail: detail.into(), retry_after: None }
    }
}

/// A call that brought no usable answer, and whether it can have reached the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mishap {
    /// Certainly not executed.
    NotSent(Setback),
    /// May have been executed.
    Unsure(Setback),
}

impl Mishap {
    const fn setback(&self) -> &Setback {
        match self {
            Self::NotSent(setback) | Self::Unsure(setback) => setback,
        }
    }
}

/// For a question the difference does not matter.
impl From<Mishap> for Setback {
    fn from(mishap: Mishap) -> Self {
        match mishap {
            Mishap::NotSent(setback) | Mishap::Unsure(setback) => setback,
        }
    }
}

impl<T, R> From<Mishap> for Outcome<T, R> {
    fn from(mishap: Mishap) -> Self {
        match mishap {
            Mishap::NotSent(setback) => Self::NotNow(setback),
            Mishap::Unsure(setback) => Self::Unknown(setback),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetbackKind {
    /// No connection could be made.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The other side is overloaded or limits us.
    Overloaded,
    /// The other side failed.
    Failed,
    /// The answer cannot be understood.
    Garbled,
    /// The other side does not accept our credentials or our request: somebody must mend the configuration.
    Denied,
    /// The other side belongs to the other world (live against sandbox).
    WrongWorld,
    /// An operator of this service has stopped the gateway.
    Stopped,
    /// The caller for whom it was has gone: nothing was sent.
    TooLate,
    /// It has failed several times in a row and is left alone for a while: nothing was sent.
    Resting,
}

impl fmt::Display for SetbackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed out",
            Self::Overloaded => "overloaded",
            Self::Failed => "failed",
            Self::Garbled => "garbled answer",
            Self::Denied => "denied",
            Self::WrongWorld => "wrong world",
            Self::Stopped => "stopped",
            Self::TooLate => "too late",
            Self::Resting => "resting",
        })
    }
}

/// The five gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// State register of taxpayers and address register (DaData).
    Taxpayers,
    /// LiteBox account service.
    Accounts,
    /// Tax service.
    Fns,
    /// Fiscal data operators.
    Ofd,
    /// Cash registers (ATOL Web Requests).
    Device,
}

impl Gateway {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Taxpayers, Self::Accounts, Self::Fns, Self::Ofd, Self::Device];

    /// Lower-case name, as in configuration and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taxpayers => "taxpayers",
            Self::Accounts => "accounts",
            Self::Fns => "fns",
            Self::Ofd => "ofd",
            Self::Device => "device",
        }
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gateway| gateway.name() == name)
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The world this process belongs to. A party of the other world is refused before any command is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// Real effects.
    Live,
    /// Sandbox only.
    Test,
}

impl World {
    /// As the header `x-litebox-environment` has it.
    const fn header(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => SANDBOX,
        }
    }
}
