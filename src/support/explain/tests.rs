//! What is said about every state and every reason.

use uuid::Uuid;

use super::*;
use crate::gateways::device::FiscalReport;
use crate::gateways::fns::{Card, FnsRefusal, FnsRefusalReason};
use crate::kkt::desk::Found;
use crate::kkt::effects::{Command, Effect};
use crate::kkt::model::{Block, WaitingFor};
use crate::kkt::state::{DriveFate, Ending, Numbers, Report, Source, State};
use crate::kkt::tests::samples::{ACCEPTED_MS, company};
use crate::storage::switches::Stop;
use crate::values::{ClientId, EffectId, FiscalSign, FnSerial, Inn, KktId, PartnerId, PartnerScope, RequestId, Rnm};

const NOW: i64 = ACCEPTED_MS + 3 * 3_600_000 + 5 * 60_000;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn case(state: State) -> Case {
    let (spec, facts) = company();
    let kkt = Kkt {
        id: KktId::new(id(1)),
        client_id: ClientId::new(id(2)),
        inn: Inn::parse("7707083893").unwrap(),
        request_id: RequestId::new(id(3)),
        external_ref: None,
        spec,
        facts,
        state,
        block: None,
        revision: 4,
        since_ms: ACCEPTED_MS,
        next_attempt_ms: Some(NOW + 60_000),
        created_ms: ACCEPTED_MS,
        updated_ms: ACCEPTED_MS,
        origin: None,
    };
    let scope = PartnerScope::new(PartnerId::new(id(9)));
    let found = Found { scope, kkt, attempts: 2, failures: 0, lease_until_ms: 0 };
    Case {
        found, partner: "Ромашка".into(), sent: vec![], history: vec![], stops: vec![], documents: 0, now_ms: NOW
    }
}

/// One of each state.
pub(in crate::support) fn states() -> Vec<State> {
    let held = Some(EffectId::new(id(7)));
    let rnm = Rnm::parse("0000000001055823").unwrap();
    let numbers = Numbers { application_id: "app-1".into(), rnm: rnm.clone(), assigned_ms: 1, report_by_ms: i64::MAX };
    let values = FiscalReport {
        rnm,
        fn_serial: FnSerial::parse("7380440800000001").unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
    };
    let report = Report { values, source: Source::Automatic };
    let refusal = FnsRefusal { reason: FnsRefusalReason::FnInUse, text: "ФН занят".into() };
    let ending = Ending { application_id: None, rnm: None, held, connected: false, drive: DriveFate::InDoubt };
    vec![
        State::Reserving,
        State::Submitting { held },
        State::AwaitingRnm { held, application_id: "app-1".into() },
        State::ConnectingOfd { held, stale: None, numbers: numbers.clone() },
        State::ReadyToFiscalize { numbers: numbers.clone() },
        State::Fiscalizing { numbers: numbers.clone(), asked_by: RequestId::new(id(3)) },
        State::Reporting { numbers: numbers.clone(), report: report.clone() },
        State::AwaitingCard { numbers: numbers.clone(), report: report.clone() },
        State::Registered { numbers, report, card: Card { number: "77".into(), issued_ms: 3 } },
        State::Rejected { refusal, held },
        State::Cancelled(ending),
    ]
}

fn said(case: &Case) -> String {
    explain(case).join("\n")
}

#[test]
fn every_state_is_explained_with_what_can_be_done() {
    let states = states();
    assert_eq!(states.iter().map(State::name).collect::<Vec<_>>(), Name::ALL, "one of each");
    for state in states {
        let (name, ended, holds) = (state.name(), state.is_final(), state.held().is_some());
        let text = said(&case(state));
        assert!(text.contains(&format!("{} since 2026-11-23 10:12:00Z (3 h 5 min): ", name.as_str())), "{text}");
        assert!(text.contains(meaning(name)), "{text}");
        assert!(text.contains("Tried 2 times in this state"), "{text}");
        assert_eq!(text.contains("kkt retry"), !ended, "{text}");
        assert_eq!(text.contains("--outcome"), outcomes(name).is_some(), "{text}");
        assert_eq!(text.contains("kkt release"), ended && holds, "{text}");
    }
}

#[test]
fn every_reason_is_explained_with_what_to_do() {
    for note in blocks::NOTES {
        let mut case = case(State::Reserving);
        let (reason, advice) = (note.reason.to_owned(), "Совет".to_owned());
        case.found.kkt.block = Some(Block { reason, advice, waiting_for: WaitingFor::Operator });
        let text = said(&case);
        assert!(text.contains(&format!("Blocked: {}, waiting for OPERATOR. {}", note.reason, note.meaning)), "{text}");
        assert!(text.contains(&format!("To do: {}", note.todo)) && text.contains("Совет"), "{text}");
    }
    let mut case = case(State::Reserving);
    case.found.kkt.block =
        Some(Block { reason: "NEW".into(), advice: "Совет".into(), waiting_for: WaitingFor::Partner });
    assert!(said(&case).contains("a newer one does"));
}

#[test]
fn unclear_commands_are_told_and_settled_ones_are_not() {
    let mut case = case(State::Submitting { held: None });
    for (standing, told) in [
        (Standing::Intended, Some("may have been carried out")),
        (Standing::Unsent, Some("sent again under the same id")),
        (Standing::Done, None),
        (Standing::Refused, None),
        (Standing::Void, None),
    ] {
        let effect = Effect { id: EffectId::new(id(5)), generation: 0, standing };
        let (command, step) = (Some(Command::SubmitApplication), "SUBMIT_APPLICATION".to_owned());
        case.sent = vec![Sent { command, step, effect, created_ms: NOW, settled_ms: None }];
        let text = said(&case);
        assert_eq!(text.contains("SUBMIT_APPLICATION"), told.is_some(), "{standing:?}: {text}");
        assert!(told.is_none_or(|told| text.contains(told)), "{standing:?}: {text}");
    }
}

#[test]
fn what_happens_next_is_told() {
    let mut case = case(State::Submitting { held: None });
    assert!(said(&case).contains("Next: by itself at 2026-11-23 13:18:00Z."));
    case.found.kkt.next_attempt_ms = Some(NOW);
    assert!(said(&case).contains("the next free worker takes it"));
    case.found.lease_until_ms = NOW + 1;
    assert!(said(&case).contains("a worker is at it now"));
    case.found.lease_until_ms = NOW;
    case.found.kkt.next_attempt_ms = None;
    assert!(said(&case).contains("nothing by itself"));
    case.found.failures = 4;
    let stop = Stop { gateway: "fns".into(), reason: "T-1".into(), actor: "anna".into(), since_ms: NOW };
    case.stops = vec![stop];
    let text = said(&case);
    assert!(text.contains("the last 4 without an answer") && text.contains("Gateway fns is stopped"), "{text}");
}

#[test]
fn an_overdue_report_is_told() {
    let mut case = case(states().remove(4));
    assert!(!said(&case).contains("Overdue"));
    if let State::ReadyToFiscalize { numbers } = &mut case.found.kkt.state {
        numbers.report_by_ms = NOW - 1;
    }
    assert!(said(&case).contains("Overdue: the report should have been filed by"));
}
