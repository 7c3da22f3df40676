//! Every (state, event) pair.

use super::*;
use crate::gateways::fns::FnsRefusalReason;
use crate::values::{FiscalSign, FnSerial};
use uuid::Uuid;

fn effect() -> EffectId {
    EffectId::new(Uuid::from_u128(7))
}

fn numbers() -> Numbers {
    let rnm = Rnm::parse("0000000001055823").unwrap();
    Numbers { application_id: "app-1".into(), rnm, assigned_ms: 1, report_by_ms: 2 }
}

fn report() -> FiscalReport {
    FiscalReport {
        rnm: Rnm::parse("0000000001055823").unwrap(),
        fn_serial: FnSerial::parse("9999078902000001").unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
    }
}

fn card() -> Card {
    Card { number: "7701000001".into(), issued_ms: 3 }
}

fn refusal() -> FnsRefusal {
    FnsRefusal { reason: FnsRefusalReason::FnInUse, text: "ФН занят".into() }
}

fn request() -> RequestId {
    RequestId::new(Uuid::from_u128(9))
}

fn states() -> Vec<State> {
    let (numbers, report, held, application_id) = (numbers(), report(), Some(effect()), "app-1".to_owned());
    vec![
        State::Reserving,
        State::Submitting { held },
        State::AwaitingRnm { held, application_id: application_id.clone() },
        State::AwaitingRnm { held: None, application_id: application_id.clone() },
        State::ConnectingOfd { held: effect(), numbers: numbers.clone() },
        State::ReadyToFiscalize { numbers: numbers.clone() },
        State::Fiscalizing { numbers: numbers.clone(), asked_by: request() },
        State::Reporting { numbers: numbers.clone(), report: report.clone() },
        State::AwaitingCard { numbers: numbers.clone(), report: report.clone() },
        State::Registered { numbers, report, card: card() },
        State::Rejected { refusal: refusal(), held },
        State::Rejected { refusal: refusal(), held: None },
        State::Cancelled { application_id: Some(application_id.clone()), held },
        State::Cancelled { application_id: Some(application_id), held: None },
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::Held(Some(effect())),
        Event::Filed { application_id: "app-1".into() },
        Event::RnmAssigned(numbers()),
        Event::Connected,
        Event::FiscalizeAsked(request()),
        Event::Burnt(report()),
        Event::ReportFiled,
        Event::CardIssued(card()),
        Event::Refused(refusal()),
        Event::Cancelled,
        Event::Released,
    ]
}

/// One row a state of [`states`], one column an event of [`events`]: the name of the state after, or `-`.
const TABLE: [[&str; 11]; 14] = [
    ["SUBMITTING", "-", "-", "-", "-", "-", "-", "-", "-", "CANCELLED", "-"],
    ["-", "AWAITING_RNM", "-", "-", "-", "-", "-", "-", "REJECTED", "CANCELLED", "-"],
    ["-", "-", "CONNECTING_OFD", "-", "-", "-", "-", "-", "REJECTED", "CANCELLED", "-"],
    ["-", "-", "READY_TO_FISCALIZE", "-", "-", "-", "-", "-", "REJECTED", "CANCELLED", "-"],
    ["-", "-", "-", "READY_TO_FISCALIZE", "-", "-", "-", "-", "-", "CANCELLED", "-"],
    ["-", "-", "-", "-", "FISCALIZING", "-", "-", "-", "-", "CANCELLED", "-"],
    ["-", "-", "-", "-", "-", "REPORTING", "-", "-", "-", "CANCELLED", "-"],
    ["-", "-", "-", "-", "-", "-", "AWAITING_CARD", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "REGISTERED", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "REJECTED"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "CANCELLED"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
];

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    for (state, row) in states().iter().zip(TABLE) {
        for (event, expected) in events().into_iter().zip(row) {
            let case = format!("{} on {event:?}", state.name().as_str());
            match state.after(event) {
                Ok(after) => assert_eq!(after.name().as_str(), expected, "{case}"),
                Err(refused) => {
                    assert_eq!("-", expected, "{case}");
                    assert_eq!(refused, NotAllowed(state.name()), "{case}");
                }
            }
        }
    }
}

#[test]
fn what_is_known_is_carried_along_the_whole_path() {
    let mut state = State::Reserving;
    for event in events().into_iter().take(8) {
        state = state.after(event).unwrap();
    }
    assert_eq!(state, State::Registered { numbers: numbers(), report: report(), card: card() });
}

#[test]
fn an_ended_registration_frees_the_register_and_keeps_the_code_until_it_is_released() {
    let ended = State::AwaitingRnm { held: Some(effect()), application_id: "app-1".into() };
    for event in [Event::Refused(refusal()), Event::Cancelled] {
        let ended = ended.after(event).unwrap();
        assert!(!ended.holds_register() && ended.is_final());
        assert_eq!(ended.held(), Some(effect()));
        assert_eq!(ended.after(Event::Released).unwrap().held(), None);
    }
}

#[test]
fn a_state_survives_its_stored_form() {
    for state in states() {
        let stored = serde_json::to_string(&state).unwrap();
        assert!(stored.contains(&format!("\"state\":\"{}\"", state.name().as_str())), "{stored}");
        assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), state);
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for name in Name::ALL {
        assert_eq!(Name::parse(name.as_str()), Some(name));
    }
    assert_eq!(Name::parse("BURNT"), None);
}
