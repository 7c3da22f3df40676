//! The vectors of `tests/data/vectors.json`: computed ones, and one sample that a vendor published.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::values::{Inn, KktSerial, Ogrn, Rnm};

#[derive(Deserialize)]
struct Fitting {
    seq: String,
    inn: String,
    serial: String,
    crc_dec: u32,
    rnm: String,
}

#[derive(Deserialize)]
struct Unfitting {
    rnm: String,
    inn: String,
    serial: String,
    why: String,
}

fn section<T: DeserializeOwned>(path: &str) -> T {
    let all: serde_json::Value = serde_json::from_str(include_str!("../../../tests/data/vectors.json")).unwrap();
    serde_json::from_value(all.pointer(path).unwrap().clone()).unwrap()
}

fn strings(path: &str) -> Vec<String> {
    section(path)
}

#[test]
fn every_valid_rnm_fits_and_is_what_compose_makes() {
    let vectors: Vec<Fitting> =
        [section::<Vec<_>>("/rnm_valid"), section("/rnm_published")].into_iter().flatten().collect();
    assert_eq!(vectors.len(), 10);
    for v in vectors {
        let (inn, serial) = (Inn::parse(&v.inn).unwrap(), KktSerial::parse(&v.serial).unwrap());
        let rnm = Rnm::parse(&v.rnm).unwrap();
        assert!(rnm.fits(&inn, &serial), "{}", v.rnm);
        assert_eq!(Rnm::compose(v.seq.parse().unwrap(), &inn, &serial).unwrap(), rnm);
        assert_eq!(v.rnm[10..].parse::<u32>().unwrap(), v.crc_dec);
    }
}

#[test]
fn every_invalid_rnm_is_refused_or_does_not_fit() {
    for v in section::<Vec<Unfitting>>("/rnm_invalid") {
        let (inn, serial) = (Inn::parse(&v.inn).unwrap(), KktSerial::parse(&v.serial).unwrap());
        assert!(!Rnm::parse(&v.rnm).is_ok_and(|rnm| rnm.fits(&inn, &serial)), "{}", v.why);
    }
}

#[test]
fn every_inn_is_judged_right() {
    for text in [strings("/inn/valid10"), strings("/inn/valid12")].concat() {
        assert_eq!(Inn::parse(&text).unwrap().as_str(), text);
    }
    for text in strings("/inn/invalid") {
        assert!(Inn::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn every_ogrn_is_judged_right() {
    for text in strings("/ogrn/valid") {
        assert!(!Ogrn::parse(&text).unwrap().is_entrepreneur(), "{text}");
    }
    for text in strings("/ogrnip/valid") {
        assert!(Ogrn::parse(&text).unwrap().is_entrepreneur(), "{text}");
    }
    for text in [strings("/ogrn/invalid"), strings("/ogrnip/invalid")].concat() {
        assert!(Ogrn::parse(&text).is_err(), "{text}");
    }
}
