//! The paths that a registration takes, each with what the outside answers and what people do on it.

use litebox_partner::kkt::state::Name;

use crate::model::world::Trouble;

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A register of the shop's own, with an operator.
    Sale,
    /// The same, burnt without a call.
    SaleAutomatic,
    /// Without an operator, burnt without a call.
    Autonomous,
    /// A register of the fleet, burnt without a call.
    Rental,
}

/// What people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Fiscalize,
    /// Makes the report at the device, and tells its values.
    ReportByHand,
    /// Makes the report at the device, and misreads it.
    MisreadReport,
    CorrectReport,
    AmendCode,
    AmendDevice,
    Cancel,
    /// Everything outside works again.
    Mend,
}

/// When people do it: once, when the registration stands so.
#[derive(Debug, Clone, Copy)]
pub struct Cue {
    pub state: Name,
    /// The reason for which it waits; any when absent.
    pub block: Option<&'static str>,
    pub act: Act,
}

/// Happens until somebody mends it.
pub const ALWAYS: u32 = u32::MAX;

/// A path.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub order: Order,
    /// What goes another way outside, and how often.
    pub arranged: &'static [(&'static str, u32)],
    /// What is wrong with the device from the start.
    pub trouble: Option<Trouble>,
    pub cues: &'static [Cue],
    /// Where it may end.
    pub ends: &'static [Name],
    /// Steps that may have their effect once more, since people asked for it after the former one was undone.
    pub again: &'static [&'static str],
    /// Reasons for which it may wait for an operator: what cannot be observed in this scenario.
    pub operator: &'static [&'static str],
}

const fn cue(state: Name, act: Act) -> Cue {
    Cue { state, block: None, act }
}

const fn blocked(state: Name, reason: &'static str, act: Act) -> Cue {
    Cue { state, block: Some(reason), act }
}

const PLAIN: Scenario = Scenario {
    name: "sale automatic",
    order: Order::SaleAutomatic,
    arranged: &[],
    trouble: None,
    cues: &[],
    ends: &[Name::Registered],
    again: &[],
    operator: &[],
};

const CANCELLED: &[Name] = &[Name::Cancelled];
/// A cancellation that comes too late is refused, and the registration goes on to its card.
const CANCELLED_OR_TOO_LATE: &[Name] = &[Name::Cancelled, Name::Registered];
const CODE_UNKNOWN: &str = "a code that the operator does not take";
const CODE_EXPIRED: &str = "a code that expired before it was used";
const FNS_SLOW: &str = "FNS takes its time";
const DEVICE_SLOW: &str = "a register that takes its time";

/// All of them.
pub const ALL: &[Scenario] = &[
    PLAIN,
    Scenario {
        name: "sale with a call",
        order: Order::Sale,
        cues: &[cue(Name::ReadyToFiscalize, Act::Fiscalize)],
        ..PLAIN
    },
    Scenario { name: "autonomous", order: Order::Autonomous, ..PLAIN },
    Scenario { name: "rental", order: Order::Rental, ..PLAIN },
    Scenario {
        name: "report by hand",
        order: Order::Sale,
        cues: &[cue(Name::ReadyToFiscalize, Act::ReportByHand)],
        ..PLAIN
    },
    Scenario {
        name: "report by hand while the device is at it",
        order: Order::SaleAutomatic,
        arranged: &[(DEVICE_SLOW, ALWAYS)],
        cues: &[cue(Name::Fiscalizing, Act::ReportByHand), cue(Name::Reporting, Act::Mend)],
        ..PLAIN
    },
    Scenario {
        name: "report misread, refused and corrected",
        order: Order::Sale,
        trouble: Some(Trouble::Offline),
        cues: &[
            cue(Name::ReadyToFiscalize, Act::MisreadReport),
            blocked(Name::Reporting, "FNS_REFUSED_REPORT", Act::Mend),
            blocked(Name::Reporting, "FNS_REFUSED_REPORT", Act::CorrectReport),
        ],
        ..PLAIN
    },
    Scenario {
        name: "report refused after review",
        arranged: &[("a report refused", 1)],
        cues: &[blocked(Name::AwaitingCard, "FNS_REFUSED_REPORT", Act::CorrectReport)],
        again: &["SUBMIT_REPORT"],
        ..PLAIN
    },
    Scenario {
        name: "device not ready, then mended",
        trouble: Some(Trouble::NoPaper),
        cues: &[blocked(Name::Fiscalizing, "DEVICE_NO_PAPER", Act::Mend)],
        ..PLAIN
    },
    Scenario { name: "broken link in the burn", arranged: &[("a broken link", 1)], ..PLAIN },
    Scenario {
        name: "FNS refuses at once",
        arranged: &[("an application refused at once", 1)],
        ends: &[Name::Rejected],
        ..PLAIN
    },
    Scenario {
        name: "FNS refuses after review",
        arranged: &[("an application refused later", 1)],
        ends: &[Name::Rejected],
        ..PLAIN
    },
    Scenario {
        name: "FNS is still at it",
        arranged: &[("an application under way", 1), ("a report under way", 1)],
        ..PLAIN
    },
    Scenario {
        name: "FNS does not find the application for a while",
        arranged: &[("an application that FNS does not find", 1)],
        operator: &["FNS_APPLICATION_LOST"],
        ..PLAIN
    },
    Scenario {
        name: "code refused, another one given",
        arranged: &[(CODE_UNKNOWN, 1)],
        cues: &[blocked(Name::Reserving, "OFD_CODE_EXPIRED", Act::AmendCode)],
        ..PLAIN
    },
    Scenario {
        name: "connection refused, another code given",
        arranged: &[(CODE_EXPIRED, 1)],
        cues: &[blocked(Name::ConnectingOfd, "OFD_CODE_EXPIRED", Act::AmendCode)],
        again: &["RESERVE_CODE"],
        ..PLAIN
    },
    Scenario {
        name: "another device named",
        trouble: Some(Trouble::Offline),
        cues: &[cue(Name::Fiscalizing, Act::AmendDevice)],
        ..PLAIN
    },
    Scenario {
        name: "cancel while the code is refused",
        arranged: &[(CODE_UNKNOWN, 1)],
        cues: &[cue(Name::Reserving, Act::Cancel)],
        ends: CANCELLED,
        ..PLAIN
    },
    Scenario {
        name: "cancel while FNS examines",
        arranged: &[(FNS_SLOW, ALWAYS)],
        cues: &[cue(Name::AwaitingRnm, Act::Cancel)],
        ends: CANCELLED,
        ..PLAIN
    },
    Scenario {
        name: "cancel while the connection is refused",
        arranged: &[(CODE_EXPIRED, 1)],
        cues: &[cue(Name::ConnectingOfd, Act::Cancel)],
        ends: CANCELLED,
        ..PLAIN
    },
    Scenario {
        name: "cancel when ready",
        order: Order::Sale,
        cues: &[cue(Name::ReadyToFiscalize, Act::Cancel)],
        ends: CANCELLED,
        ..PLAIN
    },
    Scenario {
        name: "cancel while the task waits",
        arranged: &[(DEVICE_SLOW, ALWAYS)],
        cues: &[cue(Name::Fiscalizing, Act::Cancel)],
        ends: CANCELLED_OR_TOO_LATE,
        ..PLAIN
    },
    Scenario {
        name: "cancel while the device is burning",
        cues: &[cue(Name::Fiscalizing, Act::Cancel)],
        ends: CANCELLED_OR_TOO_LATE,
        ..PLAIN
    },
];
