//! The checker can fail: each kind of violation is made up once, and named.

use std::collections::BTreeSet;

use litebox_partner::sandbox::ledger::Kind;
use uuid::Uuid;

use super::made::{CLIENT, KKT, Made, cancelled, effect_id, line, registered, request_row, told};
use super::steps::{BURN, CONNECT, REPORT, RESERVE, SUBMIT};
use super::{Name, check, names};
use crate::chaos::load::book::Answer;

/// What is found after good ledgers were spoiled.
fn found(made: Made, spoil: impl FnOnce(&mut Made)) -> BTreeSet<Name> {
    let mut made = made;
    spoil(&mut made);
    names(&check(&made.evidence()))
}

fn only(name: Name) -> BTreeSet<Name> {
    BTreeSet::from([name])
}

/// A registration given up after the application was sent under a second id.
fn twice_sent(settled: bool) -> BTreeSet<Name> {
    found(registered(), |made| {
        let filed = made.evidence.entries.iter().position(|e| e.is(Kind::Effect, SUBMIT.effect)).unwrap();
        made.evidence.entries.remove(filed);
        made.evidence.rows.effects[1].state = "VOID".into();
        made.effect_row(SUBMIT, 1, "DONE");
        if settled {
            made.note(Kind::Effect, "fns.ReportOrVoid", effect_id(SUBMIT, 0), &[]);
        }
        made.send(SUBMIT, 1);
        made.happen(SUBMIT, 1);
    })
}

#[test]
fn good_ledgers_are_good() {
    assert_eq!(found(registered(), |_| {}), BTreeSet::new());
    assert_eq!(found(cancelled(), |_| {}), BTreeSet::new());
    assert_eq!(twice_sent(true), BTreeSet::new());
}

#[test]
fn an_acknowledged_object_that_is_not_stored_is_noticed() {
    let client = |made: &mut Made| made.evidence.rows.clients[0].inn = "7707083893".into();
    assert!(found(registered(), client).contains(&Name::AnswerNotStored));
    let lost_line =
        |made: &mut Made| made.evidence.calls[1].1 = vec![Answer::Told(told(KKT, "00106100000001", "RESERVING", 7))];
    assert_eq!(found(registered(), lost_line), only(Name::AnswerNotStored));
    let forgotten = |made: &mut Made| made.evidence.rows.requests.truncate(1);
    assert!(found(registered(), forgotten).contains(&Name::AnswerNotStored));
}

#[test]
fn two_answers_to_one_request_id_are_noticed() {
    let spoil = |made: &mut Made| {
        let other = told(Uuid::from_u128(9), "00106100000001", "RESERVING", 1);
        made.evidence.calls[1].1.push(Answer::Told(other));
    };
    assert!(found(registered(), spoil).contains(&Name::TwoAnswers));
}

#[test]
fn a_call_without_an_answer_is_noticed() {
    let spoil = |made: &mut Made| made.evidence.calls[1].1.truncate(1);
    assert_eq!(found(registered(), spoil), only(Name::NeverAnswered));
}

#[test]
fn what_nobody_asked_for_is_noticed() {
    let spoil = |made: &mut Made| made.evidence.calls.truncate(1);
    assert_eq!(found(registered(), spoil), only(Name::NotAskedFor));
    let spoil = |made: &mut Made| made.evidence.rows.requests.push(request_row("Cancel", Uuid::from_u128(9), KKT));
    assert_eq!(found(registered(), spoil), only(Name::NotAskedFor));
}

#[test]
fn a_refused_call_that_is_stored_is_noticed() {
    let spoil = |made: &mut Made| made.evidence.calls[1].1 = vec![Answer::Refused("SERIAL_OR_FN_IN_USE".into())];
    assert_eq!(found(registered(), spoil), only(Name::RefusedAndStored));
}

#[test]
fn an_effect_that_happened_twice_is_noticed_under_one_id_and_under_two() {
    for step in [RESERVE, SUBMIT, CONNECT, BURN, REPORT] {
        assert_eq!(found(registered(), |made| made.happen(step, 0)), only(Name::EffectTwice), "{}", step.name);
        let second = |made: &mut Made| {
            made.effect_row(step, 1, "DONE");
            made.happen(step, 1);
        };
        assert!(found(registered(), second).contains(&Name::EffectTwice), "{}", step.name);
    }
}

#[test]
fn an_effect_that_the_state_promises_and_that_never_happened_is_noticed() {
    let spoil = |made: &mut Made| made.evidence.entries.retain(|entry| !entry.is(Kind::Effect, BURN.effect));
    assert_eq!(found(registered(), spoil), BTreeSet::from([Name::EffectMissing, Name::DoneWithoutEffect]));
}

#[test]
fn a_command_that_nobody_intended_is_noticed() {
    let spoil = |made: &mut Made| made.send(SUBMIT, 3);
    assert_eq!(found(registered(), spoil), only(Name::EffectNotIntended));
}

#[test]
fn a_code_or_a_register_that_a_cancelled_registration_holds_is_noticed() {
    let code = |made: &mut Made| made.evidence.entries.retain(|entry| entry.operation != "ReleaseCode");
    assert_eq!(found(cancelled(), code), only(Name::StillHeld));
    let register = |made: &mut Made| made.evidence.rows.kkts[0].held = true;
    assert_eq!(found(cancelled(), register), only(Name::StillHeld));
}

#[test]
fn a_cancelled_registration_that_was_burnt_is_noticed() {
    let spoil = |made: &mut Made| {
        made.effect_row(BURN, 0, "VOID");
        made.happen(BURN, 0);
    };
    assert_eq!(found(cancelled(), spoil), only(Name::BurntAndCancelled));
}

#[test]
fn a_second_account_a_missing_one_and_a_password_version_used_twice_are_noticed() {
    let account = litebox_partner::values::EffectId::of_client(litebox_partner::values::ClientId::new(CLIENT)).uuid();
    let second = |made: &mut Made| {
        made.note(Kind::Effect, "accounts.EnsureAccount", Uuid::from_u128(9), &[("inn", "7736050003")])
    };
    assert_eq!(found(registered(), second), only(Name::AccountTwice));
    let version =
        |made: &mut Made| made.note(Kind::Effect, "accounts.SetInitialPassword", account, &[("version", "1")]);
    assert_eq!(found(registered(), version), only(Name::PasswordVersionTwice));
    let missing = |made: &mut Made| made.evidence.entries.retain(|entry| entry.operation != "SetInitialPassword");
    assert_eq!(found(registered(), missing), only(Name::AccountMissing));
}

#[test]
fn a_command_sent_again_under_its_id_is_noticed_although_receivers_deduplicate() {
    for step in [RESERVE, SUBMIT, CONNECT, BURN, REPORT] {
        assert_eq!(found(registered(), |made| made.send_again(step)), only(Name::SentAgain), "{}", step.name);
    }
}

#[test]
fn a_late_burn_is_allowed_once_more_where_replicas_were_stopped() {
    let late = |times: usize| {
        move |made: &mut Made| {
            made.evidence.late = true;
            (0..times).for_each(|_| made.send_again(BURN));
        }
    };
    assert_eq!(found(registered(), late(1)), BTreeSet::new());
    assert_eq!(found(registered(), late(2)), only(Name::SentAgain));
}

#[test]
fn a_new_id_before_the_one_before_is_settled_is_noticed() {
    assert_eq!(twice_sent(false), only(Name::NewIdTooEarly));
    let unclear = |made: &mut Made| {
        made.evidence.rows.effects[4].state = "INTENDED".into();
        made.effect_row(REPORT, 1, "REFUSED");
    };
    assert_eq!(found(registered(), unclear), only(Name::NewIdTooEarly));
}

#[test]
fn a_gap_a_break_and_an_illegal_move_in_the_history_are_noticed() {
    let gap = |made: &mut Made| drop(made.evidence.rows.history.remove(4));
    assert!(found(registered(), gap).contains(&Name::HistoryGap));
    let broken = |made: &mut Made| made.evidence.rows.history[4].from_state = Some("SUBMITTING".into());
    assert!(found(registered(), broken).contains(&Name::HistoryBroken));
    let illegal = |made: &mut Made| {
        made.evidence.rows.history.push(line(10, Some("REGISTERED"), "REGISTERED"));
        made.evidence.rows.kkts[0].revision = 10;
    };
    assert_eq!(found(registered(), illegal), only(Name::IllegalMove));
}

#[test]
fn a_state_that_the_history_does_not_end_with_is_noticed() {
    let spoil = |made: &mut Made| made.evidence.rows.kkts[0].state = "AWAITING_CARD".into();
    assert_eq!(found(registered(), spoil), only(Name::StateDiffers));
}

#[test]
fn a_child_of_another_partner_is_noticed_in_every_table() {
    let other = Uuid::from_u128(9);
    let spoils: [fn(&mut Made, Uuid); 4] = [
        |made, other| made.evidence.rows.effects[0].partner_id = other,
        |made, other| made.evidence.rows.history[0].partner_id = other,
        |made, other| made.evidence.rows.documents[0].partner_id = other,
        |made, other| made.evidence.rows.requests[0].partner_id = other,
    ];
    for spoil in spoils {
        assert!(found(registered(), |made| spoil(made, other)).contains(&Name::ForeignChild));
    }
}

#[test]
fn an_operator_called_for_nothing_is_noticed_now_and_in_the_past() {
    let now = |made: &mut Made| made.evidence.rows.kkts[0].waiting_for = Some("OPERATOR".into());
    assert_eq!(found(registered(), now), only(Name::OperatorCalled));
    let then = |made: &mut Made| made.evidence.rows.history[3].detail = "OFD_NEEDS_SUPPORT".into();
    assert_eq!(found(registered(), then), only(Name::OperatorCalled));
}

#[test]
fn a_lease_a_transaction_an_error_and_a_panic_at_rest_are_noticed() {
    let lease = |made: &mut Made| made.evidence.rest.busy.push("kkt".into());
    assert_eq!(found(registered(), lease), only(Name::LeaseHeld));
    let session = |made: &mut Made| made.evidence.rest.sessions.push("idle in transaction".into());
    assert_eq!(found(registered(), session), only(Name::InTransaction));
    for line in [r#"{"level":"ERROR","message":"internal failure"}"#, "thread 'x' panicked at src/app.rs:1:1:"] {
        let logged = |made: &mut Made| made.evidence.logs.push(format!("{{\"level\":\"WARN\"}}\n{line}\n"));
        assert_eq!(found(registered(), logged), only(Name::ErrorLogged));
    }
}
