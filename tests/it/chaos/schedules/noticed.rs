//! Each check can fail: a good schedule is spoiled in one way, and the check that is meant for it notices.

use std::process::Command as Process;

use litebox_partner::chaos::{BREAK_VARIABLE, Broken};
use litebox_partner::kkt::effects::Command;
use litebox_partner::storage::Backend;
use litebox_partner::values::EffectId;
use secrecy::ExposeSecret;

use super::checks::violations;
use super::play::{Played, play};
use super::scenario::ALL;
use crate::model::stage::Stage;
use crate::model::world::{Entry, Kind};
use crate::support::database::TestDb;

/// How a good schedule is spoiled.
enum Spoilt {
    /// What was seen of it.
    Seen(fn(&mut Played<'_>)),
    /// What stands in the database of the registration `KKT`.
    Stored(&'static str),
}

const SPOILT: &[(&str, Spoilt)] = &[
    ("the outside saw a breach", Spoilt::Seen(|played| played.world.lock().breaches.push("filed twice".into()))),
    ("an order is lost", Spoilt::Seen(|played| played.kkt = None)),
    ("an order is carried out once", Spoilt::Stored("UPDATE kkt SET request_id = randomblob(16) WHERE id = KKT")),
    ("an effect happens once", Spoilt::Seen(|played| again(played, Kind::Happened, Command::Connect))),
    ("a command is sent once under its id", Spoilt::Seen(|played| again(played, Kind::Received, Command::ReserveCode))),
    ("a new id only after proof", Spoilt::Seen(under_a_new_id)),
    ("what is stored happened", Spoilt::Seen(|played| lost(played, Command::Connect))),
    ("the end has its effects", Spoilt::Seen(|played| lost(played, Command::SubmitReport))),
    ("the history hangs together", Spoilt::Seen(|played| drop(played.history.remove(3)))),
    ("the history hangs together", Spoilt::Seen(|played| played.history.swap(3, 4))),
    ("what was acknowledged is stored", Spoilt::Stored("DELETE FROM request WHERE resource_id = KKT")),
    ("what was acknowledged is stored", Spoilt::Seen(|played| drop(played.history.remove(0)))),
    ("a repeat answers the same", Spoilt::Stored("UPDATE request SET fingerprint = x'00' WHERE resource_id = KKT")),
    (
        "an operator is asked only about what cannot be seen",
        Spoilt::Seen(|played| played.operator.push("FNS_APPLICATION_LOST".into())),
    ),
    (
        "children belong to their parent's partner",
        Spoilt::Stored(
            "PRAGMA foreign_keys = OFF; UPDATE effect SET partner_id = randomblob(16) WHERE kkt_id = KKT; \
             PRAGMA foreign_keys = ON",
        ),
    ),
    ("every registration comes to an end", Spoilt::Seen(|played| played.quiet = false)),
];

/// A line of the ledger stands there twice.
fn again(played: &mut Played<'_>, kind: Kind, command: Command) {
    let mut world = played.world.lock();
    let line = world.ledger.iter().find(|e| e.kind == kind && e.step == command.name()).cloned();
    world.ledger.extend(line);
}

fn lost(played: &mut Played<'_>, command: Command) {
    played.world.lock().ledger.retain(|entry| entry.step != command.name());
}

fn under_a_new_id(played: &mut Played<'_>) {
    let (step, order) = (Command::SubmitApplication.name(), played.people.order());
    let effect = EffectId::derive(played.stage.scope.partner(), order, step, 1).to_string();
    played.world.lock().ledger.push(Entry { kind: Kind::Received, step, effect });
}

#[tokio::test]
async fn each_check_notices_what_it_is_meant_for() {
    let stage = Stage::new().await;
    for (check, spoilt) in SPOILT {
        let mut played = play(&stage, &ALL[0], Vec::new(), None).await;
        let id = played.kkt.as_ref().unwrap().id;
        match spoilt {
            Spoilt::Seen(spoil) => spoil(&mut played),
            Spoilt::Stored(sql) => stage.execute(&sql.replace("KKT", &format!("x'{}'", id.uuid().simple()))).await,
        }
        let found = violations(&played).await;
        assert!(found.iter().any(|violation| violation.check == *check), "{check}: {found:?}");
    }
    let good = play(&stage, &ALL[0], Vec::new(), None).await;
    assert_eq!(violations(&good).await, []);
}

/// Whether a process that is told to break this runs at all.
fn runs(database: &TestDb, broken: &str) -> bool {
    let mut process = Process::new(env!("CARGO_BIN_EXE_litebox-partner"));
    process.arg("migrate").env(BREAK_VARIABLE, broken).env("LITEBOX_DATABASE_URL", database.config.url.expose_secret());
    process.output().unwrap().status.success()
}

#[tokio::test]
async fn a_process_breaks_what_its_environment_names_and_does_not_start_when_that_is_nothing() {
    let database = TestDb::new(Backend::Sqlite).await;
    for broken in Broken::ALL {
        assert!(runs(&database, broken.name()), "{broken:?}");
    }
    assert!(!runs(&database, "blind"));
}
