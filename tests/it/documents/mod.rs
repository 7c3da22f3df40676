//! Complete orders against the documents that they must become. The expected files are written by hand; see
//! `tests/data/README.md`.

mod fields;
pub mod known;
pub mod orders;

use std::path::Path;

use encoding_rs::WINDOWS_1251;
use litebox_partner::catalogue::Catalogue;
use litebox_partner::grpc::convert::kkt_request::quick_register;
use litebox_partner::kkt::application::{Format, build};
use litebox_partner::kkt::device_task::registration;
use litebox_partner::kkt::model::{Equipment, Facts, Spec};
use litebox_partner::pb::kkt as pb;
use litebox_partner::values::{Email, Rnm};
use serde_json::Value;

use known::Known;

/// 23 November 2026, 13:12 in Moscow.
const ACCEPTED_MS: i64 = 1_795_428_720_000;
const EFFECT: &str = "0198f2a0-7c1e-8e6b-8f00-000000000001";

/// Both documents of an order.
#[derive(Debug, PartialEq)]
struct Documents {
    application: String,
    task: Value,
}

/// Brings an order to its documents as the service does: parse, add what the registers know, build.
fn documents(request: pb::QuickRegisterRequest, known: &Known) -> Documents {
    let spec = quick_register(request).unwrap().spec;
    let facts = facts(&spec, known);
    let catalogue = Catalogue::embedded().unwrap();
    let application = build(&spec, &facts, &catalogue, EFFECT.parse().unwrap(), &Format::default()).unwrap();
    let rnm = Rnm::compose(known.sequence, &facts.taxpayer.inn, &facts.register.serial).unwrap();
    let task = registration(&spec, &facts, &rnm, &catalogue).unwrap();
    let (application, _, broken) = WINDOWS_1251.decode(&application.xml);
    assert!(!broken);
    Documents { application: application.into_owned(), task }
}

fn facts(spec: &Spec, known: &Known) -> Facts {
    Facts {
        taxpayer: known.taxpayer.clone(),
        address: known.address.clone(),
        register: match &spec.equipment {
            Equipment::Sale(register) => register.clone(),
            Equipment::Rental { .. } => known.fleet.clone(),
        },
        sender_email: spec.sender_email.clone().unwrap_or_else(|| Email::parse("shop@example.ru").unwrap()),
        accepted_ms: ACCEPTED_MS,
    }
}

fn data(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn complete_orders_become_the_expected_application_and_task() {
    let orders = orders::all();
    for order in &orders {
        let made = documents(order.request.clone(), &order.known);
        let expected = data(&format!("applications/{}.xml", order.name));
        let differing = made.application.lines().zip(expected.lines()).find(|(made, expected)| made != expected);
        assert!(made.application == expected, "{}: {differing:#?}", order.name);
        let task: Value = serde_json::from_str(&data(&format!("tasks/{}.json", order.name))).unwrap();
        assert_eq!(made.task, task, "{}", order.name);
    }
    assert_eq!(orders.len(), 17);
}

#[test]
fn no_expected_document_is_without_its_order() {
    let mut names: Vec<_> = orders::all().iter().map(|order| order.name.to_owned()).collect();
    names.sort();
    for (folder, end) in [("applications", ".xml"), ("tasks", ".json")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut found: Vec<_> = files.map(|name| name.trim_end_matches(end).to_owned()).collect();
        found.sort();
        assert_eq!(found, names);
    }
}
