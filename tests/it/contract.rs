//! What is written from the contract is written by this test: `UPDATE=1 cargo test --test it contract` renews it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use litebox_partner::kkt::state::Name;
use litebox_partner::pb::DESCRIPTORS;
use litebox_partner::pb::kkt::KktState;
use prost_reflect::{DescriptorPool, EnumDescriptor};

const ERRORS: &str = "docs/errors.md";
const HEAD: &str = "# Errors

Written from `proto/litebox/error/v1/error_reason.proto`; do not edit.

Every error has a canonical code and `google.rpc.ErrorInfo` with the reason below, the domain `litebox.ru` and the metadata of the example;
`LocalizedMessage` (ru-RU) for people, ending with what to do next; `RequestInfo` with the id of the call, which the header `x-request-id` also
tells. `BadRequest` lists all bad fields at once (16 at most: details travel in a header), `PreconditionFailure` broken rules between fields,
`RetryInfo` the time after which waiting helps. Decide by code and reason: texts may change.

| code | reason | meaning | metadata | next |
|---|---|---|---|---|
";

#[test]
fn the_table_of_errors_is_the_one_of_the_contract() {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let reasons = pool.get_enum_by_name("litebox.error.v1.ErrorReason").unwrap();
    let rows: String = comments(&reasons).into_iter().map(|(name, comment)| row(&name, &comment)).collect();
    let wanted = format!("{HEAD}{rows}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(ERRORS);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{ERRORS} is out of date: UPDATE=1 cargo test --test it contract");
}

/// Each reason with its comment in one line; without the one that is never sent.
pub fn comments(reasons: &EnumDescriptor) -> Vec<(String, String)> {
    let file = reasons.parent_file().file_descriptor_proto().clone();
    let locations = file.source_code_info.unwrap().location;
    let comment = |number: i32| {
        // Path of a value: the enum (5) of the file, its value (2).
        let found = locations.iter().find(|l| l.path == [5, 0, 2, number]).unwrap();
        found.leading_comments().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let names = reasons.values().map(|v| v.name().trim_start_matches("ERROR_REASON_").to_owned());
    names.zip(0..).skip(1).map(|(name, at)| (name, comment(at))).collect()
}

/// The comments all have one form: "Code X[, with RetryInfo]. Meaning. Example: {…} Next: …".
fn row(name: &str, comment: &str) -> String {
    let parts = |text: &str, mark: &str| {
        let (before, after) = text.split_once(mark).unwrap_or_else(|| panic!("{name}: no {mark:?}"));
        (before.trim().to_owned(), after.trim().to_owned())
    };
    let (what, rest) = parts(comment, "Example:");
    let (example, next) = parts(&rest, "Next:");
    let (code, meaning) = parts(&what, ". ");
    let code = code.trim_start_matches("Code ");
    let example: serde_json::Value = serde_json::from_str(&example).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!((example["reason"].as_str(), example["domain"].as_str()), (Some(name), Some("litebox.ru")));
    let mut row = String::new();
    let metadata = match &example["metadata"] {
        serde_json::Value::Object(map) if map.is_empty() => String::new(),
        metadata => format!("`{metadata}`"),
    };
    writeln!(row, "| {code} | {name} | {meaning} | {metadata} | {next} |").unwrap();
    row
}

/// The document of states is compared with the names that the code knows.
#[test]
fn the_states_of_the_contract_are_those_of_the_code() {
    let of_contract = (1..).map_while(|n| KktState::try_from(n).ok()).map(|state| state.as_str_name());
    let of_code: Vec<String> = Name::ALL.into_iter().map(|name| format!("KKT_STATE_{}", name.as_str())).collect();
    assert_eq!(of_contract.collect::<BTreeSet<_>>(), of_code.iter().map(String::as_str).collect());
}
