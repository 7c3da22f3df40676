//! The least and the most of every number. Zero is refused where it would mean that nobody can ever call, that something
//! never happens, or that a loop has no pause; it is taken where it is a way to say "never" or "at once".

/// A year, in milliseconds: whoever waits longer means something else.
const YEAR_MS: i64 = 365 * 86_400_000;
/// So many at once nobody has, and no counter overflows.
const MANY: i64 = 1_000_000;
/// A century: what is kept longer is kept for ever.
const CENTURY_DAYS: i64 = 36_500;

/// Numbers whose bounds are not those of all others of their unit.
const SPECIAL: &[(&str, i64, i64)] = &[
    // Zero: every token is looked up anew. More would break what is promised about revoked ones.
    ("server.token_cache_ms", 0, 60_000),
    ("server.access_poll_ms", 1, 60_000),
    // Zero: at once.
    ("shutdown.delay_ms", 0, YEAR_MS),
    ("shutdown.drain_ms", 0, YEAR_MS),
    // Shorter headers hold no credentials.
    ("connections.header_list_bytes", 1_024, 1 << 24),
    ("connections.message_bytes", 1_024, 1 << 26),
    // One partner's, and one more.
    ("connections.untaken_answers", 2, MANY),
    ("database.pool_size", 1, 10_000),
    // Zero: no limit, as PostgreSQL takes it.
    ("database.statement_timeout_ms", 0, YEAR_MS),
    ("database.lock_timeout_ms", 0, YEAR_MS),
    ("database.idle_in_transaction_timeout_ms", 0, YEAR_MS),
    ("database.migration_statement_timeout_ms", 0, YEAR_MS),
    // Zero: it never rests.
    ("gateways.breaker.failures", 0, MANY),
    // Zero: nothing is remembered.
    ("gateways.taxpayers.cache_seconds", 0, YEAR_MS / 1000),
    ("gateways.taxpayers.cache_not_found_seconds", 0, YEAR_MS / 1000),
    ("gateways.taxpayers.cache_entries", 0, 100 * MANY),
    // What LiteBox demands, and what it takes.
    ("clients.password_min_length", 6, 64),
    // Zero: no bound.
    ("limits.calls_per_second", 0, MANY),
    // Shorter than the shortest step it would be taken over in the middle of.
    ("worker.lease_ms", 1_000, YEAR_MS),
    // Zero: one step, and the others have their turn.
    ("worker.turn_ms", 0, YEAR_MS),
    // Zero: for ever. The rule of 30 days stands with the promise it keeps.
    ("retention.requests_days", 0, CENTURY_DAYS),
    ("retention.documents_days", 0, CENTURY_DAYS),
    ("retention.abandoned_days", 0, CENTURY_DAYS),
    ("jwt.skew_s", 0, 120),
    ("jwt.rest_ms", 0, YEAR_MS),
];

/// The least and the most that a number may be.
pub fn bounds(key: &str) -> (i64, i64) {
    if let Some((_, least, most)) = SPECIAL.iter().find(|(special, ..)| *special == key) {
        return (*least, *most);
    }
    let most = match key {
        _ if key.ends_with("_ms") => YEAR_MS,
        _ if key.ends_with("_s") || key.ends_with("_seconds") => YEAR_MS / 1000,
        _ if key.ends_with("_minutes") => YEAR_MS / 60_000,
        _ => MANY,
    };
    (1, most)
}
