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

fn filed(source: Source) -> Report {
    Report { values: report(), source }
}

fn ending(held: Option<EffectId>, drive: DriveFate) -> Ending {
    Ending { application_id: Some("app-1".into()), rnm: None, held, connected: false, drive }
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
    let (numbers, report, held, application_id) =
        (numbers(), filed(Source::Manual), Some(effect()), "app-1".to_owned());
    vec![
        State::Reserving,
        State::Submitting { held },
        State::AwaitingRnm { held, application_id: application_id.clone() },
        State::AwaitingRnm { held: None, application_id },
        State::ConnectingOfd { held, stale: None, numbers: numbers.clone() },
        State::ConnectingOfd { held: None, stale: held, numbers: numbers.clone() },
        State::ConnectingOfd { held: None, stale: None, numbers: numbers.clone() },
        State::ReadyToFiscalize { numbers: numbers.clone() },
        State::Fiscalizing { numbers: numbers.clone(), asked_by: request() },
        State::Reporting { numbers: numbers.clone(), report: report.clone() },
        State::AwaitingCard { numbers: numbers.clone(), report: report.clone() },
        State::Registered { numbers, report, card: card() },
        State::Rejected { refusal: refusal(), held },
        State::Rejected { refusal: refusal(), held: None },
        State::Cancelled(ending(held, DriveFate::Unburnt)),
        State::Cancelled(ending(None, DriveFate::Unburnt)),
        State::Cancelled(ending(None, DriveFate::InDoubt)),
        State::Cancelled(ending(None, DriveFate::Lost)),
    ]
}

/// The events of the straight path come first, in its order.
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
        Event::Cancelled(ending(None, DriveFate::Unburnt)),
        Event::Released,
        Event::CodeChanged,
        Event::MadeByHand(report()),
        Event::ReportCorrected(report()),
        Event::DriveFreed,
        Event::Disproved(ending(None, DriveFate::InDoubt)),
    ]
}

const R: &str = "RESERVING";
const S: &str = "SUBMITTING";
const A: &str = "AWAITING_RNM";
const O: &str = "CONNECTING_OFD";
const Y: &str = "READY_TO_FISCALIZE";
const F: &str = "FISCALIZING";
const P: &str = "REPORTING";
const W: &str = "AWAITING_CARD";
const D: &str = "REGISTERED";
const J: &str = "REJECTED";
const C: &str = "CANCELLED";

/// One row a state of [`states`], one column an event of [`events`]: the name of the state after, or `-`.
const TABLE: [[&str; 16]; 18] = [
    // held filed rnm conn. fisc. burnt rep. card refused canc. released code hand corr. freed disproved
    [S, "-", "-", "-", "-", "-", "-", "-", "-", C, "-", R, "-", "-", "-", "-"],
    ["-", A, "-", "-", "-", "-", "-", "-", J, C, "-", "-", "-", "-", "-", "-"],
    ["-", "-", O, "-", "-", "-", "-", "-", J, C, "-", "-", "-", "-", "-", "-"],
    ["-", "-", Y, "-", "-", "-", "-", "-", J, C, "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", Y, "-", "-", "-", "-", "-", C, "-", O, "-", "-", "-", "-"],
    [O, "-", "-", "-", "-", "-", "-", "-", "-", C, O, O, "-", "-", "-", "-"],
    [O, "-", "-", "-", "-", "-", "-", "-", "-", C, "-", O, "-", "-", "-", "-"],
    ["-", "-", "-", "-", F, "-", "-", "-", "-", C, "-", "-", P, "-", "-", "-"],
    ["-", "-", "-", "-", F, P, "-", "-", "-", C, "-", "-", P, "-", "-", C],
    ["-", "-", "-", "-", "-", "-", W, "-", "-", "-", "-", "-", "-", P, "-", C],
    ["-", "-", "-", "-", "-", "-", "-", D, "-", "-", "-", "-", "-", P, "-", C],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", J, "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", C, "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", C, "-"],
    ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", C, "-"],
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
    let report = filed(Source::Automatic);
    assert_eq!(state, State::Registered { numbers: numbers(), report, card: card() });
}

#[test]
fn a_report_tells_who_made_it() {
    let ready = State::ReadyToFiscalize { numbers: numbers() };
    let by_hand = ready.after(Event::MadeByHand(report())).unwrap();
    assert_eq!(by_hand.report(), Some(&filed(Source::Manual)));
    let by_device = ready.after(Event::FiscalizeAsked(request())).unwrap().after(Event::Burnt(report())).unwrap();
    assert_eq!(by_device.report(), Some(&filed(Source::Automatic)));
    let corrected = by_device.after(Event::ReportCorrected(report())).unwrap();
    assert_eq!(corrected.report(), Some(&filed(Source::Manual)));
}

#[test]
fn only_a_report_that_a_person_typed_can_be_disproved() {
    let event = || Event::Disproved(ending(None, DriveFate::InDoubt));
    for (source, allowed) in [(Source::Manual, true), (Source::Automatic, false)] {
        let state = State::Reporting { numbers: numbers(), report: filed(source) };
        assert_eq!(state.after(event()).is_ok(), allowed, "{source:?}");
    }
}

#[test]
fn an_ended_registration_frees_the_register_and_keeps_the_code_until_it_is_released() {
    let open = State::AwaitingRnm { held: Some(effect()), application_id: "app-1".into() };
    let cancelled = Event::Cancelled(ending(Some(effect()), DriveFate::Unburnt));
    for event in [Event::Refused(refusal()), cancelled] {
        let ended = open.after(event).unwrap();
        assert!(!ended.holds_register() && !ended.holds_drive() && ended.is_final());
        assert_eq!(ended.held(), Some(effect()));
        assert_eq!(ended.after(Event::Released).unwrap().held(), None);
    }
}

#[test]
fn a_drive_in_doubt_stays_taken_until_somebody_frees_it() {
    for fate in [DriveFate::InDoubt, DriveFate::Lost] {
        let ended = State::Cancelled(ending(None, fate));
        assert!(!ended.holds_register() && ended.holds_drive());
        assert!(!ended.after(Event::DriveFreed).unwrap().holds_drive());
    }
}

#[test]
fn a_replaced_code_is_freed_before_the_new_one_is_held() {
    let held = EffectId::new(Uuid::from_u128(8));
    let state = State::ConnectingOfd { held: Some(effect()), stale: None, numbers: numbers() };
    let state = state.after(Event::CodeChanged).unwrap().after(Event::CodeChanged).unwrap();
    assert_eq!(state, State::ConnectingOfd { held: None, stale: Some(effect()), numbers: numbers() });
    let state = state.after(Event::Released).unwrap().after(Event::Held(Some(held))).unwrap();
    assert_eq!(state, State::ConnectingOfd { held: Some(held), stale: None, numbers: numbers() });
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

/// The page leaves the ways to CANCELLED out of its picture, and says so.
#[test]
fn the_picture_of_the_states_shows_the_table() {
    use std::collections::BTreeSet;
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kkt-states.md");
    let page = std::fs::read_to_string(page).unwrap();
    let arrow = regex::Regex::new(r"(?m)^    ([A-Z_]+) --> ([A-Z_]+):").unwrap();
    let shown: BTreeSet<_> = arrow.captures_iter(&page).map(|a| (a[1].to_owned(), a[2].to_owned())).collect();
    let ways = states().into_iter().zip(TABLE).flat_map(|(state, row)| {
        let from = state.name().as_str();
        row.into_iter().filter(move |to| !["-", from, C].contains(to)).map(move |to| (from.to_owned(), to.to_owned()))
    });
    assert_eq!(shown, ways.collect());
    for name in Name::ALL {
        assert!(page.contains(&format!("\n| {} | ", name.as_str())), "{} has no row", name.as_str());
    }
}

/// The names of [`events`] on the page, in the same order.
const EVENTS: [&str; 16] = [
    "held",
    "filed",
    "RNM assigned",
    "connected",
    "fiscalize asked",
    "burnt",
    "report filed",
    "card issued",
    "refused",
    "cancelled",
    "released",
    "code changed",
    "made by hand",
    "report corrected",
    "drive freed",
    "disproved",
];

#[test]
fn the_list_of_events_says_in_which_states_each_has_a_place() {
    use std::collections::BTreeSet;
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kkt-states.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, list) = page.split_once("\n## Events\n").unwrap();
    let rows: Vec<Vec<&str>> =
        list.split("\n## ").next().unwrap().lines().map(|row| row.split(" | ").collect()).collect();
    for (at, event) in EVENTS.into_iter().enumerate() {
        let of = rows.iter().filter(|row| row[0] == format!("| {event}"));
        let listed: BTreeSet<&str> = of.flat_map(|row| named(row[1])).collect();
        let places = states().into_iter().zip(TABLE).filter(|(_, row)| row[at] != "-");
        assert_eq!(listed, places.map(|(state, _)| state.name().as_str()).collect(), "{event}");
    }
}

/// The states that a cell names; "A to B" names those between as well.
fn named(cell: &str) -> Vec<&'static str> {
    let all = Name::ALL.map(Name::as_str);
    let place = |state: &str| all.iter().position(|name| *name == state).unwrap();
    match cell.split_once(" to ") {
        Some((from, to)) => all[place(from)..=place(to)].to_vec(),
        None => all.into_iter().filter(|name| cell.contains(name)).collect(),
    }
}
