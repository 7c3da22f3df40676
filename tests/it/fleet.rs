//! The operator's commands about rental fleets.

use secrecy::ExposeSecret;
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

/// A file of so many registers, and the line that imports it.
fn large(folder: &tempfile::TempDir, rows: u32) -> String {
    let row = |n: u32| format!("АТОЛ 30Ф,00106100{n:06},9999078902{n:06}\n");
    let path = folder.path().join("fleet.csv");
    std::fs::write(&path, format!("model,serial,fn\n{}", (1..=rows).map(row).collect::<String>())).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_import_tells_how_far_it_is_beside_the_result_and_in_numbers_only() {
    let db = TestDb::new(backends()[0]).await;
    printed(&db, &["partner", "add", "Касса", "--reason", "T-1"]);
    let folder = tempfile::tempdir().unwrap();
    let output = run(&db, &["fleet", "import", "Касса", &large(&folder, 2_500), "--reason", "T-1"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "added 2500, updated 0, unchanged 0\n");
    let said = String::from_utf8(output.stderr).unwrap();
    let (told, remark): (Vec<&str>, Vec<&str>) = said.lines().partition(|line| line.starts_with("registers: "));
    assert_eq!(remark, ["fleet of Касса"]);
    let line = regex::Regex::new("^registers: [0-9]+ of 2500, [0-9]+ a second$").unwrap();
    assert!(!told.is_empty() && told.iter().all(|one| line.is_match(one)), "{said:?}");
    assert!(told.last().unwrap().starts_with("registers: 2500 of 2500") && !said.contains('\r'), "{said:?}");
}

/// So many that no machine does them between two looks.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_long_import_has_one_line_that_goes_at_the_end() {
    let db = TestDb::new(backends()[0]).await;
    printed(&db, &["partner", "add", "Касса", "--reason", "T-1"]);
    let folder = tempfile::tempdir().unwrap();
    let command = format!(
        "'{}' fleet import Касса '{}' --reason T-1 > '{}'",
        env!("CARGO_BIN_EXE_litebox-partner"),
        large(&folder, 5_000),
        folder.path().join("result").display()
    );
    // `script` gives the command a terminal, and copies what it shows there.
    let output = std::process::Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("LITEBOX_DATABASE_URL", db.config.url.expose_secret())
        .env("LITEBOX_ACTOR", "anna")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    let result = std::fs::read_to_string(folder.path().join("result")).unwrap();
    assert_eq!(result, "added 5000, updated 0, unchanged 0\n");
    let (progress, after) = shown.rsplit_once("\r\u{1b}[K").unwrap();
    let line = regex::Regex::new("\rregisters: [0-9]+ of 5000, [0-9]+ a second\u{1b}\\[K").unwrap();
    assert!(line.is_match(progress) && line.replace_all(progress, "").trim().is_empty(), "{shown:?}");
    assert_eq!(after.trim(), "fleet of Касса");
}
