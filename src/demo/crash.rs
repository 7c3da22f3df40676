//! The server dies between the burn and its answer, and nothing is done twice.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Failed;
use super::kkts::{quick_register, registered};
use super::orders::{self, Shop};
use super::partner::{Goal, Seen};
use super::screen::Screen;
use super::stage::Stage;
use crate::pb::kkt::{KktState, TaxSystem};

/// The task that writes the registration report into the fiscal drive.
const BURN: &str = "device.registration";
/// Effects of one registration, each of which must happen exactly once.
const EFFECTS: [(&str, &str); 5] = [
    ("ofd.ReserveCode", "activation code held"),
    ("fns.SubmitApplication", "application filed"),
    ("ofd.Connect", "connected to the operator"),
    (BURN, "fiscal drive burnt"),
    ("fns.SubmitReport", "report filed"),
];

/// Kills the server after the burn and before the reply; the registration ends REGISTERED all the same.
pub(super) async fn survived(screen: &Screen, stage: &mut Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("Kill the server after a burn and before it learns of it");
    let register = stage.register(4)?;
    let (serial, device) = (register.serial.clone(), register.hub_device.clone());
    stage.control.fault(&format!("{BURN}:hold=after_effect,device={device},times=1")).await?;
    let mut order = orders::sale(shop, register, "FD13MM123458", TaxSystem::Osn);
    order.fiscalize_automatically = true;
    let id = quick_register(screen, stage, order).await?.id;
    let seen = stage.partner.follow(screen, &id, Goal::State(KktState::Fiscalizing), Seen::default()).await?;
    let (operation, effect_id) = stage.control.parked().await?;
    screen.event(&format!("the drive is burnt; the answer of {operation} is held back in the hub"));
    let burns = stage.control.ledger("effect", &serial).await?;
    let burnt = burns.iter().any(|e| name(e) == BURN && e["effect_id"] == effect_id.as_str());
    screen.check("the ledger has the burn", burnt)?;

    let killed = stage.kill_server().await;
    screen.event(&format!("server process {killed} killed with signal 9"));
    let released = stage.control.release().await?;
    screen.event(&format!("{released} held answer goes out; nobody is there to hear it"));
    let started = stage.restart_server().await?;
    screen.event(&format!("server started again as process {started}, on the same database"));
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), seen).await?;
    registered(screen, stage, &id).await?;
    once(screen, stage, &serial).await
}

/// Shows from the ledger that each effect happened once, however often it was commanded.
async fn once(screen: &Screen, stage: &Stage, serial: &str) -> Result<(), Failed> {
    screen.step("What the outer systems saw: the ledger of the sandbox");
    let effects = stage.control.ledger("effect", serial).await?;
    let commands = stage.control.ledger("command", serial).await?;
    screen.raw(&format!("   {:<26} {:>8} {:>8} {:>11}", "", "commands", "effects", "effect ids"));
    for (operation, words) in EFFECTS {
        let tally = Tally::of(operation, &commands, &effects);
        screen.raw(&format!("   {words:<26} {:>8} {:>8} {:>11}", tally.commands, tally.effects, tally.ids));
        screen.check(&format!("{words}: exactly once, under one effect id"), tally.is_once())?;
    }
    let known = |entry: &&Value| EFFECTS.iter().any(|(operation, _)| name(entry) == *operation);
    screen.check("and nothing else was done to this register", effects.iter().all(|entry| known(&entry)))
}

/// How often the ledger has one step of a registration.
struct Tally {
    commands: usize,
    effects: usize,
    /// Different effect ids of both.
    ids: usize,
}

impl Tally {
    fn of(operation: &str, commands: &[Value], effects: &[Value]) -> Self {
        // A task reaches the register by a post to its hub.
        let posted = |e: &&Value| operation == BURN && name(e) == "device.post" && e["facts"]["type"] == "registration";
        let commands: Vec<&Value> = commands.iter().filter(|e| name(e) == operation || posted(e)).collect();
        let effects: Vec<&Value> = effects.iter().filter(|e| name(e) == operation).collect();
        let ids: BTreeSet<&str> = commands.iter().chain(&effects).filter_map(|e| e["effect_id"].as_str()).collect();
        Self { commands: commands.len(), effects: effects.len(), ids: ids.len() }
    }

    /// Commands may be repeated; that is what effect ids are for.
    const fn is_once(&self) -> bool {
        self.commands >= 1 && self.effects == 1 && self.ids == 1
    }
}

fn name(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or_default();
    format!("{}.{}", word("protocol"), word("operation"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(operation: &str, effect_id: &str) -> Value {
        let (protocol, operation) = operation.split_once('.').unwrap();
        json!({ "protocol": protocol, "operation": operation, "effect_id": effect_id, "facts": { "type": "registration" } })
    }

    fn once(operation: &str, commands: &[Value], effects: &[Value]) -> bool {
        Tally::of(operation, commands, effects).is_once()
    }

    #[test]
    fn a_step_is_done_once_however_often_it_was_commanded() {
        let (post, burn) = (entry("device.post", "a"), entry(BURN, "a"));
        assert!(once(BURN, std::slice::from_ref(&post), std::slice::from_ref(&burn)));
        assert!(once(BURN, &[post.clone(), post], &[burn]));
        let (submit, other) = (entry("fns.SubmitReport", "b"), entry("ofd.Connect", "c"));
        assert!(once("fns.SubmitReport", &[submit.clone(), other.clone()], &[other, submit]));
    }

    #[test]
    fn a_second_effect_a_second_id_and_an_effect_that_is_missing_are_noticed() {
        let (post, burn) = (entry("device.post", "a"), entry(BURN, "a"));
        let other = entry("device.post", "b");
        assert!(!once(BURN, std::slice::from_ref(&post), &[burn.clone(), burn.clone()]));
        assert!(!once(BURN, &[post.clone(), other], std::slice::from_ref(&burn)));
        assert!(!once(BURN, &[post], &[]));
        assert!(!once(BURN, &[], &[burn]));
    }
}
