//! What is counted where it happens. Series of closed and small lists exist from the start, so that a first event is seen as
//! a rise from 0.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::failure::Limit;
use crate::gateways::{Gateway, SetbackKind};
use crate::pb::METHOD_SCOPES;

/// Names and values of labels.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Upper bounds of buckets, seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What calls of every method are counted by from the start: an alert on the first failure compares it with a 0 before it.
const FROM_THE_START: [&str; 5] = ["OK", "UNKNOWN", "INTERNAL", "DATA_LOSS", "UNAVAILABLE"];

/// The counters. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Meters {
    calls: Family<Labels<2>, Histogram>,
    shed: Family<Labels<1>, Counter>,
    turned_away: Family<Labels<1>, Counter>,
    gateway_calls: Family<Labels<2>, Counter>,
    gateway_time: Family<Labels<1>, Histogram>,
    take_overs: Counter,
}

/// Why a call was told to come again because there is too much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// The replica has as many calls as it takes.
    Server,
    /// The database has too much to do.
    Storage,
    /// The partner is over a limit of its own.
    Partner(Limit),
}

impl Shed {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Server,
        Self::Storage,
        Self::Partner(Limit::Calls),
        Self::Partner(Limit::UnderWay),
        Self::Partner(Limit::Streams),
        Self::Partner(Limit::Lookups),
    ];

    /// The reason that callers are told, or the limit that it names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "SERVER_OVERLOADED",
            Self::Storage => "STORAGE_OVERLOADED",
            Self::Partner(limit) => limit.name(),
        }
    }
}

/// What a call of an outer system came to, as far as the transport tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, be it with a refusal.
    Answered,
    /// It did not, or not usably.
    Setback(SetbackKind),
    /// Nobody waited for the answer any more.
    Abandoned,
}

impl Outcome {
    /// All that a call can come to. A stopped gateway, and one whose caller has gone, is not called.
    pub const ALL: [Self; 10] = [
        Self::Answered,
        Self::Setback(SetbackKind::Unreachable),
        Self::Setback(SetbackKind::TimedOut),
        Self::Setback(SetbackKind::Overloaded),
        Self::Setback(SetbackKind::Failed),
        Self::Setback(SetbackKind::Garbled),
        Self::Setback(SetbackKind::Denied),
        Self::Setback(SetbackKind::WrongWorld),
        Self::Setback(SetbackKind::Resting),
        Self::Abandoned,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Abandoned => "abandoned",
            Self::Setback(kind) => match kind {
                SetbackKind::Unreachable => "unreachable",
                SetbackKind::TimedOut => "timed_out",
                SetbackKind::Overloaded => "overloaded",
                SetbackKind::Failed => "failed",
                SetbackKind::Garbled => "garbled",
                SetbackKind::Denied => "denied",
                SetbackKind::WrongWorld => "wrong_world",
                SetbackKind::Stopped => "stopped",
                SetbackKind::TooLate => "too_late",
                SetbackKind::Resting => "resting",
            },
        }
    }
}

impl Default for Meters {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let meters = Self {
            calls: Family::new_with_constructor(histogram),
            shed: Family::default(),
            turned_away: Family::default(),
            gateway_calls: Family::default(),
            gateway_time: Family::new_with_constructor(histogram),
            take_overs: Counter::default(),
        };
        meters.begin();
        meters
    }
}

impl Meters {
    /// Makes the series that are known beforehand.
    fn begin(&self) {
        for (path, _) in METHOD_SCOPES {
            for code in FROM_THE_START {
                drop(self.calls.get_or_create(&call(path.trim_start_matches('/'), code)));
            }
        }
        for why in Shed::ALL {
            drop(self.shed.get_or_create(&[("reason", why.name())]));
        }
        for gateway in Gateway::ALL {
            drop(self.gateway_time.get_or_create(&[("gateway", gateway.name())]));
            for outcome in Outcome::ALL {
                drop(self.gateway_calls.get_or_create(&gateway_call(gateway, outcome)));
            }
        }
    }

    /// A call was answered. `method` is the name of one that is offered, or the word for all others; `code` is a gRPC status
    /// in words. Of a stream the time to its beginning counts.
    pub fn answered(&self, method: &'static str, code: &'static str, took: Duration) {
        self.calls.get_or_create(&call(method, code)).observe(took.as_secs_f64());
    }

    /// A call was told to come again.
    pub fn shed(&self, why: Shed) {
        self.shed.get_or_create(&[("reason", why.name())]).inc();
    }

    /// Counts connections that are closed before they are served, for this reason.
    pub fn turned_away(&self, reason: &'static str) -> Counter {
        self.turned_away.get_or_create_owned(&[("reason", reason)])
    }

    /// An outer system was called, or was not because it rests.
    pub fn gateway(&self, gateway: Gateway, outcome: Outcome, took: Duration) {
        self.gateway_calls.get_or_create(&gateway_call(gateway, outcome)).inc();
        if outcome != Outcome::Setback(SetbackKind::Resting) {
            self.gateway_time.get_or_create(&[("gateway", gateway.name())]).observe(took.as_secs_f64());
        }
    }

    /// Registrations were claimed that another worker had not given back.
    pub fn taken_over(&self, count: u64) {
        self.take_overs.inc_by(count);
    }

    /// Shows all of it.
    pub(super) fn register(&self, on: &mut Registry) {
        let seconds = || Unit::Seconds;
        let of = "Calls by method and status, and how long they took";
        on.register_with_unit("rpc_server_call_duration", of, seconds(), self.calls.clone());
        on.register("litebox_calls_shed", "Calls told to come again: too much to do", self.shed.clone());
        let of = "Connections closed before they were served";
        on.register("litebox_connections_turned_away", of, self.turned_away.clone());
        let of = "Calls of outer systems by what they came to";
        on.register("litebox_gateway_calls", of, self.gateway_calls.clone());
        let of = "How long calls of outer systems took";
        on.register_with_unit("litebox_gateway_call_duration", of, seconds(), self.gateway_time.clone());
        let of = "Registrations claimed that another worker had not given back";
        on.register("litebox_lease_takeovers", of, self.take_overs.clone());
    }
}

const fn call(method: &'static str, code: &'static str) -> Labels<2> {
    [("rpc_method", method), ("rpc_status_code", code)]
}

const fn gateway_call(gateway: Gateway, outcome: Outcome) -> Labels<2> {
    [("gateway", gateway.name()), ("outcome", outcome.name())]
}
