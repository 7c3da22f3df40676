//! What operators may write, and what a token lets in.

use super::*;

#[test]
fn scopes_read_back_as_written() {
    assert_eq!(Scopes::all().to_string().parse(), Ok(Scopes::all()));
    assert_eq!("".parse(), Ok(Scopes::default()));
    let some: Scopes = "kkt_read  CLIENTS_WRITE".parse().unwrap();
    assert_eq!(some.to_string(), "CLIENTS_WRITE KKT_READ");
    assert!(some.hold(Scope::KktRead) && !some.hold(Scope::KktWrite));
    assert_eq!("KKT_READ,KKT_WRITE".parse::<Scopes>(), Err(Unfit::Scope));
}

#[test]
fn a_hub_has_a_plain_address() {
    for (text, read) in [
        ("http://127.0.0.1:16732", Some("http://127.0.0.1:16732")),
        ("https://hub.example/kkt/", Some("https://hub.example/kkt")),
        ("http://[::1]:80/", Some("http://[::1]:80")),
        ("ftp://hub", None),
        ("hub:16732", None),
        ("/api", None),
        ("http://", None),
        ("http://user:pass@hub", None),
        ("http://hub/?a=b", None),
        ("http://hub/#x", None),
        ("", None),
    ] {
        assert_eq!(HubUrl::parse(text).ok().as_ref().map(HubUrl::as_str), read, "{text}");
    }
}

#[test]
fn a_device_name_needs_no_escaping() {
    for (text, good) in
        [("default", true), ("KKT-1.a_b", true), ("", false), ("a/b", false), ("..", false), ("я", false)]
    {
        assert_eq!(HubDevice::parse(text).is_ok(), good, "{text}");
    }
}

#[test]
fn labels_are_one_short_line() {
    assert_eq!(Label::name("  ООО «Касса» ").unwrap().as_str(), "ООО «Касса»");
    assert_eq!(Label::name(" "), Err(Unfit::Empty));
    assert_eq!(Label::note("").unwrap().as_str(), "");
    assert_eq!(Label::note("a\nb"), Err(Unfit::Label));
    assert_eq!(Label::note(&"я".repeat(121)), Err(Unfit::Label));
}

#[test]
fn a_token_lives_until_it_expires_or_is_revoked() {
    let token = |expires_ms, revoked_ms| TokenRecord {
        key_id: KeyId::parse("0123456789AB").unwrap(),
        partner: PartnerId::new(uuid::Uuid::from_u128(1)),
        digest: SecretDigest::from_bytes(&[0; 32]).unwrap(),
        mode: Mode::Test,
        scopes: Scopes::all(),
        note: Label::default(),
        created_ms: 0,
        expires_ms,
        revoked_ms,
        last_used_ms: None,
    };
    assert!(token(None, None).live_at(i64::MAX));
    assert!(token(Some(10), None).live_at(9));
    assert!(!token(Some(10), None).live_at(10));
    assert!(!token(Some(10), Some(1)).live_at(0));
}
