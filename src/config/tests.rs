use std::io::Write;

use secrecy::ExposeSecret;

use super::*;

fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut temp = tempfile::NamedTempFile::new().unwrap();
    temp.write_all(file.as_bytes()).unwrap();
    Config::load(Some(temp.path()), &env.iter().copied().collect())
}

#[test]
fn the_defaults_load_and_every_section_agrees_with_its_type() {
    let config = load("", &[]).unwrap();
    assert_eq!(config.mode, Mode::Test);
    assert_eq!(config.worker.lease_ms, WorkerConfig::default().lease_ms);
    assert_eq!(config.database.pool_size, DatabaseConfig::default().pool_size);
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
    let file = "[server]\nlisten = \"a:1\"\ndeadline_ms = 5\n";
    let env = [
        ("LITEBOX_SERVER_LISTEN", "b:2"),
        ("LITEBOX_SERVER_PAGE_KEYS", "0123456789abcdef0123456789abcdef, 0123456789ABCDEF0123456789ABCDEF"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!((config.server.listen.as_str(), config.server.deadline_ms), ("b:2", 5));
    assert_eq!(config.server.page_keys.len(), 2);
}

#[test]
fn unknown_keys_wrong_kinds_and_unfit_values_are_refused_by_name() {
    let cases = [
        ("[server]\nlisen = \"a\"\n", "lisen"),
        ("[worker]\nlease_ms = \"soon\"\n", "lease_ms"),
        ("mode = \"prod\"\n", "prod"),
        ("mode = \"live\"\n", "server.page_keys"),
        ("mode = \"live\"\n[server]\npage_keys = [\"k\"]\n", "documents.keys"),
        ("[worker]\nconcurrency = 0\n", "worker.concurrency"),
        ("[limits]\nin_flight = 0\n", "limits.in_flight"),
        ("[connections]\nper_peer = 0\n", "connections.per_peer"),
        ("[tls]\ncert = \"cert.pem\"\n", "tls.key"),
        ("[health]\nfailures = 0\n", "health.failures"),
        ("[metrics]\npoll_ms = 0\n", "metrics.poll_ms"),
        ("[traces]\nsample_ratio = 1.5\n", "traces.sample_ratio"),
        ("[traces]\notlp_endpoint = \"collector:4317\"\n", "traces.otlp_endpoint"),
    ];
    for (file, named) in cases {
        let error = load(file, &[]).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn a_secret_may_stand_in_a_file_of_its_own_and_no_other_setting_may() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hid den \r\n").unwrap();
    let path = file.to_str().unwrap();
    let config =
        load("", &[("LITEBOX_GATEWAYS_DEVICE_PASSWORD_FILE", path), ("LITEBOX_SERVER_LISTEN_FILE", path)]).unwrap();
    assert_eq!(config.gateways.device.password.expose_secret(), "hid den ");
    assert_eq!(config.server.listen, "127.0.0.1:50051");
    let refused = |env: &[(&str, &str)]| load("", env).unwrap_err().to_string();
    let twice = refused(&[("LITEBOX_DATABASE_URL", "hidden"), ("LITEBOX_DATABASE_URL_FILE", path)]);
    assert!(twice.contains("database.url (LITEBOX_DATABASE_URL)") && !twice.contains("hid"), "{twice}");
    let unfit = refused(&[("LITEBOX_SERVER_PAGE_KEYS_FILE", path)]);
    assert!(unfit.contains(path) && !unfit.contains("hid"), "{unfit}");
    assert!(refused(&[("LITEBOX_ERASURE_KEY_FILE", "/nowhere")]).contains("erasure.key (/nowhere)"));
}

#[test]
fn secrets_are_masked_where_settings_are_shown() {
    let env = [("LITEBOX_DATABASE_URL", "postgres://u:hidden@h/d"), ("LITEBOX_DOCUMENTS_KEYS", "k1:hidden,k2:hidden")];
    let shown = show(None, &env.into_iter().collect()).unwrap();
    for secret in ["database.url", "documents.keys"] {
        assert!(shown.iter().any(|s| s.to_string() == format!("{secret} = ***")));
    }
    assert!(shown.iter().all(|s| !s.value.contains("hidden")));
}

fn found(file: &str, env: &[(&str, &str)]) -> Vec<(String, String)> {
    match load(file, env) {
        Ok(_) => Vec::new(),
        Err(ConfigError(problems)) => problems.into_iter().map(|p| (p.key, p.what)).collect(),
    }
}

fn keys_of(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn everything_that_is_wrong_is_found_at_once_with_its_place_and_without_secrets() {
    let file = "stray = 1\nmode = \"prod\"\n[server]\nlisen = \"a\"\npage_keys = [\"hidden\"]\ndeadline_ms = \"5\"\n\
        [worker]\nconcurrency = 0\n[tls]\ncert = \"cert.pem\"\n[erasure]\nkey = \"hidden\"\n[limits]\nin_flight = -1\n\
        [traces]\nsample_ratio = 1.5\n[clients]\naccept_statuses = [\"GONE\"]\n[database]\nurl = 5\n";
    let env = [
        ("LITEBOX_DOCUMENTS_KEYS", "hidden"),
        ("LITEBOX_HEALTH_PROBE_MS", "soon"),
        ("LITEBOX_JWT_ISSUERS", "hidden"),
        ("LITEBOX_CONNECTIONS_TRUSTED_PEERS", "10.0.0.0/8,ten"),
    ];
    let ConfigError(problems) = load(file, &env).unwrap_err();
    let mut keys: Vec<&str> = problems.iter().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    let wanted = [
        "clients.accept_statuses",
        "connections.trusted_peers",
        "database.url",
        "documents.keys",
        "erasure.key",
        "health.probe_ms",
        "jwt.issuers",
        "limits.in_flight",
        "mode",
        "server.deadline_ms",
        "server.lisen",
        "server.page_keys",
        "stray",
        "tls.key",
        "traces.sample_ratio",
        "worker.concurrency",
    ];
    assert_eq!(keys, wanted);
    let said = ConfigError(problems.clone()).to_string();
    assert!(!said.contains("hidden"), "{said}");
    let of = |key: &str| problems.iter().find(|one| one.key == key).unwrap().clone();
    assert!(matches!(of("worker.concurrency").source, Source::File(_)));
    assert_eq!(of("health.probe_ms").source, Source::Variable("LITEBOX_HEALTH_PROBE_MS".to_owned()));
    assert_eq!(of("worker.concurrency").what, "must be from 1 to 1000000");
    assert_eq!(of("server.deadline_ms").what, "must be a whole number, not a text");
    assert!(of("server.lisen").what.contains("listen, open_reflection"));
    assert!(of("mode").what.contains("`live`"), "{}", of("mode").what);
}

#[test]
fn a_secret_of_a_wrong_kind_and_a_file_that_is_no_toml_quote_nothing() {
    for (file, named) in [
        ("[server]\npage_keys = \"hidden\"\n", "server.page_keys"),
        ("[server]\npage_keys = [[\"hidden\"]]\n", "server.page_keys"),
        ("[gateways.device]\npassword = [\"hidden\"]\n", "gateways.device.password"),
        ("[documents]\nkeys = [4242424242]\n", "documents.keys"),
        ("mode = \"test\"\n[erasure]\nkey = hidden\n", "line 3"),
        ("[database]\nurl = \"postgres://u:hidden@h:port/d\"\n", "database.url"),
        ("[database]\nurl = \"mysql://u:hidden@h/d\"\n", "database.url"),
        ("server = \"hidden\"\n", "server"),
    ] {
        let said = load(file, &[]).unwrap_err().to_string();
        let quoted = said.contains("hidden") || said.contains("4242");
        assert!(said.contains(named) && !quoted, "{file}: {said}");
    }
}

#[test]
fn what_kubernetes_puts_into_the_environment_of_a_service_of_this_name_does_no_harm() {
    let injected = [
        ("LITEBOX_PARTNER_PORT", "tcp://10.0.0.1:50051"),
        ("LITEBOX_PARTNER_SERVICE_HOST", "10.0.0.1"),
        ("LITEBOX_PARTNER_SERVICE_PORT", "50051"),
        ("LITEBOX_PARTNER_SERVICE_PORT_GRPC", "50051"),
        ("LITEBOX_PARTNER_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
        ("LITEBOX_PARTNER_PORT_50051_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(found("", &injected), []);
    assert_eq!(load("", &injected).unwrap().strays, []);
    // Nor may a setting ever have a name that Kubernetes makes up for a service called litebox-…
    let made_up = regex::Regex::new("_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP).*)$").unwrap();
    assert!(injected.iter().all(|(name, _)| made_up.is_match(name)));
    for key in keys() {
        assert!(!made_up.is_match(&variable(&key)), "{key}");
    }
}

/// What zero means is decided for each number.
#[test]
fn zero_is_refused_where_it_would_mean_that_nothing_ever_happens() {
    let zero_means_something = [
        "server.token_cache_ms",
        "shutdown.delay_ms",
        "shutdown.drain_ms",
        "database.statement_timeout_ms",
        "database.lock_timeout_ms",
        "database.idle_in_transaction_timeout_ms",
        "database.migration_statement_timeout_ms",
        "gateways.breaker.failures",
        "gateways.taxpayers.cache_seconds",
        "gateways.taxpayers.cache_not_found_seconds",
        "gateways.taxpayers.cache_entries",
        "limits.calls_per_second",
        "worker.turn_ms",
        "retention.requests_days",
        "retention.documents_days",
        "retention.abandoned_days",
        "jwt.skew_s",
        "jwt.rest_ms",
    ];
    let defaults: toml::Table = DEFAULTS.parse().unwrap();
    let mut numbers = 0;
    for key in keys() {
        let default = key.split('.').fold(toml::Value::Table(defaults.clone()), |at, part| at[part].clone());
        let Some(default) = default.as_integer() else { continue };
        numbers += 1;
        let (least, most) = bounds(&key);
        assert!((least..=most).contains(&default), "{key}");
        let at = |value: i64| found("", &[(&variable(&key), &value.to_string())]);
        assert_eq!(at(0).is_empty(), zero_means_something.contains(&key.as_str()), "{key}: {:?}", at(0));
        for beyond in [least - 1, most + 1, i64::MIN, i64::MAX] {
            assert_eq!(keys_of(&at(beyond)), [key.as_str()], "{key} = {beyond}");
        }
        // The bounds are within what the type takes; what must go together is another rule.
        for value in [least, most] {
            let wrong = at(value);
            assert!(
                wrong.iter().all(|(_, what)| {
                    ["must be at least", "must be less than", "needs a key"].iter().any(|rule| what.contains(rule))
                }),
                "{key} = {value}: {wrong:?}"
            );
        }
    }
    assert!(numbers > 60, "{numbers}");
}

#[test]
fn values_that_do_not_go_together_or_have_no_such_shape_are_refused() {
    for (key, value, named) in [
        ("gateways.breaker.rest_limit_ms", "10", "gateways.breaker.rest_limit_ms"),
        ("worker.backoff_limit_ms", "10", "worker.backoff_limit_ms"),
        ("worker.fns_poll_limit_ms", "10", "worker.fns_poll_limit_ms"),
        ("retention.requests_days", "29", "retention.requests_days"),
        ("retention.abandoned_days", "1", "erasure.key"),
        ("gateways.fns.url", "fns:16733", "gateways.fns.url"),
        ("gateways.ofd.url", "https://ofd:16733", "gateways.ofd.url"),
        ("gateways.taxpayers.base_url", "", "gateways.taxpayers.base_url"),
        ("server.listen", "", "server.listen"),
        ("server.listen", "50051", "server.listen"),
        ("metrics.listen", "9464", "metrics.listen"),
        ("application.receiver", "99", "application.receiver"),
        ("application.version", "", "application.version"),
        ("clients.sign_in_address", "in.litebox.ru", "clients.sign_in_address"),
        ("log.filter", "info,=", "log.filter"),
        ("log.filter", "information", "log.filter"),
        ("log.filter", "info,sqlx=", "log.filter"),
        ("log.filter", "info,sqlx=loud", "log.filter"),
        ("log.format", "xml", "log.format"),
        ("database.migrate", "yes", "database.migrate"),
        ("database.url", "sqlite::memory:", "database.url"),
        ("tls.client_required", "true", "tls.client_required"),
        ("server.page_keys", "short", "server.page_keys"),
        ("connections.newcomers", "10000", "connections.newcomers"),
        ("connections.per_holder", "10000", "connections.per_holder"),
        ("connections.per_peer", "10000", "connections.per_peer"),
        ("limits.in_flight", "128", "limits.calls_under_way"),
        ("connections.untaken_answers", "128", "limits.calls_under_way"),
    ] {
        assert_eq!(keys_of(&found("", &[(&variable(key), value)])), [named], "{key} = {value}");
    }
    assert_eq!(found("", &[("LITEBOX_METRICS_LISTEN", "")]), [], "no metrics at all");
}

#[test]
fn each_issuer_and_each_subject_is_told_by_its_number() {
    let issuers = r#"[{"issuer": "a", "audiences": [], "jwks_file": "/k", "subjects": [{"subject": "s", "scopes": ["KKT_READ"]},
        {"subject": "", "scopes": ["KKT_READ"]}]}, {"issuer": "b", "audiences": ["x"], "subjects": [{"subject": "s", "scopes": ["ALL"]}]}]"#;
    let found = found("", &[("LITEBOX_JWT_ISSUERS", issuers)]);
    let said: Vec<&str> = found.iter().map(|(_, what)| what.split(": ").take(2).last().unwrap()).collect();
    assert_eq!((said.len(), said[1], said[3]), (4, "subject 2", "subject 1"), "{found:?}");
}

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const LIVE: [(&str, &str); 6] = [
    ("LITEBOX_MODE", "live"),
    ("LITEBOX_SERVER_PAGE_KEYS", "0123456789abcdef0123456789abcdef"),
    ("LITEBOX_DOCUMENTS_KEYS", "k:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ("LITEBOX_GATEWAYS_ACCOUNTS_URL", "http://accounts:1"),
    ("LITEBOX_GATEWAYS_FNS_URL", "http://fns:1"),
    ("LITEBOX_GATEWAYS_OFD_URL", "http://ofd:1"),
];

#[test]
fn what_a_server_starts_with_and_nobody_can_mean_is_warned_of() {
    let doubts =
        |env: &[(&str, &str)]| load("", env).unwrap().doubts().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    let usual = ["gateways.taxpayers.api_key", "catalogue.dir", "erasure.key", "retention.abandoned_days"];
    assert_eq!(doubts(&LIVE), usual);
    assert_eq!(doubts(&[]), ["documents.keys"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("regional_managers.toml"), "").unwrap();
    let more = [
        ("LITEBOX_ERASURE_KEY", KEY),
        ("LITEBOX_RETENTION_ABANDONED_DAYS", "365"),
        ("LITEBOX_WORKER_LEASE_MS", "5000"),
        ("LITEBOX_SHUTDOWN_DRAIN_MS", "9999"),
        ("LITEBOX_CATALOGUE_DIR", folder.path().to_str().unwrap()),
    ];
    let kept = [&LIVE[..], &more].concat();
    assert_eq!(doubts(&kept), ["gateways.taxpayers.api_key", "worker.lease_ms", "shutdown.drain_ms"]);
}

#[test]
fn live_mode_takes_no_address_of_the_sandbox_by_default_and_misses_each_key_once() {
    let missing: Vec<_> = found("mode = \"live\"\n", &[]).into_iter().map(|(key, _)| key).collect();
    let urls = ["gateways.accounts.url", "gateways.fns.url", "gateways.ofd.url"];
    assert_eq!(missing, [&["server.page_keys", "documents.keys"][..], &urls].concat());
    assert_eq!(found("", &LIVE), []);
    let doubts = load("", &LIVE).unwrap().doubts();
    assert!(doubts.iter().all(|(key, _)| key != "documents.keys"), "{doubts:?}");
}

#[test]
fn a_variable_that_sets_nothing_is_told_with_the_one_that_may_be_meant() {
    let env = [("LITEBOX_DATABSE_URL", "hidden"), ("LITEBOX_NOTHING_LIKE_IT", "hidden"), ("LITEBOX_CONFIG", "x")];
    let doubts = load("", &[&env[..], &[("LITEBOXES", "1"), ("LITEBOX_ACTOR", "anna")]].concat()).unwrap().doubts();
    let of = |name| doubts.iter().find(|(key, _)| key == name).map(|(_, what)| what.as_str());
    let nothing = "is the variable of no setting and does nothing";
    assert_eq!(of("LITEBOX_DATABSE_URL"), Some(&*format!("{nothing}: is LITEBOX_DATABASE_URL meant?")));
    assert_eq!(of("LITEBOX_NOTHING_LIKE_IT"), Some(nothing));
    assert_eq!(doubts.len(), 3, "and documents.keys: {doubts:?}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_an_error_and_does_not_count_as_unset() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(b"info\xff".to_vec());
    let ConfigError(problems) = Config::load(None, &Env::from_iter([("LITEBOX_LOG_FILTER", value)])).unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["log.filter (LITEBOX_LOG_FILTER): is no text in UTF-8"]);
}
