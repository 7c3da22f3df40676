use serde_json::{Value, json};

use super::*;

fn n(bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![0xC1; bytes])
}

fn rsa_jwk() -> Value {
    json!({"kty": "RSA", "kid": "a", "n": n(256), "e": "AQAB", "use": "sig", "alg": "RS256"})
}

fn with(mut base: Value, key: &str, value: Value) -> Value {
    base[key] = value;
    base
}

fn usable_key(jwk: Value) -> bool {
    KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes()).is_ok()
}

#[test]
fn a_key_must_be_fit_and_agree_with_itself() {
    let point = URL_SAFE_NO_PAD.encode([7; 32]);
    let ec = json!({"kty": "EC", "kid": "b", "crv": "P-256", "x": point, "y": point});
    let ed = json!({"kty": "OKP", "kid": "c", "crv": "Ed25519", "x": point, "alg": "EdDSA"});
    for (jwk, good, what) in [
        (rsa_jwk(), true, "RSA"),
        (ec.clone(), true, "EC"),
        (ed.clone(), true, "Ed25519"),
        (with(rsa_jwk(), "n", n(255).into()), false, "RSA of 2040 bits"),
        (with(rsa_jwk(), "n", n(128).into()), false, "RSA of 1024 bits"),
        (with(rsa_jwk(), "n", n(1025).into()), false, "RSA too large"),
        (with(rsa_jwk(), "e", "AQ".into()), false, "exponent 1"),
        (with(rsa_jwk(), "e", "Ag".into()), false, "even exponent"),
        (with(rsa_jwk(), "use", "enc".into()), false, "for encryption"),
        (with(rsa_jwk(), "key_ops", json!(["encrypt"])), false, "other operations"),
        (with(rsa_jwk(), "key_ops", json!(["verify"])), true, "verify"),
        (with(rsa_jwk(), "alg", "RS512".into()), false, "another hash"),
        (with(rsa_jwk(), "alg", "PS256".into()), false, "another padding"),
        (with(rsa_jwk(), "alg", "HS256".into()), false, "confused"),
        (with(rsa_jwk(), "alg", "none".into()), false, "none"),
        (with(rsa_jwk(), "alg", "ES256".into()), false, "the other kind"),
        (with(rsa_jwk(), "kty", "oct".into()), false, "symmetric"),
        (with(rsa_jwk(), "kid", Value::Null), false, "no id"),
        (with(rsa_jwk(), "kid", "".into()), false, "an empty id"),
        (with(ec.clone(), "crv", "P-384".into()), false, "unknown curve"),
        (with(ec.clone(), "crv", "secp256k1".into()), false, "unknown curve"),
        (with(ec, "x", "AA".into()), false, "a short coordinate"),
        (with(ed.clone(), "crv", "X25519".into()), false, "for key agreement"),
        (with(ed, "x", "AA".into()), false, "a short point"),
    ] {
        assert_eq!(usable_key(jwk), good, "{what}");
    }
}

#[test]
fn what_is_unfit_is_skipped_and_an_id_that_stands_twice_selects_nothing() {
    let good = with(rsa_jwk(), "kid", "good".into());
    let text = json!({"keys": [5, rsa_jwk(), rsa_jwk(), {"kty": "EC"}, good]}).to_string();
    let set = KeySet::read(text.as_bytes()).unwrap();
    assert!(set.get("good").is_some() && set.get("a").is_none());
    assert_eq!((set.len(), set.skipped()), (1, 4));
}

#[test]
fn what_is_no_set_or_holds_nothing_is_broken() {
    for (text, why) in [
        ("", Broken::Garbled),
        ("[]", Broken::Garbled),
        ("{}", Broken::Garbled),
        ("<html>", Broken::Garbled),
        (r#"{"keys": {}}"#, Broken::Garbled),
        (r#"{"keys": []}"#, Broken::Empty),
        (r#"{"keys": [{"kty": "oct", "kid": "a", "k": "AA"}]}"#, Broken::Empty),
    ] {
        assert_eq!(KeySet::read(text.as_bytes()).err(), Some(why), "{text}");
    }
}
