//! How often each thing is tried, and how the outcome is shown.

/// `full` in a run of `make chaos`, `share` in a plain test run; the variable `name` asks for another number.
pub fn amount(name: &str, share: u64, full: u64) -> u64 {
    let asked = std::env::var(name).ok();
    let usual = if std::env::var_os("CHAOS").is_some() { full } else { share };
    asked.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// One line of the table that a run of `make chaos` prints: what was tried, how often, what came out.
pub fn report(what: &str, tried: u64, outcome: &str) {
    println!("CHAOS | {what} | {tried} | {outcome} |");
}
