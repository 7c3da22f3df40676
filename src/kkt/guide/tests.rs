//! Every registration tells who is waited for and what can be done.

use uuid::Uuid;

use super::*;
use crate::gateways::device::FiscalReport;
use crate::gateways::fns::{Card, FnsRefusal, FnsRefusalReason};
use crate::kkt::model::Kkt;
use crate::kkt::state::{Ending, Name, Numbers, Report, Source};
use crate::kkt::tests::samples::company;
use crate::values::{ClientId, FiscalSign, KktId, RequestId, Rnm};

fn kkt(state: State, automatically: bool) -> View {
    registration(state, automatically).into()
}

fn registration(state: State, automatically: bool) -> Kkt {
    let (mut spec, facts) = company();
    spec.fiscalize_automatically = automatically;
    Kkt {
        id: KktId::new(Uuid::nil()),
        client_id: ClientId::new(Uuid::nil()),
        inn: facts.taxpayer.inn.clone(),
        request_id: RequestId::new(Uuid::nil()),
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

fn numbers() -> Numbers {
    let rnm = Rnm::parse("0000000001055823").unwrap();
    Numbers { application_id: "app-1".into(), rnm, assigned_ms: 1, report_by_ms: 2 }
}

fn report() -> Report {
    let values = FiscalReport {
        rnm: numbers().rnm,
        fn_serial: company().1.register.fn_serial,
        fd_number: 1,
        local_time: "2026-11-23T13:12:00".into(),
        fiscal_sign: FiscalSign::parse("0024109209").unwrap(),
    };
    Report { values, source: Source::Automatic }
}

fn ending(application_id: Option<&str>, rnm: bool, connected: bool, drive: DriveFate) -> State {
    let rnm = rnm.then(|| numbers().rnm);
    State::Cancelled(Ending { application_id: application_id.map(str::to_owned), rnm, held: None, connected, drive })
}

fn states() -> Vec<State> {
    let asked_by = RequestId::new(Uuid::nil());
    let refusal = FnsRefusal { reason: FnsRefusalReason::FnInUse, text: String::new() };
    vec![
        State::Reserving,
        State::Submitting { held: None },
        State::AwaitingRnm { held: None, application_id: "app-1".into() },
        State::ConnectingOfd { held: None, stale: None, numbers: numbers() },
        State::ReadyToFiscalize { numbers: numbers() },
        State::Fiscalizing { numbers: numbers(), asked_by },
        State::Reporting { numbers: numbers(), report: report() },
        State::AwaitingCard { numbers: numbers(), report: report() },
        State::Registered { numbers: numbers(), report: report(), card: Card { number: "1".into(), issued_ms: 0 } },
        State::Rejected { refusal, held: None },
        ending(None, false, false, DriveFate::Unburnt),
    ]
}

#[test]
fn who_is_waited_for_follows_from_the_state() {
    let who = |automatically| {
        let all = states().into_iter().map(move |state| kkt(state, automatically).waiting_for());
        all.map(|who| who.map_or("-", WaitingFor::name)).collect::<Vec<_>>()
    };
    assert_eq!(who(false), ["-", "-", "FNS", "-", "PARTNER", "DEVICE", "-", "FNS", "-", "-", "-"]);
    assert_eq!(who(true), ["-", "-", "FNS", "-", "-", "DEVICE", "-", "FNS", "-", "-", "-"]);
}

/// What is written for searches is what the registration says when it is read.
#[test]
fn who_is_waited_for_is_found_where_it_is_told() {
    let held_up = advice::block(advice::MISMATCH, WaitingFor::Operator, "Сделайте это");
    for (state, automatically) in states().into_iter().flat_map(|state| [(state.clone(), false), (state, true)]) {
        for block in [None, Some(held_up.clone())] {
            let mut whole = registration(state.clone(), automatically);
            whole.block = block.clone();
            let seen = View::from(whole.clone()).waiting_for();
            assert_eq!((seen, block.is_none() || seen == Some(WaitingFor::Operator)), (whole.waiting_for(), true));
        }
    }
}

#[test]
fn what_can_be_done_follows_from_the_state() {
    let can = |state: State| {
        let actions = next_actions(&kkt(state, false));
        assert!(actions.iter().all(|a| a.unavailable.as_ref().is_none_or(|why| !why.is_empty())));
        let free = actions.iter().filter(|a| a.unavailable.is_none());
        free.map(|a| format!("{:?}", a.action)).collect::<Vec<_>>().join(" ")
    };
    let all: Vec<_> = states().into_iter().map(can).collect();
    let until_burnt = "Amend Cancel";
    assert_eq!(
        all,
        [
            until_burnt,
            until_burnt,
            until_burnt,
            until_burnt,
            "Fiscalize Amend Cancel",
            until_burnt,
            "",
            "",
            "",
            "RegisterAgain",
            "RegisterAgain"
        ]
    );
    assert_eq!(states().iter().map(State::name).collect::<Vec<_>>(), Name::ALL);
}

/// Whatever holds a registration up and waits for somebody near it says what that somebody has to bring.
#[test]
fn a_block_names_what_is_missing() {
    let cases = [
        ("OFD_CODE_USED", WaitingFor::Partner, Some("ACTIVATION_CODE")),
        (advice::REPORT_REFUSED, WaitingFor::Partner, Some("CORRECTED_REPORT")),
        ("REPORT_UNREADABLE", WaitingFor::Partner, Some("MANUAL_REPORT")),
        (advice::TASK_WITHDRAWN, WaitingFor::Partner, Some("FISCALIZE_CALL")),
        (advice::MISMATCH, WaitingFor::Partner, Some("RIGHT_DEVICE")),
        ("DEVICE_NO_PAPER", WaitingFor::Device, Some("DEVICE_READY")),
        ("SIGNATURE", WaitingFor::Signer, Some("SIGNATURE")),
        (advice::UNUSABLE, WaitingFor::Partner, Some("NEW_REGISTRATION")),
        ("FNS_UNAVAILABLE", WaitingFor::Fns, None),
        ("RNM_DOES_NOT_FIT", WaitingFor::Operator, None),
    ];
    for (reason, who, expected) in cases {
        let mut kkt = kkt(State::Fiscalizing { numbers: numbers(), asked_by: RequestId::new(Uuid::nil()) }, true);
        kkt.block = Some(advice::block(reason, who, "Сделайте это"));
        let found = requirements(&kkt);
        assert_eq!(found.first().map(|r| r.code), expected, "{reason}");
        assert_eq!(status_text(&kkt), "Сделайте это");
    }
}

#[test]
fn a_cancelled_registration_says_what_is_left() {
    let left = |state| left_behind(&state);
    assert_eq!(left(ending(None, false, false, DriveFate::Unburnt)), "");
    assert!(left(ending(Some("app-1"), false, false, DriveFate::Unburnt)).contains("поданное заявление"));
    let all = left(ending(Some("app-1"), true, true, DriveFate::InDoubt));
    for part in ["номером", "у ОФД", "в поддержку"] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert!(left(ending(Some("app-1"), true, false, DriveFate::Lost)).contains("установите новый"));
    assert_eq!(left(State::Reserving), "");
}
