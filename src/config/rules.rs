//! What the values must be beside their kind and their bounds, and what must go together.

use secrecy::ExposeSecret;

use super::Config;
use crate::catalogue::Catalogue;
use crate::partners::token::Mode;
use crate::storage::DatabaseConfig;
use crate::storage::vault;

/// The setting, and what would be right.
type Found = (&'static str, String);

/// All that a server cannot start with. Opens nothing.
pub(super) fn broken(config: &Config) -> Vec<Found> {
    [
        required(config),
        keys(config),
        addresses(config),
        texts(config),
        together(config),
        config.tls.unfit(),
        config.traces.unfit(),
        config.retention.unfit(&config.erasure),
        config.jwt.unfit(config.mode),
    ]
    .concat()
}

fn found(key: &'static str, what: &str) -> Found {
    (key, what.to_owned())
}

/// What live mode does not go without.
fn required(config: &Config) -> Vec<Found> {
    let live = config.mode == Mode::Live;
    let pages = (live && config.server.page_keys.is_empty())
        .then(|| found("server.page_keys", "live mode needs a key of at least 32 bytes"));
    let documents = (live && config.documents.keys.is_empty())
        .then(|| found("documents.keys", "live mode needs a key: ID:KEY, the key 32 random bytes in base64"));
    pages.into_iter().chain(documents).collect()
}

/// Addresses that live mode does not take from the defaults, which are the sandbox's.
pub(super) fn unset(config: &Config, is_default: impl Fn(&str) -> bool) -> Vec<Found> {
    let keys = ["gateways.accounts.url", "gateways.fns.url", "gateways.ofd.url"];
    let missing = keys.into_iter().filter(|key| config.mode == Mode::Live && is_default(key));
    missing.map(|key| found(key, "live mode needs its address: the default is the sandbox's")).collect()
}

/// The shapes of keys; neither error quotes one.
fn keys(config: &Config) -> Vec<Found> {
    let pages = &config.server.page_keys;
    let pages = match pages.is_empty() {
        true => None,
        false => crate::page::PageKeys::new(pages.iter().map(ExposeSecret::expose_secret)).err(),
    };
    let documents = vault::fit(config.documents.keys.iter().map(ExposeSecret::expose_secret)).err();
    let pages = pages.map(|error| ("server.page_keys", error.to_string()));
    let documents = documents.map(|error| ("documents.keys", error.to_string()));
    pages.into_iter().chain(documents).collect()
}

fn addresses(config: &Config) -> Vec<Found> {
    let gateways = &config.gateways;
    let rpc = [
        ("gateways.accounts.url", &gateways.accounts.url),
        ("gateways.fns.url", &gateways.fns.url),
        ("gateways.ofd.url", &gateways.ofd.url),
    ];
    // These clients speak no TLS yet: an address with https could never be called.
    let rpc = rpc.into_iter().filter(|(_, url)| !is_url(url, &["http"]));
    let rpc = rpc.map(|(key, _)| found(key, "must be http://host:port"));
    let register = !is_url(&gateways.taxpayers.base_url, &["http", "https"]);
    let register = register.then(|| found("gateways.taxpayers.base_url", "must be scheme, host and port"));
    let listened = [("server.listen", &config.server.listen), ("metrics.listen", &config.metrics.listen)];
    let listened =
        listened.into_iter().filter(|(key, at)| !is_place(at) && (*key == "server.listen" || !at.is_empty()));
    let listened = listened.map(|(key, _)| found(key, "must be host and port, such as 0.0.0.0:50051"));
    let database = DatabaseConfig::unfit(&config.database).map(|what| found("database.url", what));
    rpc.chain(register).chain(listened).chain(database).collect()
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    let url = reqwest::Url::parse(text);
    url.is_ok_and(|url| schemes.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty()))
}

fn is_place(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn texts(config: &Config) -> Vec<Found> {
    let application = &config.application;
    let office = application.receiver.len() == 4 && application.receiver.bytes().all(|b| b.is_ascii_digit());
    let cases = [
        (application.version.is_empty(), "application.version", "must not be empty"),
        (!application.receiver.is_empty() && !office, "application.receiver", "must be empty or four digits"),
        (
            !is_url(&config.clients.sign_in_address, &["http", "https"]),
            "clients.sign_in_address",
            "must begin with http:// or https://",
        ),
        (crate::telemetry::filter(&config.log.filter).is_none(), "log.filter", "must be like info,sqlx=warn"),
    ];
    cases.into_iter().filter(|(bad, ..)| *bad).map(|(_, key, what)| found(key, what)).collect()
}

/// A longest that is shorter than its first, and a share that is no less than the whole.
fn together(config: &Config) -> Vec<Found> {
    [longest(config), shares(config)].concat()
}

fn shares(config: &Config) -> Vec<Found> {
    let (doors, limits) = (&config.connections, &config.limits);
    let under_way = usize::try_from(limits.calls_under_way).unwrap_or(usize::MAX);
    let cases = [
        (doors.newcomers >= doors.total, "connections.newcomers", "connections.total"),
        (doors.per_holder >= doors.total, "connections.per_holder", "connections.total"),
        (doors.per_peer >= doors.total, "connections.per_peer", "connections.total"),
        (under_way >= limits.in_flight, "limits.calls_under_way", "limits.in_flight"),
        (under_way >= doors.untaken_answers, "limits.calls_under_way", "connections.untaken_answers"),
    ];
    let bad = cases.into_iter().filter(|(bad, ..)| *bad);
    bad.map(|(_, key, whole)| (key, format!("must be less than {whole}, or one takes it all"))).collect()
}

fn longest(config: &Config) -> Vec<Found> {
    let (breaker, worker) = (&config.gateways.breaker, &config.worker);
    let cases = [
        (breaker.rest_limit_ms < breaker.rest_ms, "gateways.breaker.rest_limit_ms", "gateways.breaker.rest_ms"),
        (worker.backoff_limit_ms < worker.backoff_ms, "worker.backoff_limit_ms", "worker.backoff_ms"),
        (worker.fns_poll_limit_ms < worker.fns_poll_ms, "worker.fns_poll_limit_ms", "worker.fns_poll_ms"),
    ];
    let bad = cases.into_iter().filter(|(bad, ..)| *bad);
    bad.map(|(_, key, first)| (key, format!("must be at least {first}"))).collect()
}

/// What a server starts with, and warns of.
pub(super) fn doubts(config: &Config) -> Vec<Found> {
    let live = config.mode == Mode::Live;
    let cases = if live { doubts_of_live(config) } else { doubts_of_test(config) };
    cases
        .into_iter()
        .chain(doubts_of_times(config))
        .filter(|(doubtful, ..)| *doubtful)
        .map(|(_, key, what)| found(key, what))
        .collect()
}

type Doubt = (bool, &'static str, &'static str);

fn doubts_of_live(config: &Config) -> Vec<Doubt> {
    vec![
        (
            config.gateways.taxpayers.api_key.expose_secret().is_empty(),
            "gateways.taxpayers.api_key",
            "is empty: only an on-premises copy answers without one",
        ),
        (
            !Catalogue::has_managers(config.catalogue_dir()),
            "catalogue.dir",
            "has no regional_managers.toml: partners are told managers who do not exist",
        ),
        (
            config.erasure.key.expose_secret().is_empty(),
            "erasure.key",
            "is empty: nobody's personal data can be erased; `client erasure-key` makes one",
        ),
        (
            config.retention.abandoned_days == 0,
            "retention.abandoned_days",
            "is 0: personal data of clients that were abandoned are kept for ever; say for how long there is a reason to",
        ),
    ]
}

fn doubts_of_test(config: &Config) -> Vec<Doubt> {
    vec![(
        config.documents.keys.is_empty(),
        "documents.keys",
        "is empty: what outer systems are sent and answer is not kept",
    )]
}

fn doubts_of_times(config: &Config) -> Vec<Doubt> {
    let gateways = &config.gateways;
    let longest = [
        gateways.accounts.timeout_ms,
        gateways.fns.timeout_ms,
        gateways.ofd.timeout_ms,
        gateways.taxpayers.timeout_ms,
        gateways.device.timeout_ms,
        gateways.device.inquiry_timeout_ms,
    ];
    vec![
        (
            longest.into_iter().any(|ms| i128::from(ms) >= i128::from(config.worker.lease_ms)),
            "worker.lease_ms",
            "is no longer than the longest call of a gateway: a slow step may be taken over under way",
        ),
        (
            config.shutdown.drain_ms < config.server.deadline_ms,
            "shutdown.drain_ms",
            "is shorter than server.deadline_ms: a stop cuts calls that still have time",
        ),
    ]
}
