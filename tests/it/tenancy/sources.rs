//! Reads the stores: every statement that finds, changes or deletes rows of partners names the partner. What crosses
//! partners stands in one module.

use std::fs;
use std::path::{Path, PathBuf};

/// Files whose tables are nobody's, and the module in which everything crosses, with the reasons.
const FREE: &[&str] = &[
    // All of it crosses; each function says why.
    "src/storage/crossing",
    // Tables of the service itself, or none: stop switches, recoveries, the audit log, migrations, the way to the database.
    "src/storage/switches.rs",
    "src/storage/reach.rs",
    "src/storage/recovery.rs",
    "src/storage/audit.rs",
    "src/storage/migration",
    // Pass on what others ask.
    "src/storage/direct.rs",
    "src/storage/lines.rs",
    "src/storage/transaction.rs",
    "src/storage/observed.rs",
    // Broken on purpose, for tests.
    "src/kkt/broken.rs",
    // Its tables are its own.
    "src/sandbox",
];
const STATEMENTS: [&str; 8] = [
    "Entity::find()",
    "Entity::find_by_id(",
    "Entity::update_many()",
    "Entity::delete_many()",
    // Statements that are written out.
    "Statement::from_",
    "execute_unprepared(",
    "sqlx::raw_sql(",
    "sqlx::query",
];
/// What names the partner: the condition itself, a function of the same file that makes one with it, or the column of a
/// statement that is written out, whose value can be a partner's in a scope alone. The clock is nobody's.
const NAMED: [&str; 6] = ["of_partner(", "mine(", "as_seen(", "filter(same)", "scope.partner().uuid()", "fn now_ms("];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Functions with such a statement and without a partner.
fn unnamed(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let is_head = |line: &str| {
        let line = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub ");
        line.starts_with("fn ") || line.starts_with("async fn ") || line.starts_with("const fn ")
    };
    let mut functions: Vec<String> = Vec::new();
    for line in text.lines() {
        if is_head(line) {
            functions.push(String::new());
        }
        if let Some(function) = functions.last_mut() {
            function.push_str(line);
            function.push('\n');
        }
    }
    let asks = |text: &String| STATEMENTS.iter().any(|statement| text.contains(statement));
    let named = |text: &String| NAMED.iter().any(|name| text.contains(name));
    let wrong = functions.into_iter().filter(|text| asks(text) && !named(text));
    wrong.map(|text| text.lines().next().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn every_statement_of_a_store_names_the_partner() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    files(&root.join("src"), &mut all);
    let (mut seen, mut wrong) = (0, Vec::new());
    for path in all {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if FREE.iter().any(|free| name.starts_with(free)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        seen += STATEMENTS.iter().map(|statement| text.matches(statement).count()).sum::<usize>();
        wrong.extend(unnamed(&text).into_iter().map(|function| format!("{name}: {function}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(seen >= 20, "the statements are found: {seen}");
}

/// Functions of what crosses partners that do not say why. Those that ask nothing themselves, as makers of statements, need not.
fn unexplained(text: &str) -> Vec<&str> {
    let (mut wrong, mut documented) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(more) => documented.push_str(more),
            None if line.starts_with("#[") => {}
            None => {
                let says = documented.contains("Crosses because ") || documented.contains("Crosses like [`");
                if line.starts_with("pub async fn ") && !says {
                    wrong.push(line);
                }
                documented.clear();
            }
        }
    }
    wrong
}

#[test]
fn whatever_crosses_partners_says_why() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage");
    let mut all = vec![root.join("crossing.rs")];
    files(&root.join("crossing"), &mut all);
    let texts: Vec<_> = all.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for (path, text) in all.iter().zip(&texts) {
        assert_eq!(unexplained(text), Vec::<&str>::new(), "{}", path.display());
    }
    let functions = texts.iter().map(|text| text.matches("pub async fn ").count()).sum::<usize>();
    assert!(functions >= 30, "the functions are found: {functions}");
}

#[test]
fn a_function_that_crosses_partners_without_a_reason_is_noticed() {
    let good = "/// Reads all. Crosses because operators see everybody.\n#[must_use]\npub async fn a() {}\n";
    let bad = "/// Reads all.\n///\n/// # Errors\n/// None.\npub async fn b() {}\n";
    assert!(unexplained(good).is_empty());
    assert_eq!(unexplained(&format!("{good}{bad}")), ["pub async fn b() {}"]);
}

#[test]
fn a_statement_without_a_partner_is_noticed() {
    let good = "async fn a() {\n    kkt::Entity::find().filter(of_partner(C, scope)).one(db)\n}\n";
    let bad = "pub async fn b() {\n    kkt::Entity::find().filter(kkt::Column::Id.eq(id)).one(db)\n}\n";
    let raw = "async fn c() {\n    db.query_all_raw(Statement::from_string(backend, \"SELECT * FROM kkt\"))\n}\n";
    assert!(unnamed(good).is_empty());
    assert_eq!(unnamed(&format!("{good}{bad}{raw}")), ["pub async fn b() {", "async fn c() {"]);
}
