//! Calls that break off, race or come too late.

use std::collections::HashSet;

use litebox_partner::failure::Failure;
use litebox_partner::gateways::Gateway;
use litebox_partner::sandbox::ledger::Kind;

use super::*;
use crate::support::database::on_both_databases;

const SBER: &str = "7707083893";

fn accounts_down(answer: &Result<Card, Failure>) -> bool {
    matches!(answer, Err(Failure::GatewayUnavailable { gateway: Gateway::Accounts, .. }))
}

fn effect_ids(stage: &Stage, operation: &str) -> HashSet<String> {
    let entries = stage.sandbox.entries();
    entries.iter().filter(|e| e.is(Kind::Command, operation)).filter_map(|e| e.effect_id.clone()).collect()
}

#[tokio::test]
async fn a_call_that_broke_off_is_finished_by_its_repetition() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let faults = [
            "accounts.EnsureAccount:drop",
            "accounts.EnsureAccount:lost_reply",
            "accounts.EnsureAccount:garbage",
            "accounts.EnsureAccount:error=UNAVAILABLE",
            "accounts.SetInitialPassword:drop",
            "accounts.SetInitialPassword:lost_reply",
            "accounts.SetInitialPassword:garbage",
        ];
        for (at, fault) in (0..).zip(faults) {
            let order = order(inn(770_100_000 + at).as_str(), &format!("shop{at}@example.ru"));
            stage.sandbox.add_fault(&format!("{fault},times=1")).unwrap();
            let broken = stage.register(&caller, &order).await;
            assert!(accounts_down(&broken), "{fault}: {broken:?}");
            let card = stage.register(&caller, &order).await.unwrap();
            assert!(is_active(&card), "{fault}");
            assert!(stage.signs_in(order.email.as_str(), "aB1!_-").await, "{fault}");
        }
        assert_eq!(stage.effects("accounts.EnsureAccount"), faults.len());
        assert_eq!(effect_ids(&stage, "accounts.EnsureAccount").len(), faults.len());
    })
    .await;
}

#[tokio::test]
async fn any_call_of_the_partner_continues_an_unfinished_client_with_its_own_data() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let first = order(SBER, "shop@example.ru");
        stage.sandbox.add_fault("accounts.SetInitialPassword:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &first).await));
        let second = Register {
            password: password("second"),
            external_ref: Some("1C-2".into()),
            ..order(SBER, "shop@example.ru")
        };
        let card = stage.register(&caller, &second).await.unwrap();
        assert_eq!((card.client.external_ref.as_deref(), card.client.password_version), (Some("1C-2"), 2));
        assert_eq!(stage.effects("accounts.EnsureAccount"), 1);
        // The first call's password was overwritten, and so its repetition is refused.
        assert_eq!(stage.register(&caller, &first).await, Err(Failure::KeyReused));
        assert!(stage.signs_in("shop@example.ru", "second").await);
    })
    .await;
}

#[tokio::test]
async fn another_login_starts_anew_under_a_new_id() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        stage.sandbox.add_fault("accounts.EnsureAccount:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &order(SBER, "wrong@example.ru")).await));
        let card = stage.register(&caller, &order(SBER, "right@example.ru")).await.unwrap();
        assert_eq!(card.client.email.as_str(), "right@example.ru");
        assert_eq!(effect_ids(&stage, "accounts.EnsureAccount").len(), 2);
        assert!(!stage.signs_in("wrong@example.ru", "aB1!_-").await);
        assert!(stage.signs_in("right@example.ru", "aB1!_-").await);
    })
    .await;
}

#[tokio::test]
async fn another_login_for_a_client_that_was_finished_unseen_is_a_duplicate() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        stage.sandbox.add_fault("accounts.SetInitialPassword:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &order(SBER, "shop@example.ru")).await));
        let answer = stage.register(&caller, &order(SBER, "other@example.ru")).await;
        let Err(Failure::ClientAlreadyRegistered { client_id }) = answer else { panic!("{answer:?}") };
        assert!(is_active(&stage.service().get(caller.scope, client_id).await.unwrap()));
    })
    .await;
}

#[tokio::test]
async fn a_client_whose_user_has_signed_in_meanwhile_is_finished() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let first = order(SBER, "shop@example.ru");
        stage.sandbox.add_fault("accounts.SetInitialPassword:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &first).await));
        assert!(stage.signs_in("shop@example.ru", "aB1!_-").await);
        assert!(is_active(&stage.register(&caller, &first).await.unwrap()));
    })
    .await;
}

#[tokio::test]
async fn two_partners_at_once_yield_one_client() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let (ours, theirs) = (stage.partner(1).await, stage.partner(2).await);
        for at in 0..5 {
            let number = inn(770_200_000 + at);
            let one = order(number.as_str(), &format!("one{at}@example.ru"));
            let two = order(number.as_str(), &format!("two{at}@example.ru"));
            let (one, two) = tokio::join!(stage.register(&ours, &one), stage.register(&theirs, &two));
            let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
            assert!(is_active(&won.unwrap()));
            assert!(matches!(lost, Err(Failure::ClientKnownElsewhere { .. })), "{lost:?}");
        }
        assert_eq!(stage.effects("accounts.EnsureAccount"), 5);
    })
    .await;
}

#[tokio::test]
async fn one_partner_calling_many_times_at_once_gets_one_client_with_the_password_it_was_told() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let calls = (0..6).map(|at| {
            let order = Register { password: password(&format!("secret-{at}")), ..order(SBER, "shop@example.ru") };
            let (service, caller) = (stage.service(), caller.clone());
            tokio::spawn(async move { (at, service.register(&caller, &order).await) })
        });
        let mut told = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            match call.await.unwrap() {
                (at, Ok(_)) => told.push(at),
                (_, Err(Failure::Conflict | Failure::ClientAlreadyRegistered { .. })) => {}
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        assert_eq!(effect_ids(&stage, "accounts.EnsureAccount").len(), 1);
        assert_eq!(told.len(), 1, "at most one password is in force, and its caller knows");
        assert!(stage.signs_in("shop@example.ru", &format!("secret-{}", told[0])).await);
    })
    .await;
}

#[tokio::test]
async fn the_same_call_many_times_at_once_ends_in_one_client() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        let order = order(SBER, "shop@example.ru");
        let calls = (0..6).map(|_| {
            let (service, caller, order) = (stage.service(), caller.clone(), order.clone());
            tokio::spawn(async move { service.register(&caller, &order).await })
        });
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await.unwrap();
            assert!(matches!(answer, Ok(_) | Err(Failure::Conflict)), "{answer:?}");
        }
        assert!(is_active(&stage.register(&caller, &order).await.unwrap()));
        assert_eq!(stage.effects("accounts.EnsureAccount"), 1);
    })
    .await;
}

/// Everything that is pending is due at once.
fn impatient() -> ClientsConfig {
    ClientsConfig { pending_minutes: 0, ..ClientsConfig::default() }
}

#[tokio::test]
async fn the_reaper_ends_what_was_left_unfinished_and_frees_the_tax_number() {
    on_both_databases(|database| async move {
        let stage = Stage::with(database, impatient()).await;
        let (ours, theirs) = (stage.partner(1).await, stage.partner(2).await);
        let first = order(SBER, "shop@example.ru");
        stage.sandbox.add_fault("accounts.EnsureAccount:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&ours, &first).await));
        assert_eq!(stage.reaper().round().await, Ok(1));
        assert_eq!(stage.reaper().round().await, Ok(0));
        assert!(is_active(&stage.register(&theirs, &order(SBER, "shop@example.ru")).await.unwrap()));
        assert!(matches!(stage.register(&ours, &first).await, Err(Failure::ClientKnownElsewhere { .. })));
    })
    .await;
}

#[tokio::test]
async fn the_reaper_finds_a_client_that_was_finished_unseen() {
    on_both_databases(|database| async move {
        let stage = Stage::with(database, impatient()).await;
        let caller = stage.partner(1).await;
        let order = order(SBER, "shop@example.ru");
        stage.sandbox.add_fault("accounts.SetInitialPassword:lost_reply,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &order).await));
        assert_eq!(stage.reaper().round().await, Ok(1));
        assert!(is_active(&stage.register(&caller, &order).await.unwrap()));
        assert_eq!(stage.commands("accounts.SetInitialPassword"), 2);
    })
    .await;
}

#[tokio::test]
async fn the_reaper_leaves_what_is_not_due() {
    on_both_databases(|database| async move {
        let stage = Stage::new(database).await;
        let caller = stage.partner(1).await;
        stage.sandbox.add_fault("accounts.EnsureAccount:drop,times=1").unwrap();
        assert!(accounts_down(&stage.register(&caller, &order(SBER, "shop@example.ru")).await));
        assert_eq!(stage.reaper().round().await, Ok(0));
        assert_eq!(stage.commands("accounts.ReportOrVoid"), 0);
    })
    .await;
}

/// A call that is parked at `fault`.
async fn parked(stage: &Stage, caller: &Caller, order: &Register, fault: &str) -> Call {
    stage.sandbox.add_fault(&format!("{fault},times=1")).unwrap();
    let (service, caller, order) = (stage.service(), caller.clone(), order.clone());
    let call = tokio::spawn(async move { service.register(&caller, &order).await });
    stage.sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    call
}

type Call = tokio::task::JoinHandle<Result<Option<Card>, Failure>>;

#[tokio::test]
async fn a_call_that_the_reaper_overtook_starts_anew() {
    on_both_databases(|database| async move {
        let stage = Stage::with(database, impatient()).await;
        let caller = stage.partner(1).await;
        for (at, command) in (0..).zip(["EnsureAccount", "SetInitialPassword"]) {
            let order = order(inn(770_400_000 + at).as_str(), &format!("shop{at}@example.ru"));
            let call = parked(&stage, &caller, &order, &format!("accounts.{command}:hold=before_receipt")).await;
            assert_eq!(stage.reaper().round().await, Ok(1), "{command}");
            stage.sandbox.release_holds();
            let card = call.await.unwrap().unwrap().unwrap();
            assert!(is_active(&card), "{command}");
            assert!(stage.signs_in(order.email.as_str(), "aB1!_-").await, "{command}");
            assert_eq!(stage.register(&caller, &order).await, Ok(card), "{command}");
        }
        assert_eq!(effect_ids(&stage, "accounts.EnsureAccount").len(), 4);
    })
    .await;
}

#[tokio::test]
async fn the_reaper_leaves_a_call_alone_whose_command_is_being_executed() {
    on_both_databases(|database| async move {
        let stage = Stage::with(database, impatient()).await;
        let caller = stage.partner(1).await;
        let call = parked(&stage, &caller, &order(SBER, "shop@example.ru"), "accounts.SetInitialPassword:hold").await;
        assert_eq!(stage.reaper().round().await, Ok(0));
        stage.sandbox.release_holds();
        assert!(is_active(&call.await.unwrap().unwrap().unwrap()));
    })
    .await;
}
