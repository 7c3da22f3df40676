//! Which moves the state machine knows, by the names that stand in a history; asked of the machine itself.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use litebox_partner::gateways::device::FiscalReport;
use litebox_partner::gateways::fns::{Card, FnsRefusal, FnsRefusalReason};
use litebox_partner::kkt::state::{DriveFate, Ending, Event, Name, Numbers, Report, Source, State};
use litebox_partner::values::{EffectId, FiscalSign, FnSerial, RequestId, Rnm};
use uuid::Uuid;

/// Whether some event leads from a state of the one name to a state of the other. A line that changes why a registration
/// waits stays where it is.
pub fn is_legal(from: Name, to: Name) -> bool {
    static MOVES: OnceLock<BTreeSet<(&str, &str)>> = OnceLock::new();
    from == to || MOVES.get_or_init(moves).contains(&(from.as_str(), to.as_str()))
}

fn moves() -> BTreeSet<(&'static str, &'static str)> {
    let mut moves = BTreeSet::new();
    for state in states() {
        let after = events().into_iter().filter_map(|event| state.after(event).ok());
        moves.extend(after.map(|after| (state.name().as_str(), after.name().as_str())));
    }
    moves
}

fn numbers() -> Numbers {
    let rnm = Rnm::parse("0000000001055823").unwrap();
    Numbers { application_id: "1".into(), rnm, assigned_ms: 1, report_by_ms: 2 }
}

fn report() -> FiscalReport {
    FiscalReport {
        rnm: numbers().rnm,
        fn_serial: FnSerial::parse("9999078902000001").unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("1").unwrap(),
    }
}

fn ending(held: Option<EffectId>) -> Ending {
    Ending { application_id: None, rnm: None, held, connected: false, drive: DriveFate::InDoubt }
}

fn refusal() -> FnsRefusal {
    FnsRefusal { reason: FnsRefusalReason::FnInUse, text: String::new() }
}

fn states() -> Vec<State> {
    let (held, numbers, asked_by) = (Some(EffectId::new(Uuid::from_u128(1))), numbers(), request());
    let report = Report { values: report(), source: Source::Manual };
    let mut states = vec![
        State::Reserving,
        State::ConnectingOfd { held: None, stale: held, numbers: numbers.clone() },
        State::ReadyToFiscalize { numbers: numbers.clone() },
        State::Fiscalizing { numbers: numbers.clone(), asked_by },
        State::Reporting { numbers: numbers.clone(), report: report.clone() },
        State::AwaitingCard { numbers: numbers.clone(), report: report.clone() },
        State::Registered { numbers: numbers.clone(), report, card: card() },
    ];
    for held in [held, None] {
        states.push(State::Submitting { held });
        states.push(State::AwaitingRnm { held, application_id: "1".into() });
        states.push(State::ConnectingOfd { held, stale: None, numbers: numbers.clone() });
        states.push(State::Rejected { refusal: refusal(), held });
        states.push(State::Cancelled(ending(held)));
    }
    states
}

fn card() -> Card {
    Card { number: "1".into(), issued_ms: 1 }
}

fn request() -> RequestId {
    RequestId::new(Uuid::from_u128(1))
}

fn events() -> Vec<Event> {
    vec![
        Event::Held(Some(EffectId::new(Uuid::from_u128(1)))),
        Event::Held(None),
        Event::Filed { application_id: "1".into() },
        Event::RnmAssigned(numbers()),
        Event::Connected,
        Event::CodeChanged,
        Event::FiscalizeAsked(request()),
        Event::Burnt(report()),
        Event::MadeByHand(report()),
        Event::ReportCorrected(report()),
        Event::Disproved(ending(None)),
        Event::ReportFiled,
        Event::CardIssued(card()),
        Event::Refused(refusal()),
        Event::Cancelled(ending(None)),
        Event::Released,
        Event::DriveFreed,
    ]
}

#[test]
fn the_moves_of_the_machine_are_legal_and_a_leap_is_not() {
    for (from, to) in [
        (Name::Reserving, Name::Submitting),
        (Name::AwaitingRnm, Name::ReadyToFiscalize),
        (Name::AwaitingCard, Name::Reporting),
        (Name::Fiscalizing, Name::Cancelled),
    ] {
        assert!(is_legal(from, to), "{from:?} {to:?}");
    }
    for (from, to) in [
        (Name::Submitting, Name::Reserving),
        (Name::Reserving, Name::AwaitingRnm),
        (Name::Registered, Name::AwaitingCard),
        (Name::Rejected, Name::Submitting),
    ] {
        assert!(!is_legal(from, to), "{from:?} {to:?}");
    }
}
