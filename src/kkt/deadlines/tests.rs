use time::macros::datetime;
use time::{OffsetDateTime, UtcOffset};

use super::super::guide;
use super::super::model::Kkt;
use super::super::state::{DriveFate, Ending, Numbers, Report, Source};
use super::super::tests::samples::{ACCEPTED_MS, company};
use super::*;
use crate::gateways::device::FiscalReport;
use crate::gateways::fns::Card;
use crate::values::{FiscalSign, FnSerial, Rnm};

fn at(zone: &str) -> Facts {
    let mut facts = company().1;
    facts.address.time_zone = Some(zone.into());
    facts
}

fn kkt(state: State, facts: Facts, since: OffsetDateTime) -> View {
    let ms = to_ms(since);
    View::from(Kkt {
        id: "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f".parse().unwrap(),
        client_id: "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e40".parse().unwrap(),
        inn: facts.taxpayer.inn.clone(),
        request_id: "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".parse().unwrap(),
        external_ref: None,
        spec: company().0,
        facts,
        state,
        block: None,
        revision: 1,
        since_ms: ms,
        next_attempt_ms: None,
        created_ms: ms,
        updated_ms: ms,
        origin: None,
    })
}

fn numbers(assigned: OffsetDateTime, facts: &Facts) -> Numbers {
    let assigned_ms = to_ms(assigned);
    Numbers {
        application_id: "1".into(),
        rnm: Rnm::parse("0000000001055823").unwrap(),
        assigned_ms,
        report_by_ms: report_by(assigned_ms, facts, &Catalogue::embedded().unwrap()),
    }
}

fn report() -> Report {
    let values = FiscalReport {
        rnm: Rnm::parse("0000000001055823").unwrap(),
        fn_serial: FnSerial::parse("7380440800000001").unwrap(),
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
    };
    Report { values, source: Source::Automatic }
}

/// Zone of the place, the instant of the RNM, the last day for the report there.
#[test]
fn the_report_is_due_at_the_end_of_the_working_day_after_the_rnm_at_the_place() {
    let cases = [
        // A plain working day, and its last and first minute in Moscow.
        ("UTC+3", datetime!(2026-11-23 10:12 UTC), (2026, 11, 24)),
        ("UTC+3", datetime!(2026-11-23 20:59 UTC), (2026, 11, 24)),
        ("UTC+3", datetime!(2026-11-23 21:00 UTC), (2026, 11, 25)),
        // Friday evening, Saturday, Sunday.
        ("UTC+3", datetime!(2026-11-20 16:00 UTC), (2026, 11, 23)),
        ("UTC+3", datetime!(2026-11-21 09:00 UTC), (2026, 11, 23)),
        ("UTC+3", datetime!(2026-11-22 20:59 UTC), (2026, 11, 23)),
        // Kaliningrad is an hour behind Moscow: the same instant is another day there.
        ("UTC+2", datetime!(2026-11-23 21:30 UTC), (2026, 11, 24)),
        ("UTC+2", datetime!(2026-11-23 22:00 UTC), (2026, 11, 25)),
        // Vladivostok, seven hours ahead of Moscow.
        ("UTC+10", datetime!(2026-11-23 13:59 UTC), (2026, 11, 24)),
        ("UTC+10", datetime!(2026-11-23 14:00 UTC), (2026, 11, 25)),
        ("UTC+10", datetime!(2026-11-20 13:59 UTC), (2026, 11, 23)),
        // Kamchatka: Thursday afternoon in Moscow is Friday there, and Friday afternoon Saturday.
        ("UTC+12", datetime!(2026-11-19 12:00 UTC), (2026, 11, 23)),
        ("UTC+12", datetime!(2026-11-19 11:59 UTC), (2026, 11, 20)),
        ("UTC+12", datetime!(2026-11-20 12:00 UTC), (2026, 11, 23)),
        // New Year: 31 December 2026 is off, then holidays until the weekend of 9 and 10 January.
        ("UTC+3", datetime!(2026-12-29 10:00 UTC), (2026, 12, 30)),
        ("UTC+3", datetime!(2026-12-30 10:00 UTC), (2027, 1, 11)),
        ("UTC+12", datetime!(2026-12-29 12:00 UTC), (2027, 1, 11)),
        ("UTC+2", datetime!(2025-12-31 22:00 UTC), (2026, 1, 12)),
        // Holidays and moved days off: 23 February, 9 March, 11 May, 4 November.
        ("UTC+3", datetime!(2026-02-20 10:00 UTC), (2026, 2, 24)),
        ("UTC+3", datetime!(2026-03-06 10:00 UTC), (2026, 3, 10)),
        ("UTC+3", datetime!(2026-05-08 10:00 UTC), (2026, 5, 12)),
        ("UTC+3", datetime!(2026-11-03 10:00 UTC), (2026, 11, 5)),
        // A zone that nobody told is Moscow's.
        ("MSK", datetime!(2026-11-23 21:00 UTC), (2026, 11, 25)),
    ];
    let catalogue = Catalogue::embedded().unwrap();
    for (zone, assigned, (year, month, day)) in cases {
        let facts = at(zone);
        let due = from_ms(report_by(to_ms(assigned), &facts, &catalogue));
        let there = due.to_offset(zone::offset_of(&facts.address));
        let last = (there.year(), u8::from(there.month()), there.day());
        assert_eq!(last, (year, month, day), "{zone} {assigned}");
        assert_eq!((there.hour(), there.minute(), there.second(), there.millisecond()), (23, 59, 59, 999));
    }
}

/// A Saturday made a working day counts, and the Monday given for it does not.
#[test]
fn a_moved_working_saturday_is_a_working_day() {
    let folder = tempfile::tempdir().unwrap();
    let text = "updated = \"2026-10-01\"\nyears = [2027]\ncard_working_days = 5\n\
                [[working_day]]\ndate = \"2027-02-20\"\nwhy = \"Перенос\"\n\
                [[day_off]]\ndate = \"2027-02-22\"\nwhy = \"Перенос\"\n\
                [[day_off]]\ndate = \"2027-02-23\"\nwhy = \"Праздник\"\n";
    std::fs::write(folder.path().join("calendar.toml"), text).unwrap();
    let catalogue = Catalogue::load(Some(folder.path())).unwrap();
    let due = |assigned| from_ms(report_by(to_ms(assigned), &at("UTC+3"), &catalogue));
    let msk = UtcOffset::from_hms(3, 0, 0).unwrap();
    assert_eq!(due(datetime!(2027-02-19 15:00 UTC)).to_offset(msk).date(), time::macros::date!(2027 - 02 - 20));
    assert_eq!(due(datetime!(2027-02-20 15:00 UTC)).to_offset(msk).date(), time::macros::date!(2027 - 02 - 24));
}

#[test]
fn a_report_is_overdue_from_the_first_millisecond_of_the_next_day_until_fns_has_it() {
    let facts = at("UTC+12");
    let numbers = numbers(datetime!(2026-11-19 12:00 UTC), &facts);
    let due = numbers.report_by_ms;
    assert_eq!(from_ms(due + 1), datetime!(2026-11-23 12:00 UTC), "midnight in Kamchatka");
    let held = Some("0198f2a0-7c1e-8e6b-8f00-000000000001".parse().unwrap());
    let asked_by = "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".parse().unwrap();
    let number = || numbers.clone();
    let cases = [
        (State::ConnectingOfd { held, stale: None, numbers: number() }, true),
        (State::ReadyToFiscalize { numbers: number() }, true),
        (State::Fiscalizing { numbers: number(), asked_by }, true),
        (State::Reporting { numbers: number(), report: report() }, true),
        (State::AwaitingCard { numbers: number(), report: report() }, false),
        (State::Registered { numbers: number(), report: report(), card: card() }, false),
        (State::AwaitingRnm { held: None, application_id: "1".into() }, false),
        (State::Cancelled(ending()), false),
    ];
    for (state, late) in cases {
        assert!(!guide::overdue(&state, due), "{:?}", state.name());
        assert_eq!(guide::overdue(&state, due + 1), late, "{:?}", state.name());
    }
}

fn ending() -> Ending {
    Ending { application_id: None, rnm: None, held: None, connected: false, drive: DriveFate::Unburnt }
}

fn card() -> Card {
    Card { number: "1".into(), issued_ms: 1 }
}

#[test]
fn each_wait_for_an_authority_tells_when_it_should_end() {
    let facts = at("UTC+3");
    let since = datetime!(2026-11-20 16:00 UTC);
    let numbers = numbers(since, &facts);
    let number = || numbers.clone();
    let monday = Some(datetime!(2026-11-23 20:59:59.999 UTC));
    let held = Some("0198f2a0-7c1e-8e6b-8f00-000000000001".parse().unwrap());
    let asked_by = "5f0c7c1e-0b6a-4c0e-9a53-3f0a8f1f2a12".parse().unwrap();
    let cases = [
        (State::Reserving, None),
        (State::Submitting { held: None }, None),
        (State::AwaitingRnm { held: None, application_id: "1".into() }, monday),
        (State::ConnectingOfd { held, stale: None, numbers: number() }, monday),
        (State::ReadyToFiscalize { numbers: number() }, monday),
        (State::Fiscalizing { numbers: number(), asked_by }, monday),
        (State::Reporting { numbers: number(), report: report() }, monday),
        // Five working days after Friday 20 November.
        (State::AwaitingCard { numbers: number(), report: report() }, Some(datetime!(2026-11-27 20:59:59.999 UTC))),
        (State::Registered { numbers: number(), report: report(), card: card() }, None),
        (State::Cancelled(ending()), None),
    ];
    let catalogue = Catalogue::embedded().unwrap();
    for (state, expected) in cases {
        let kkt = kkt(state, facts.clone(), since);
        assert_eq!(expected_by(&kkt, &catalogue).map(from_ms), expected, "{:?}", kkt.state.name());
    }
}

#[test]
fn a_devices_clock_is_compared_with_the_time_at_the_place() {
    let cases = [
        ("UTC+3", "2026-11-23T13:12:00", Some(0)),
        ("UTC+3", "2026-11-23T13:17:01", Some(301)),
        ("UTC+3", "2026-11-23T13:06", Some(360)),
        ("UTC+10", "2026-11-23T20:12:00", Some(0)),
        ("UTC+10", "2026-11-23T13:12:00", Some(7 * 3600)),
        ("UTC+3", "soon", None),
        ("UTC+3", "2026-13-23T13:12:00", None),
    ];
    for (zone, clock, expected) in cases {
        assert_eq!(clock_difference_s(clock, ACCEPTED_MS, &at(zone)), expected, "{zone} {clock}");
    }
}
