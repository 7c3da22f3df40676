//! Every finding in every state, and that they lead out of each.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::kkt::effects::Effect;
use crate::kkt::state::{Name, Source};
use crate::kkt::tests::samples::company;
use crate::support::explain::{outcomes, samples};
use crate::values::{ClientId, Inn, KktId, RequestId};

fn kkt(state: State) -> Kkt {
    let (spec, facts) = company();
    let (client_id, request_id) = (ClientId::new(Uuid::from_u128(2)), RequestId::new(Uuid::from_u128(3)));
    Kkt {
        id: KktId::new(Uuid::from_u128(1)),
        client_id,
        inn: Inn::parse("7707083893").unwrap(),
        request_id,
        external_ref: None,
        spec,
        facts,
        state,
        block: None,
        revision: 1,
        since_ms: 0,
        next_attempt_ms: None,
        created_ms: 0,
        updated_ms: 0,
        origin: None,
    }
}

fn sent(command: Command, generation: u32, standing: Standing) -> Sent {
    let id = EffectId::new(Uuid::from_u128(u128::from(generation) + 100));
    let effect = Effect { id, generation, standing };
    Sent { command: Some(command), step: command.name().to_owned(), effect, created_ms: 1, settled_ms: None }
}

fn rnm(of: &Kkt) -> Rnm {
    Rnm::compose(7, &of.inn, &of.facts.register.serial).unwrap()
}

/// Each finding with the name that the command line gives it.
fn all(of: &Kkt) -> Vec<(&'static str, Finding)> {
    let fiscal_sign = FiscalSign::parse("0024109209").unwrap();
    let local_time = "2026-11-23T13:12:00".to_owned();
    vec![
        ("reserved", Finding::Reserved),
        ("filed", Finding::Filed { application_id: "app-1".into() }),
        ("rnm", Finding::Rnm { rnm: rnm(of), assigned_ms: 1_795_428_720_000 }),
        ("connected", Finding::Connected),
        ("burnt", Finding::Burnt { fd_number: 1, local_time, fiscal_sign }),
        ("report-filed", Finding::ReportFiled),
        ("card", Finding::Card { number: "77".into(), issued_ms: 1 }),
        ("rejected", Finding::Rejected),
        ("not-burnt", Finding::NotBurnt),
    ]
}

fn after(state: &State, finding: Finding) -> Result<State, Unfit> {
    let reservation = [sent(Command::ReserveCode, 0, Standing::Intended)];
    ruling(&kkt(state.clone()), &reservation, finding, &Catalogue::embedded().unwrap()).map(|r| r.state)
}

#[test]
fn a_state_takes_the_findings_that_are_told_for_it_and_no_others() {
    for state in samples() {
        let told: Vec<&str> = outcomes(state.name()).map(|o| o.split('|').collect()).unwrap_or_default();
        for (name, finding) in all(&kkt(state.clone())) {
            // A code is reserved anew only after another one was given.
            let held = name == "reserved" && state.held().is_some();
            // What the device itself reported cannot be disproved.
            let sure = name == "not-burnt" && state.report().is_some_and(|r| r.source == Source::Automatic);
            let fits = after(&state, finding).is_ok();
            assert_eq!(fits, told.contains(&name) && !held && !sure, "{name} in {}", state.name().as_str());
        }
    }
}

#[test]
fn from_every_state_an_operator_can_reach_an_end() {
    for start in samples() {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(state) = open.pop() {
            if seen.insert(state.name().as_str()) {
                open.extend(
                    all(&kkt(state.clone())).into_iter().filter_map(|(_, finding)| after(&state, finding).ok()),
                );
            }
        }
        let ends = [Name::Registered, Name::Rejected, Name::Cancelled].map(Name::as_str);
        assert!(ends.iter().any(|end| seen.contains(end)), "{}: {seen:?}", start.name().as_str());
    }
}

#[test]
fn a_wrong_number_or_time_is_refused() {
    let awaiting = State::AwaitingRnm { held: None, application_id: "app-1".into() };
    let wrong = Rnm::parse("0000000001055824").unwrap();
    assert_eq!(after(&awaiting, Finding::Rnm { rnm: wrong, assigned_ms: 1 }), Err(Unfit::Rnm));
    let burning = samples().remove(5);
    let fiscal_sign = FiscalSign::parse("1").unwrap();
    let burnt = Finding::Burnt { fd_number: 1, local_time: "23.11.2026 13:12".into(), fiscal_sign };
    assert_eq!(after(&burning, burnt), Err(Unfit::LocalTime));
    let nothing = ruling(&kkt(State::Reserving), &[], Finding::Reserved, &Catalogue::embedded().unwrap());
    assert_eq!(nothing.err(), Some(Unfit::NoReservation));
}

#[test]
fn the_open_command_of_the_step_is_settled_and_no_other() {
    let catalogue = Catalogue::embedded().unwrap();
    let filed = || Finding::Filed { application_id: "app-1".into() };
    let submitting = kkt(State::Submitting { held: None });
    for (standing, settled) in [
        (Standing::Intended, true),
        (Standing::Unsent, true),
        (Standing::Refused, false),
        (Standing::Void, false),
        (Standing::Done, false),
    ] {
        let commands = [
            sent(Command::SubmitApplication, 0, Standing::Void),
            sent(Command::SubmitApplication, 1, standing),
            sent(Command::ReserveCode, 2, Standing::Intended),
        ];
        let ruling = ruling(&submitting, &commands, filed(), &catalogue).unwrap();
        let expected = settled.then_some((commands[1].effect.id, Standing::Done));
        assert_eq!(ruling.settles, expected, "{standing:?}");
    }
}

#[test]
fn a_drive_in_doubt_is_not_freed_while_a_burn_of_ours_may_still_run() {
    let ended = |drive| {
        let ending = Ending { application_id: None, rnm: None, held: None, connected: false, drive };
        kkt(State::Cancelled(ending))
    };
    let doubt = ended(DriveFate::InDoubt);
    for (standing, free) in
        [(Standing::Intended, false), (Standing::Unsent, false), (Standing::Refused, true), (Standing::Void, true)]
    {
        let commands = [sent(Command::Burn, 0, Standing::Refused), sent(Command::Burn, 1, standing)];
        assert_eq!(nothing_burns(&doubt, &commands, true).is_ok(), free, "{standing:?}");
        assert_eq!(nothing_burns(&doubt, &commands, false), Ok(()), "nothing is freed then");
    }
    assert_eq!(nothing_burns(&ended(DriveFate::Unburnt), &[sent(Command::Burn, 0, Standing::Intended)], true), Ok(()));
}

#[test]
fn only_a_reservation_whose_outcome_is_open_can_have_been_made() {
    let reserving = kkt(State::Reserving);
    for (standing, fits) in [(Standing::Intended, true), (Standing::Refused, false), (Standing::Void, false)] {
        let commands = [sent(Command::ReserveCode, 0, standing)];
        let ruled = ruling(&reserving, &commands, Finding::Reserved, &Catalogue::embedded().unwrap());
        assert_eq!(ruled.is_ok(), fits, "{standing:?}");
    }
}

#[test]
fn an_ended_registration_lets_go_of_its_code_and_of_a_drive_that_was_seen() {
    let held = Some(EffectId::new(Uuid::from_u128(7)));
    let ended =
        |held, drive| State::Cancelled(Ending { application_id: None, rnm: None, held, connected: false, drive });
    let free = ended(None, DriveFate::Unburnt);
    for (state, seen, expected) in [
        (ended(held, DriveFate::Unburnt), false, Ok(free.clone())),
        (ended(held, DriveFate::InDoubt), false, Err(Unfit::DriveInDoubt)),
        (ended(held, DriveFate::InDoubt), true, Ok(free.clone())),
        (ended(None, DriveFate::InDoubt), true, Ok(free.clone())),
        (ended(None, DriveFate::Lost), true, Err(Unfit::HoldsNothing)),
        (ended(held, DriveFate::Lost), true, Ok(ended(None, DriveFate::Lost))),
        (free, true, Err(Unfit::HoldsNothing)),
        (State::Reserving, true, Err(Unfit::HoldsNothing)),
    ] {
        assert_eq!(released(&kkt(state.clone()), seen).map(|r| r.state), expected, "{state:?}");
    }
}
