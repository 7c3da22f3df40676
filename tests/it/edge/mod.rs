//! The edge: who gets a connection, TLS, load, and what attackers can do. `make attacks` tries the full numbers, a plain test
//! run a share.

mod attacks;
pub mod frames;
pub mod limits;
pub mod pki;
mod reloads;
mod tls;

/// `full` in a run of `make attacks`, `share` in a plain test run; the variable `name` asks for another number.
fn amount(name: &str, share: u64, full: u64) -> u64 {
    let usual = if std::env::var_os("ATTACKS").is_some() { full } else { share };
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}
