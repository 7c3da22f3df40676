//! Without the limit that holds an attack, the check says so.

use super::field::Field;
use super::slow::{crowd, deaf, slow_readers_of_pages, watchers};
use super::wrong;
use crate::edge::frames::{PREFACE, settings};

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
    let mut field = Field::open(&off(&["connections.standing_streams"])).await;
    let outcome = field.attack(async |field| watchers(field, 120).await).await;
    println!("noticed: {outcome} {:?}", wrong(&outcome));
    assert!(wrong(&outcome).iter().any(|what| what.contains("memory")));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_credential_and_without_a_limit_are_noticed() {
    // As many as there are places.
    let mut field = Field::open(&[("connections.newcomers", "9999".to_owned())]).await;
    let hello = [PREFACE, &settings(&[])].concat();
    let outcome = field.attack(async |field| crowd(field, 4_500, &hello).await).await;
    println!("noticed: {:?}", wrong(&outcome));
    assert!(wrong(&outcome).iter().any(|what| what.contains("memory")));
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_take_nothing_without_a_limit_of_time_are_noticed() {
    let mut field = Field::open(&off(&["connections.stall_ms"])).await;
    let outcome = field.attack(async |field| deaf(field, 2).await).await;
    println!("noticed: {:?}", wrong(&outcome));
    assert!(wrong(&outcome).iter().any(|what| what.contains("free again")));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_without_a_limit_are_noticed() {
    let off = ["connections.untaken_answers", "limits.in_flight"].map(|key| (key, "1000000".to_owned()));
    let mut field = Field::open(&[&off[..], &[("limits.calls_under_way", "999999".to_owned())]].concat()).await;
    let attack = async |field: &Field| {
        let mut made = slow_readers_of_pages(field, 80, 10).await;
        made.held.clear();
        made
    };
    let outcome = field.attack(attack).await;
    println!("noticed: {outcome} {:?}", wrong(&outcome));
    assert!(wrong(&outcome).iter().any(|what| what.contains("memory")));
}
