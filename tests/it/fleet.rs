//! The operator's commands about rental fleets.

use serde_json::Value;

use crate::cli::{printed, run};
use crate::support::database::{TestDb, backends};

/// Imports `text` and answers what went well, or the problems: `3 fn`.
fn import(db: &TestDb, partner: &str, text: &str) -> Result<Value, Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let output = run(db, &["fleet", "import", partner, file.path().to_str().unwrap(), "--json", "--reason", "склад"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    if output.status.success() {
        return Ok(answer);
    }
    let place = |p: &Value| format!("{} {}", p["line"], p["field"].as_str().unwrap());
    Err(answer.as_array().unwrap().iter().map(place).collect())
}

fn fleet(db: &TestDb) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&printed(db, &["fleet", "list", "--json"])).unwrap();
    listed.as_array().unwrap().clone()
}

fn counts(added: u32, updated: u32, unchanged: u32) -> Result<Value, Vec<String>> {
    Ok(serde_json::json!({"added": added, "updated": updated, "unchanged": unchanged}))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_imported_wholly_or_not_at_all_and_twice_is_as_good_as_once() {
    for backend in backends() {
        let db = TestDb::new(backend).await;
        printed(&db, &["partner", "add", "Касса", "--reason", "T-1"]);
        printed(&db, &["partner", "add", "Чужой", "--reason", "T-1"]);
        let device = printed(&db, &["device", "assign", "Касса", "--hub", "http://127.0.0.1:16732", "--reason", "T-1"]);

        let spoilt = "model;serial;fn;device_id;state\n\
             АТОЛ 30Ф;00106100000001;9999078902000001;;\n\
             АТОЛ 31Ф;00106100000002;99990789;;SOLD\n\
             АТОЛ 30Ф;106100000001;9999078902000003;00000000-0000-4000-8000-000000000001;\n";
        let problems = ["3 fn", "3 model", "3 state", "4 device_id", "4 serial"].map(str::to_owned);
        assert_eq!(import(&db, "Касса", spoilt), Err(problems.to_vec()));
        assert!(fleet(&db).is_empty(), "the good line was not imported either");

        let good = format!(
            "model,serial,fn,device_id,state\r\n\
             АТОЛ 30Ф,00106100000001,9999078902000001,{device},FREE\r\n\
             атол 30ф,00106100000002,9999078902000002,,OUT\r\n"
        );
        assert_eq!(import(&db, "Касса", &good), counts(2, 0, 0));
        assert_eq!(import(&db, "Касса", &good), counts(0, 0, 2));
        assert_eq!(fleet(&db)[0]["device_id"], device.as_str());

        let (one, two) = ("9999078902000001", "9999078902000002");
        let swapped = good.replace(one, "x").replace(two, one).replace('x', two).replace("OUT", "FREE");
        assert_eq!(import(&db, "Касса", &swapped), counts(0, 2, 0));
        let out: Value = serde_json::from_str(&printed(&db, &["fleet", "list", "--state", "OUT", "--json"])).unwrap();
        assert_eq!(out, serde_json::json!([]));
        let stolen = "model,serial,fn\nАТОЛ 30Ф,00106100000001,9999078902000009\n";
        assert_eq!(import(&db, "Чужой", stolen), Err(vec!["2 serial".to_owned()]));
        let drives = |db: &TestDb| fleet(db).iter().map(|d| d["fn_serial"].to_string()).collect::<Vec<_>>();
        assert_eq!(drives(&db).len(), 2);
        let listed = printed(&db, &["fleet", "list", "--partner", "Касса"]);
        assert!(listed.contains("АТОЛ 30Ф") && listed.contains("FREE"), "{listed}");
    }
}
