use std::io::Write;

use super::*;
use crate::config::{Config, show};

const FILE: &str = r#"
[[jwt.issuers]]
issuer = "https://kubernetes.default.svc"
audiences = ["litebox-partner"]
jwks_url = "https://kubernetes.default.svc/openid/v1/jwks"
jwks_ca_file = "/ca.crt"
jwks_token_file = "/token"
[[jwt.issuers.subjects]]
subject = "system:serviceaccount:a:b"
scopes = ["KKT_READ", "PARTNERS_ACT"]
partners = ["0198f2a0-7c1e-7e6b-8f00-00000000000a"]
"#;
const JSON: &str = r#"[{"issuer": "i", "audiences": ["a"], "jwks_file": "/keys", "subjects": [{"subject": "s", "scopes": ["KKT_READ"]}]}]"#;

fn load(file: &str, json: Option<&str>) -> Result<Config, crate::config::ConfigError> {
    let mut temp = tempfile::NamedTempFile::new().unwrap();
    temp.write_all(file.as_bytes()).unwrap();
    Config::load(Some(temp.path()), &json.into_iter().map(|json| ("LITEBOX_JWT_ISSUERS", json)).collect())
}

#[test]
fn issuers_stand_in_the_file_as_tables_or_in_the_environment_as_json() {
    let (issuers, rules) = load(FILE, None).unwrap().jwt.parse(Mode::Live).unwrap();
    let subject = &issuers[0].subjects["system:serviceaccount:a:b"];
    assert_eq!((subject.scopes.to_string().as_str(), subject.partners.len()), ("KKT_READ PARTNERS_ACT", 1));
    assert_eq!((rules.skew_ms, rules.life_ms), (30_000, 86_400_000));
    let (issuers, _) = load(FILE, Some(JSON)).unwrap().jwt.parse(Mode::Live).unwrap();
    assert!(matches!(&issuers[0].place, Place::File(path) if path.as_os_str() == "/keys"));
    assert!(issuers[0].subjects["s"].partners.is_empty());
    let shown = show(None, &[("LITEBOX_JWT_ISSUERS", JSON)].into_iter().collect()).unwrap();
    assert!(shown.iter().any(|s| s.key == "jwt.issuers" && s.value.contains("/keys")));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let good = load(FILE, None).unwrap().jwt;
    type Change = fn(&mut JwtConfig);
    let cases: [(&str, Change); 17] = [
        ("skew", |c| c.skew_s = 121),
        ("life", |c| c.longest_life_s = 0),
        ("twice", |c| c.issuers.push(c.issuers[0].clone())),
        ("no name", |c| c.issuers[0].issuer.clear()),
        ("no audience", |c| c.issuers[0].audiences.clear()),
        ("an empty audience", |c| c.issuers[0].audiences.push(String::new())),
        ("no keys", |c| c.issuers[0].jwks_url.clear()),
        ("both", |c| c.issuers[0].jwks_file = "/keys".into()),
        ("plain", |c| c.issuers[0].jwks_url = "http://keys.example/".into()),
        ("user", |c| c.issuers[0].jwks_url = "https://user:secret@keys.example/".into()),
        ("no address", |c| c.issuers[0].jwks_url = "keys".into()),
        ("another scheme", |c| c.issuers[0].jwks_url = "ftp://keys.example/".into()),
        ("subject twice", |c| {
            c.issuers[0].subjects = [&c.issuers[0].subjects[..], &c.issuers[0].subjects[..]].concat()
        }),
        ("no scope", |c| c.issuers[0].subjects[0].scopes.clear()),
        ("an unknown scope", |c| c.issuers[0].subjects[0].scopes.push("ALL".into())),
        ("no subject", |c| c.issuers[0].subjects[0].subject.clear()),
        ("a line break", |c| c.issuers[0].subjects[0].subject.push('\n')),
    ];
    for (what, change) in cases {
        let mut config = good.clone();
        change(&mut config);
        assert!(config.parse(Mode::Live).is_err(), "{what}");
    }
    for (url, live, test) in [
        ("http://127.0.0.1:1/", true, true),
        ("http://[::1]:1/", true, true),
        ("http://localhost/", true, true),
        ("http://localhost.example/", false, true),
        ("http://10.0.0.1/", false, true),
    ] {
        let mut config = good.clone();
        config.issuers[0].jwks_url = url.into();
        config.issuers[0].jwks_token_file = std::path::PathBuf::new();
        assert_eq!((config.parse(Mode::Live).is_ok(), config.parse(Mode::Test).is_ok()), (live, test), "{url}");
        // A secret goes over no readable line, whatever the mode.
        config.issuers[0].jwks_token_file = "/token".into();
        assert_eq!((config.parse(Mode::Live).is_ok(), config.parse(Mode::Test).is_ok()), (live, live), "{url}");
    }
    for json in
        ["{}", "[{}]", "x", r#"[{"issuer": 5}]"#, r#"[{"issuer": "i", "audiences": ["a"], "subjects": [], "more": 1}]"#]
    {
        assert!(load("", Some(json)).is_err(), "{json}");
    }
}
