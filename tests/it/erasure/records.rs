//! Records of erasures are verified: a changed one, a removed one, one of another key.

use litebox_partner::clock::Ids;
use litebox_partner::erasure::key::{Key, generate};
use serde_json::Value;

use super::{Desk, SECRET, on_both_desks};
use crate::clients::inn;
use crate::support::act;

/// Three erased clients.
async fn three(desk: &Desk) {
    for n in [1, 2, 3] {
        let id = desk.abandoned(inn(773_605_000 + n).as_str()).await;
        let id = litebox_partner::values::ClientId::parse(&id).unwrap();
        assert!(desk.erasures().erase(id, false, act()).await.is_ok());
    }
}

/// What `client erasures` finds, and whether it succeeds.
fn verdicts(desk: &Desk, more: &[&str]) -> (bool, Vec<String>) {
    let output = desk.run_with(&[], &[&["client", "erasures", "--json"], more].concat());
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = listed.as_array().unwrap().iter().map(|one| one["verdict"].as_str().unwrap().to_owned());
    (output.status.success(), found.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_changed_or_removed_is_noticed() {
    on_both_desks(async |desk| {
        three(desk).await;
        assert_eq!(verdicts(desk, &[]), (true, ["GOOD"; 3].map(str::to_owned).to_vec()));
        let columns = [
            ("actor", "'eve'"),
            ("reason", "'another one'"),
            ("at_ms", "1"),
            ("registrations", "7"),
            ("documents", "7"),
            ("requests", "7"),
            ("inn_hash", "'AAAA'"),
            ("client_id", "partner_id"),
            ("partner_id", "client_id"),
            ("version", "2"),
            ("previous", "''"),
            ("id", "client_id"),
            ("seq", "7"),
            ("signature", "''"),
            ("signature", "(SELECT signature FROM saved WHERE seq = 1)"),
        ];
        for (column, value) in columns {
            desk.sql("CREATE TABLE saved AS SELECT * FROM erasure").await;
            desk.sql(&format!("UPDATE erasure SET {column} = {value} WHERE seq = 2")).await;
            let (good, found) = verdicts(desk, &[]);
            // With another number the second one is the last of all.
            let second = if column == "seq" { 2 } else { 1 };
            assert!(!good && found[0] == "GOOD" && found[second] == "CHANGED", "{column}: {found:?}");
            desk.sql("DELETE FROM erasure").await;
            desk.sql("INSERT INTO erasure SELECT * FROM saved").await;
            desk.sql("DROP TABLE saved").await;
        }
        assert!(verdicts(desk, &[]).0);
        let other = Key::parse(&generate(&Ids::system())).unwrap().public();
        let both = format!("{},{}", Key::parse(SECRET).unwrap().public().as_str(), other.as_str());
        desk.sql(&format!("UPDATE erasure SET public_key = '{}' WHERE seq = 2", other.as_str())).await;
        assert_eq!(verdicts(desk, &[]).1[..2], ["GOOD", "UNKNOWN_KEY"]);
        assert_eq!(verdicts(desk, &["--public-key", &both]).1, ["GOOD", "CHANGED", "UNCHAINED"]);
        desk.sql("DELETE FROM erasure WHERE seq = 2").await;
        assert_eq!(verdicts(desk, &[]), (false, ["GOOD", "UNCHAINED"].map(str::to_owned).to_vec()));
        let hidden = desk.run_with(&[], &["client", "erasures", "--inn", inn(773_605_001).as_str()]);
        assert!(!hidden.status.success(), "what is wrong with the others is not hidden by --inn");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_verified_with_the_public_key_alone_and_not_with_another() {
    on_both_desks(async |desk| {
        three(desk).await;
        let (own, other) = (Key::parse(SECRET).unwrap(), Key::parse(&generate(&Ids::system())).unwrap());
        let (own, other) = (own.public(), other.public());
        let line = |key: &str| vec!["client".to_owned(), "erasures".into(), "--public-key".into(), key.into()];
        let run = |line: Vec<String>| {
            desk.run_with(&[("LITEBOX_ERASURE_KEY", "")], &line.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert!(run(line(own.as_str())).status.success(), "without the secret key");
        assert!(run(line(&format!("{},{}", other.as_str(), own.as_str()))).status.success());
        assert!(!run(line(other.as_str())).status.success());
        assert_eq!(verdicts(desk, &["--public-key", other.as_str()]).1, ["UNKNOWN_KEY"; 3]);
        desk.sql(&format!("UPDATE erasure SET public_key = '{}'", other.as_str())).await;
        assert_eq!(verdicts(desk, &["--public-key", other.as_str()]).1, ["CHANGED"; 3]);
        let without = run(vec!["client".into(), "erasures".into()]);
        assert!(String::from_utf8_lossy(&without.stderr).contains("--public-key"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_a_tax_number_says_for_how_many_records_the_key_cannot_tell() {
    on_both_desks(async |desk| {
        three(desk).await;
        let new = generate(&Ids::system());
        let (own, other) = (Key::parse(SECRET).unwrap().public(), Key::parse(&new).unwrap().public());
        let both = format!("{},{}", own.as_str(), other.as_str());
        let inn = inn(773_605_002);
        let asked = |key: &str| {
            let line = ["client", "erasures", "--json", "--public-key", &both, "--inn", inn.as_str()];
            let output = desk.run_with(&[("LITEBOX_ERASURE_KEY", key)], &line);
            let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), listed.as_array().unwrap().len(), said)
        };
        assert_eq!(asked(SECRET), (Some(0), 1, String::new()));
        let (code, listed, said) = asked(&new);
        assert_eq!((code, listed), (Some(1), 0));
        assert!(said.contains("cannot tell for 3 records signed with another key"), "{said}");
        desk.sql("UPDATE erasure SET reason = 'another one' WHERE seq = 3").await;
        let (code, _, said) = asked(&new);
        assert!(code == Some(1) && said.contains("1 of 3 records") && said.contains("cannot tell for 3"), "{said}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_shown_with_its_public_key() {
    on_both_desks(async |desk| {
        let made = desk.tells(&["client", "erasure-key"]);
        let key = Key::parse(made["key"].as_str().unwrap()).unwrap();
        assert_eq!(made["public_key"], key.public().as_str());
        assert_ne!(desk.tells(&["client", "erasure-key"])["key"], made["key"]);
    })
    .await;
}
