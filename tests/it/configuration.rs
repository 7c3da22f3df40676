//! The table of settings is written from the defaults and their comments: `UPDATE=1 cargo test --test it configuration`
//! renews it. What the command `config` says, of a real process.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use litebox_partner::config::{DEFAULTS, bounds, is_secret, keys, variable};
use serde_json::Value;
use toml::Value as Toml;

use crate::edge::pki::Authority;
use crate::support::database::backends;
use crate::support::stage::Stage;

const PAGE: &str = "docs/configuration.md";
const MARK: &str = "<!-- From here on written from src/default.toml by a test; do not edit. -->\n";

#[test]
fn the_table_of_settings_is_the_one_of_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, table) = found.split_once(MARK).expect("the mark before the table");
    let wanted = format!("\n{}", settings());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{head}{MARK}{wanted}")).unwrap();
        return;
    }
    assert!(table == wanted, "{PAGE} is out of date: UPDATE=1 cargo test --test it configuration");
}

#[test]
fn a_setting_without_a_comment_would_be_noticed() {
    let silent = std::panic::catch_unwind(|| comments("[a]\n# Said.\nb = 1\nc = 2\n"));
    assert!(silent.is_err());
    assert_eq!(comments("[a]\n# One,\n# two.\nb = 1\n"), [("a.b".to_owned(), "One, two.".to_owned())]);
}

fn settings() -> String {
    let comments = comments(DEFAULTS);
    let commented: BTreeSet<_> = comments.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(commented, keys().into_iter().collect());
    let (mut page, mut section) = (String::new(), "-");
    for (key, meaning) in &comments {
        let of = key.rsplit_once('.').map_or("", |(section, _)| section);
        if of != section {
            let title = if of.is_empty() { "The mode" } else { of };
            page += &format!(
                "\n## {title}\n\n| key | type | default | variable | meaning | |\n|---|---|---|---|---|---|\n"
            );
            section = of;
        }
        page += &row(key, meaning);
    }
    page.trim_start().to_owned()
}

fn row(key: &str, meaning: &str) -> String {
    let table: toml::Table = DEFAULTS.parse().unwrap();
    let default = key.split('.').fold(Toml::Table(table), |at, part| at[part].clone());
    let mut marks = Vec::new();
    marks.extend(is_secret(key).then_some("secret"));
    marks.extend(meaning.contains("unconfirmed").then_some("[unconfirmed]"));
    let meaning = meaning.replace('|', "\\|");
    format!(
        "| `{key}` | {} | `{default}` | `{}` | {meaning} | {} |\n",
        kind(key, &default),
        variable(key),
        marks.join(", ")
    )
}

/// The kind of a setting; of a number its unit, as its name ends, and its bounds.
fn kind(key: &str, default: &Toml) -> String {
    let units =
        [("_ms", "ms"), ("_s", "s"), ("_seconds", "s"), ("_minutes", "min"), ("_days", "days"), ("_bytes", "bytes")];
    match default {
        Toml::Integer(_) => {
            let (least, most) = bounds(key);
            let unit =
                units.iter().find(|(end, _)| key.ends_with(end)).map_or(String::new(), |(_, unit)| format!(" {unit}"));
            format!("whole number, {least} to {most}{unit}")
        }
        Toml::Float(_) => "number".to_owned(),
        Toml::Boolean(_) => "true or false".to_owned(),
        Toml::Array(_) if key == "jwt.issuers" => "list of tables; JSON in the variable".to_owned(),
        Toml::Array(_) => "list; with commas in the variable".to_owned(),
        _ => "text".to_owned(),
    }
}

/// Each key with the comment right above it.
fn comments(text: &str) -> Vec<(String, String)> {
    let (mut section, mut comment, mut found) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("# ") {
            comment.push(said);
        } else if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
            comment.clear();
        } else if let Some((name, _)) = line.split_once(" = ") {
            let key = format!("{section}{name}");
            assert!(!comment.is_empty(), "{key} has no comment");
            found.push((key, meaning(&std::mem::take(&mut comment))));
        } else {
            comment.clear();
        }
    }
    found
}

/// Sentences; an example of several lines stays with the defaults.
fn meaning(comment: &[&str]) -> String {
    let prose = comment.iter().take_while(|line| !line.starts_with("[["));
    prose.copied().collect::<Vec<_>>().join(" ")
}

/// Runs `config` with this file and these variables, and no others.
fn config(command: &[&str], file: &str, variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("partner.toml");
    std::fs::write(&path, file).unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    process.args(command).arg("--config").arg(&path).env_clear().current_dir(folder.path());
    let output = process.envs(variables.iter().copied()).output().unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "it has made files: {left:?}");
    output
}

#[test]
fn a_check_tells_all_that_is_wrong_with_settings_and_with_what_they_point_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("ca"), "no certificate").unwrap();
    std::fs::write(at("jwks"), "{\"keys\": []}").unwrap();
    std::fs::create_dir(at("catalogue")).unwrap();
    std::fs::write(at("catalogue/kkt_modles.toml"), "").unwrap();
    let file = format!(
        "stray = 1\n[tls]\ncert = \"{0}\"\nkey = \"{1}\"\nclient_ca = \"{2}\"\n[catalogue]\ndir = \"{3}\"\n[[jwt.issuers]]\n\
         issuer = \"i\"\naudiences = [\"a\"]\njwks_file = \"{4}\"\nsubjects = []\n",
        at("nowhere.crt"),
        at("nowhere.key"),
        at("ca"),
        at("catalogue"),
        at("jwks"),
    );
    let secret = [("LITEBOX_SERVER_PAGE_KEYS", "hidden"), ("LITEBOX_DATABASE_POOL_SIZE", "0")];
    let output = config(&["config", "check", "--json"], &file, &secret);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut settings: Vec<&str> =
        found.as_array().unwrap().iter().map(|one| one["setting"].as_str().unwrap()).collect();
    settings.sort_unstable();
    let wanted = [
        "catalogue.dir",
        "database.pool_size",
        "jwt.issuers",
        "server.page_keys",
        "stray",
        "tls.cert",
        "tls.client_ca",
        "tls.key",
    ];
    assert_eq!(settings, wanted, "{found:#}");
    let plain = config(&["config", "check"], &file, &secret);
    let said = String::from_utf8(plain.stderr).unwrap();
    assert!(plain.stdout.is_empty() && !said.contains("hidden"), "{said}");
    assert!(said.contains("database.pool_size (LITEBOX_DATABASE_POOL_SIZE): must be from 1 to 10000"), "{said}");
    assert!(said.ends_with("error: 8 setting(s) cannot be used\n"), "{said}");
}

#[test]
fn a_pair_that_fits_and_authorities_are_good_and_the_key_of_another_certificate_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let (one, two) = (authority.pair(), other.pair());
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (cert, key, strange) = (at("cert", &one.cert), at("key", &one.key), at("strange", &two.key));
    let ca = at("ca", &authority.pem);
    let with = |key: &str| format!("[tls]\ncert = \"{cert}\"\nkey = \"{key}\"\nclient_ca = \"{ca}\"\n");
    let good = config(&["config", "check"], &with(&key), &[]);
    assert_eq!(String::from_utf8_lossy(&good.stdout), "the configuration is good\n");
    let bad = config(&["config", "check"], &with(&strange), &[]);
    let said = String::from_utf8(bad.stderr).unwrap();
    assert!(said.contains("tls.key") && said.contains("is not the key of the certificate"), "{said}");
    assert!(said.ends_with("error: 1 setting(s) cannot be used\n"), "{said}");
}

#[test]
fn half_a_pair_is_opened_too() {
    let folder = tempfile::tempdir().unwrap();
    let strange = folder.path().join("ca.pem");
    std::fs::write(&strange, "no certificate").unwrap();
    let file = format!("[tls]\nkey = \"/nowhere.key\"\nclient_ca = \"{}\"\n", strange.display());
    let output = config(&["config", "check", "--json"], &file, &[]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let told: Vec<_> = found.as_array().unwrap().iter().map(|one| (of(one, "setting"), of(one, "what"))).collect();
    let said = |setting: &str, what: &str| told.iter().any(|(key, text)| key == setting && text.contains(what));
    assert!(said("tls.cert", "must be set together with tls.key"), "{told:?}");
    assert!(said("tls.key", "/nowhere.key: No such file") && said("tls.client_ca", "holds no certificate"), "{told:?}");
}

#[test]
fn a_misspelt_variable_is_warned_of_and_one_that_is_no_text_is_an_error() {
    let slip =
        config(&["config", "check"], "", &[("LITEBOX_LOG_FLITER", "hidden"), ("LITEBOX_PARTNER_PORT", "tcp://h:1")]);
    let said = String::from_utf8(slip.stderr).unwrap();
    assert!(slip.status.success() && !said.contains("hidden") && !said.contains("LITEBOX_PARTNER_PORT"), "{said}");
    let warned =
        "warning: LITEBOX_LOG_FLITER: is the variable of no setting and does nothing: is LITEBOX_LOG_FILTER meant?";
    assert!(said.contains(warned), "{said}");

    let mut process = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
    process.args(["config", "check"]).env_clear().env("LITEBOX_LOG_FILTER", OsStr::from_bytes(b"info\xff"));
    let output = process.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("log.filter (LITEBOX_LOG_FILTER): is no text in UTF-8"),
        "{said}"
    );
}

#[test]
fn live_mode_without_addresses_is_refused() {
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let file = format!("mode = \"live\"\n[server]\npage_keys = [\"{key}\"]\n[documents]\nkeys = [\"k1:{key}\"]\n");
    let output = config(&["config", "check"], &file, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    for name in ["accounts", "fns", "ofd"] {
        assert!(said.contains(&format!("gateways.{name}.url (default): live mode needs its address")), "{said}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_operators_command_makes_no_database_where_there_is_none() {
    for command in [
        &["partner", "list"][..],
        &["kkt", "show", "1"],
        &["gateway", "list"],
        &["recovery", "status"],
        &["audit", "list"],
        &["fleet", "list"],
        &["client", "erasures"],
    ] {
        // It would be seen: `config` looks what is left in the folder.
        let output = config(command, "", &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains("database.url: there is no file litebox-partner.db"),
            "{said}"
        );
    }
}

#[test]
fn what_is_shown_tells_where_it_was_set() {
    let output = config(&["config", "show"], "[server]\ndeadline_ms = 5000\n", &[("LITEBOX_LOG_FORMAT", "text")]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let line =
        |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert!(line("server.deadline_ms")[1..].concat().starts_with("5000/"), "{shown}");
    assert_eq!(line("log.format")[1..], ["text", "LITEBOX_LOG_FORMAT"]);
    assert_eq!(line("server.stream_ms")[1..], ["240000", "default"]);
}

#[test]
fn a_key_for_erasures_is_made_with_a_configuration_that_is_not_fit_yet() {
    let unfit = "mode = \"live\"\n[retention]\nabandoned_days = 30\n";
    assert_eq!(config(&["config", "check"], unfit, &[]).status.code(), Some(1));
    let made = config(&["client", "erasure-key"], unfit, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(made.stdout.len(), 45, "32 bytes in base64");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_server_warns_of_personal_data_that_are_kept_for_ever() {
    let stage = Stage::new(backends()[0]).await;
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let live = [
        ("mode", "live".to_owned()),
        ("server.page_keys", key.to_owned()),
        ("documents.keys", format!("k1:{key}")),
        ("erasure.key", key.to_owned()),
        ("server.listn", "hidden".to_owned()),
    ];
    let warned = "retention.abandoned_days is 0";
    let log = stage.server_with(&live).await.log();
    assert!(log.contains(warned) && log.contains("catalogue.dir has no regional_managers.toml"), "{log}");
    assert!(log.contains("LITEBOX_SERVER_LISTN is the variable of no setting") && !log.contains("hidden"), "{log}");
    let kept = [&live[..], &[("retention.abandoned_days", "365".to_owned())]].concat();
    assert!(!stage.server_with(&kept).await.log().contains(warned));
}
