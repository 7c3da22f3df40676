//! Without the limit that holds an attack, the check says so.

use super::field::Field;
use super::slow::{crowd, slow_readers_of_files};
use super::wrong;
use crate::edge::frames::PREFACE;

fn off(keys: &[&'static str]) -> Vec<(&'static str, String)> {
    keys.iter().map(|key| (*key, "1000000".to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preface_without_a_limit_of_time_is_noticed() {
    let mut field = Field::open(&off(&["connections.preface_ms"])).await;
    let outcome = field.attack(async |field| crowd(field, 100, &PREFACE[..10]).await).await;
    println!("noticed: {:?}", wrong(&outcome));
    assert!(wrong(&outcome).iter().any(|what| what.contains("free again")));
}

#[tokio::test(flavor = "multi_thread")]
async fn standing_streams_without_a_limit_are_noticed() {
    let keys = ["connections.standing_streams"];
    let mut field = Field::open(&off(&keys)).await;
    let outcome = field.attack(async |field| slow_readers_of_files(field, 60).await).await;
    println!("noticed: {:?}", wrong(&outcome));
    // Memory, or what keeps it: which is seen first depends on the machine.
    assert!(!wrong(&outcome).is_empty());
}
