//! The borders between the layers, read from the sources: which file may name which module or crate.
//!
//! Works on tokens, so comments and strings do not count, and paths inside macros do. Code under `#[cfg(test)]` is
//! free. `each_rule_catches_its_broken_sample` proves for every rule that it would notice.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

const TRANSPORT: &[&str] = &["tonic", "tonic_types", "prost", "http", "hyper", "crate::grpc", "crate::pb"];
const SQL: &[&str] = &["sea_orm", "sea_orm_migration", "sqlx"];
const IO: &[&str] = &[
    "tokio",
    "tonic",
    "reqwest",
    "sea_orm",
    "sea_orm_migration",
    "sqlx",
    "std::fs",
    "std::net",
    "std::process",
    "crate::grpc",
    "crate::storage",
    "crate::sandbox",
    "crate::config",
    "crate::app",
];
const SLICES: &[&str] = &["crate::clients", "crate::erasure", "crate::fleet", "crate::kkt", "crate::partners"];

/// A border: the files it is about, and what they may not name. `only` turns it round for the own crate.
struct Border {
    name: &'static str,
    about: fn(&str) -> bool,
    forbidden: &'static [&'static [&'static str]],
    /// Of the own crate nothing but this may be named.
    only: Option<&'static [&'static str]>,
    /// A file and a text that break it.
    broken: &'static [(&'static str, &'static str)],
}

const BORDERS: &[Border] = &[
    Border {
        name: "grpc never sees SQL or a store",
        about: |f| f.starts_with("src/grpc/"),
        forbidden: &[
            SQL,
            &[
                "crate::storage::entity",
                "crate::clients::store",
                "crate::kkt::store",
                "crate::kkt::creation",
                "crate::kkt::effects",
                "crate::kkt::intents",
                "crate::kkt::claims",
                "crate::kkt::desk",
                "crate::partners::store",
                "crate::fleet::store",
                "crate::clients::desk",
                "crate::erasure::store",
            ],
        ],
        only: None,
        broken: &[
            ("src/grpc/kkt_service.rs", "use sea_orm::EntityTrait;"),
            ("src/grpc/kkt_service.rs", "use crate::{kkt::{model, store::Row}, values};"),
            ("src/grpc/mod.rs", "fn f() { let x = sqlx::query(\"\"); }"),
        ],
    },
    Border {
        name: "models, states, preflight, values do no I/O",
        about: |f| {
            f.starts_with("src/values/")
                || [
                    "/model.rs",
                    "/state.rs",
                    "/preflight.rs",
                    "/application.rs",
                    "/device_task.rs",
                    "/advice.rs",
                    "/guide.rs",
                    "/deadlines.rs",
                    "/refusal.rs",
                    "/policy.rs",
                ]
                .iter()
                .any(|end| f.ends_with(end))
        },
        forbidden: &[IO],
        only: None,
        broken: &[
            ("src/kkt/state.rs", "use tokio::time::sleep;"),
            ("src/values/inn.rs", "fn f() { std::fs::read(\"x\"); }"),
            ("src/kkt/model.rs", "use crate::storage::Db;"),
        ],
    },
    Border {
        name: "catalogues read files and nothing else",
        about: |f| f.starts_with("src/catalogue"),
        forbidden: &[
            &["tokio", "reqwest", "std::net", "crate::grpc", "crate::storage", "crate::gateways"],
            SQL,
            SLICES,
        ],
        only: None,
        broken: &[("src/catalogue/mod.rs", "use reqwest::Client;")],
    },
    Border {
        name: "services and workers know neither transport nor SQL",
        about: |f| {
            f.ends_with("/service.rs")
                || f == "src/partners/access.rs"
                || f.ends_with("/worker.rs")
                || ["drive", "burn", "orders", "ordering", "watch"].iter().any(|name| f == format!("src/kkt/{name}.rs"))
        },
        forbidden: &[TRANSPORT, SQL],
        only: None,
        broken: &[
            ("src/clients/service.rs", "use tonic::Status;"),
            ("src/kkt/worker.rs", "async fn f() { json!(sea_orm::Set(1)) }"),
        ],
    },
    Border {
        name: "stores know nothing of the transport or of the outer systems",
        about: |f| {
            f.starts_with("src/storage/")
                || ["/store.rs", "/effects.rs", "/intents.rs", "/claims.rs", "/rows.rs", "/creation.rs"]
                    .iter()
                    .any(|end| f.ends_with(end))
        },
        forbidden: &[TRANSPORT, &["crate::sandbox", "reqwest"]],
        only: None,
        broken: &[
            ("src/kkt/store.rs", "use crate::pb::kkt::Kkt;"),
            ("src/clients/store.rs", "use super::super::grpc::status;"),
        ],
    },
    Border {
        name: "gateways know nothing of the slices",
        about: |f| f.starts_with("src/gateways/"),
        forbidden: &[SLICES, SQL, &["crate::grpc", "crate::pb", "crate::storage", "crate::sandbox"]],
        only: None,
        broken: &[
            ("src/gateways/fns.rs", "use crate::kkt::model::Kkt;"),
            ("src/gateways/mod.rs", "use super::clients;"),
        ],
    },
    Border {
        name: "the sandbox shares nothing with the server",
        about: |f| f.starts_with("src/sandbox/"),
        forbidden: &[&["litebox_partner"]],
        // The clock is a parameter and decides nothing.
        only: Some(&["crate::sandbox", "crate::clock"]),
        broken: &[
            ("src/sandbox/fns.rs", "use crate::values::Rnm;"),
            ("src/sandbox/mod.rs", "use super::values::Inn;"),
            ("src/sandbox/fns/mod.rs", "use super::super::page::Token;"),
        ],
    },
    Border {
        name: "metrics count and read; they call nobody",
        about: |f| f.starts_with("src/metrics"),
        forbidden: &[
            SQL,
            &["tonic", "reqwest", "crate::grpc", "crate::storage::entity", "crate::sandbox", "crate::app"],
        ],
        only: None,
        broken: &[
            ("src/metrics/figures.rs", "use sea_orm::EntityTrait;"),
            ("src/metrics/meters.rs", "use crate::grpc::call::Calls;"),
            ("src/metrics.rs", "fn f() { reqwest::get(\"x\"); }"),
        ],
    },
    Border {
        name: "the server does not know the sandbox",
        about: |f| {
            !["src/sandbox/", "src/cli/", "src/demo", "src/main.rs", "src/lib.rs"].iter().any(|p| f.starts_with(p))
        },
        forbidden: &[&["crate::sandbox"]],
        only: None,
        broken: &[("src/app.rs", "use crate::sandbox::Sandbox;")],
    },
];

/// Words that may not stand in production code, as token sequences.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("no unwrap", &[".", "unwrap", "()"], "fn f() { x.unwrap(); }"),
    ("no expect", &[".", "expect", "()"], "fn f() { x . expect(\"y\"); }"),
    ("no panic!", &["panic", "!"], "fn f() { panic!(\"x\") }"),
    ("no todo!", &["todo", "!"], "fn f() { todo!() }"),
    ("no unimplemented!", &["unimplemented", "!"], "fn f() { vec![unimplemented!()]; }"),
    ("no unreachable!", &["unreachable", "!"], "fn f() { unreachable!() }"),
    ("#[expect(.., reason)] instead of #[allow]", &["#", "[]", "allow"], "#[allow(dead_code)] fn f() {}"),
    ("#![expect(.., reason)] instead of #![allow]", &["#", "!", "[]", "allow"], "#![allow(dead_code)]"),
];

#[test]
fn the_sources_keep_the_borders() {
    let found: Vec<String> = sources().iter().flat_map(|(file, text)| violations(file, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_rule_catches_its_broken_sample() {
    for border in BORDERS {
        for (file, text) in border.broken {
            let found = violations(file, text);
            assert!(found.iter().any(|v| v.contains(border.name)), "{}: {file}: {text}: {found:?}", border.name);
        }
    }
    for (name, _, text) in WORDS {
        assert!(violations("src/app.rs", text).iter().any(|v| v.contains(name)), "{name}");
    }
}

#[test]
fn tests_comments_and_strings_are_free() {
    let text = r#"
        //! use sea_orm::Entity;
        const X: &str = "tonic::Status .unwrap()";
        #[cfg(test)]
        mod tests { use sea_orm::Entity; fn f() { x.unwrap(); } }
        #[cfg(test)]
        use tonic::Status;
    "#;
    assert_eq!(violations("src/kkt/service.rs", text), Vec::<String>::new());
    assert_eq!(violations("src/sandbox/fns.rs", "pub(crate) use super::ledger::Ledger;"), Vec::<String>::new());
}

#[test]
fn the_map_of_modules_names_each_of_them_and_no_other() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let modules: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let map: String = text.lines().filter(|line| line.starts_with("//!")).collect();
    assert!(modules.len() > 20, "the modules were not read");
    for module in &modules {
        assert!(map.contains(&format!("`{module}`")), "src/lib.rs does not say what {module} is");
    }
    let entries = text.lines().filter_map(|line| line.strip_prefix("//! - `")?.split('`').next());
    for entry in entries {
        assert!(modules.contains(&entry), "src/lib.rs speaks of {entry}, which is no module");
    }
}

#[test]
fn long_files_are_named() {
    for (file, text) in sources() {
        let lines = text.lines().take_while(|l| !l.starts_with("#[cfg(test)]")).count();
        if lines > 400 {
            println!("warning: {file} has {lines} lines before its tests; 400 is the house's limit");
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("src"), &mut files);
    assert!(files.len() > 10, "the sources were not found");
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|n| n == "tests" || n == "tests.rs") {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

fn violations(file: &str, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    let production = without_tests(tokens);
    let mut paths = Vec::new();
    collect_paths(&production, &[], &mut paths);
    let paths: Vec<String> = paths.iter().map(|p| absolute(file, p)).collect();
    let mut found = Vec::new();
    for border in BORDERS.iter().filter(|b| (b.about)(file)) {
        for path in paths.iter().filter(|p| breaks(border, p)) {
            found.push(format!("{file}: {}: {path}", border.name));
        }
    }
    let mut words = Vec::new();
    flatten(&production, &mut words);
    for (name, sequence, _) in WORDS {
        if words.windows(sequence.len()).any(|w| w.iter().eq(sequence.iter())) {
            found.push(format!("{file}: {name}"));
        }
    }
    found
}

fn breaks(border: &Border, path: &str) -> bool {
    let inside = |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("::"));
    let forbidden = border.forbidden.iter().copied().flatten().any(|prefix| inside(prefix));
    // `crate` alone is a visibility or the head of a tree of `use`.
    let foreign = |only: &[&str]| path.starts_with("crate::") && !only.iter().any(|own| inside(own));
    forbidden || border.only.is_some_and(foreign)
}

/// Drops items under `#[cfg(test)]`.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let attribute = matches!(&token, TokenTree::Punct(p) if p.as_char() == '#')
            && matches!(tokens.peek(), Some(TokenTree::Group(g)) if compact(&g.stream()) == "cfg(test)");
        if !attribute {
            kept.push(token);
            continue;
        }
        // An item ends with its braces or with a semicolon.
        for skipped in tokens.by_ref().skip(1) {
            match skipped {
                TokenTree::Group(g) if g.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(p) if p.as_char() == ';' => break,
                _ => {}
            }
        }
    }
    kept
}

fn compact(tokens: &TokenStream) -> String {
    tokens.to_string().replace(' ', "")
}

/// Every path that is written anywhere, with the trees of `use` opened.
fn collect_paths(tokens: &[TokenTree], prefix: &[String], paths: &mut Vec<Vec<String>>) {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let joined = at >= 2 && is_colon(&tokens[at - 1]) && is_colon(&tokens[at - 2]);
        match token {
            TokenTree::Ident(word) => {
                if !joined {
                    path = prefix.to_vec();
                }
                path.push(word.to_string());
                paths.push(path.clone());
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let tree = joined && group.delimiter() == Delimiter::Brace;
                collect_paths(&inner, if tree { &path } else { &[] }, paths);
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == ':')
}

/// `self` and `super` at the head of a path, from the file they stand in.
fn absolute(file: &str, path: &[String]) -> String {
    let stem = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let mut module: Vec<&str> = match stem {
        "lib" | "main" | "mod" => vec![],
        _ => stem.split('/').collect(),
    };
    let mut rest = path;
    while let Some((head, tail)) = rest.split_first() {
        match head.as_str() {
            "super" => drop(module.pop()),
            "self" => {}
            _ => break,
        }
        rest = tail;
    }
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    if rest.len() == path.len() {
        return words.join("::");
    }
    ["crate"].into_iter().chain(module).chain(words).collect::<Vec<_>>().join("::")
}

/// Words and signs in order; a group is written as its brackets, followed by its content.
fn flatten(tokens: &[TokenTree], words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                words.push(if group.delimiter() == Delimiter::Bracket { "[]" } else { "()" }.to_owned());
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                flatten(&inner, words);
            }
            other => words.push(other.to_string()),
        }
    }
}
