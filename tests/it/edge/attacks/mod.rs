//! Attacks on the listener. Each has a server of its own, a process; a witness that calls it all the while; and a check of
//! what must hold: memory, the witness's calls, and that all is free again soon after.

mod field;
mod floods;
mod noticed;
mod slow;
mod standing;
mod witness;

use std::time::Duration;

use field::{Field, Outcome};

/// Memory may grow by so much, KiB.
const MEMORY: u64 = 64 * 1024;
/// Within this time after an attack everything is as before.
const RECOVERY: Duration = Duration::from_secs(5);

/// What is wrong with the outcome, if anything.
fn wrong(outcome: &Outcome) -> Vec<String> {
    wrong_beyond(outcome, MEMORY)
}

/// The same where memory may grow by so much, KiB.
fn wrong_beyond(outcome: &Outcome, memory: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    if outcome.grown > memory {
        wrong.push(format!("memory grew by {} KiB", outcome.grown));
    }
    if outcome.failed > 0 {
        wrong.push(format!("{} calls of the witness failed: {}", outcome.failed, outcome.why));
    }
    if outcome.made < field::enough() {
        wrong.push(format!("the witness made {} calls", outcome.made));
    }
    if outcome.recovered.is_none() {
        wrong.push("not all was free again".to_owned());
    }
    wrong
}

/// Makes the attack, prints its line of the table and checks.
async fn hold(name: &str, settings: &[(&'static str, String)], attack: impl AsyncFnOnce(&Field) -> field::Made) {
    hold_in(Field::open(settings).await, MEMORY, name, attack).await;
}

/// The same in this field, where memory may grow by so much, KiB.
async fn hold_in(mut field: Field, memory: u64, name: &str, attack: impl AsyncFnOnce(&Field) -> field::Made) {
    let outcome = field.attack(attack).await;
    println!("ATTACKS | {name} | {outcome} |");
    assert_eq!(wrong_beyond(&outcome, memory), Vec::<String>::new(), "{name}");
}
