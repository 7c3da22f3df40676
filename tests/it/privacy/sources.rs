//! No type of the server derives `Debug` over a text that may tell about a person. Closed by default: a raw text needs a
//! name that is known to be harmless, or a type with a `Debug` of its own.

use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What counts as raw text: everything else has a `Debug` that this very rule or `text_value!` looks after.
const RAW: &[&str] = &["String", "str", "u8", "Value", "PathBuf", "OsString", "Bytes"];

/// Names of texts that tell nothing about a person and open nothing.
const HARMLESS: &[&str] = &[
    "account_id",
    "acknowledged_warnings",
    "action",
    "actor",
    "advice",
    "application_id",
    "base_url",
    "case",
    "clock",
    "code",
    "config",
    "detail",
    "device",
    "dir",
    "direction",
    "entry",
    "field",
    "file",
    "filter",
    "gateway",
    "handover",
    "host",
    "key",
    "key_id",
    "kind",
    "kkt",
    "kkt_model",
    "known",
    "listen",
    "local_time",
    "meaning",
    "method",
    "model",
    "next",
    "note",
    "number",
    "numbers",
    "operation",
    "out",
    "page_token",
    "partner",
    "path",
    "prefix",
    "prefixes",
    "problem",
    "reason",
    "receiver",
    "recover",
    "rnm",
    "rule",
    "russian",
    "service",
    "sign_in_address",
    "state",
    "status",
    "step",
    "subject",
    "table",
    "tax_office",
    "todo",
    "unavailable",
    "url",
    "user",
    "version",
    "what",
    "why_not",
];

/// Texts under a telling name that are our own words, or a table of the catalogue: file, type, field.
const OWN_WORDS: &[(&str, &str, &str)] = &[
    // Of the client library: what the caller has set, what a field must be, and where a watch goes on.
    ("src/sdk/options.rs", "OptionsError", ""),
    ("src/sdk/watch.rs", "WatchOptions", "kkt_ids"),
    ("src/cli/health.rs", "Args", "address"),
    ("src/cli/health.rs", "Args", "token_file"),
    // Places of files and names of settings; what stands in the files is nowhere.
    ("src/cli/secure.rs", "Args", "ca"),
    ("src/cli/secure.rs", "Args", "cert"),
    ("src/cli/secure.rs", "Args", "server_name"),
    // Who vouches for a service, from the configuration: names, places of files, public keys.
    ("src/partners/jwt/config.rs", "", ""),
    ("src/partners/jwt/keys.rs", "KeySet", "keys"),
    ("src/partners/model.rs", "Identity", "issuer"),
    ("src/grpc/edge/config.rs", "TlsConfig", "cert"),
    ("src/grpc/edge/config.rs", "TlsConfig", "client_ca"),
    ("src/grpc/edge/tls.rs", "TlsError", "setting"),
    // Where a setting was set: places of files, names of variables.
    ("src/config/problem.rs", "Source", ""),
    ("src/app.rs", "AppError", "Jwt"),
    ("src/catalogue/", "", ""),
    ("src/failure.rs", "Violation", "text"),
    ("src/failure.rs", "Requirement", "text"),
    ("src/values/invalid.rs", "Invalid", "text"),
    ("src/storage/entity/recovery.rs", "Model", "name"),
    ("src/storage/recovery.rs", "Recovery", "name"),
    ("src/storage/entity/gone_hub.rs", "Model", ""),
    // Words of operators about partners and fleets, and addresses of hubs, which may carry no user.
    ("src/partners/model.rs", "Label", "0"),
    ("src/partners/model.rs", "HubUrl", "0"),
    ("src/partners/model.rs", "HubDevice", "0"),
    ("src/partners/token.rs", "KeyId", "0"),
    ("src/grpc/call.rs", "CallId", "0"),
    // The texts of these errors are made from codes and places only.
    ("src/cli/mod.rs", "CliError", "NotServing"),
    ("src/conformance/mod.rs", "Unchecked", ""),
    ("src/gateways/device.rs", "Posted", "Malformed"),
    ("src/storage/error.rs", "StoreError", ""),
    ("src/storage/vault.rs", "", ""),
    // Serial numbers of drives.
    ("src/fleet/plan.rs", "Known", "drives"),
    ("src/support/service.rs", "Declined", "Otherwise"),
    ("src/partners/model.rs", "Unfit", ""),
];

#[test]
fn no_type_shows_a_text_that_may_be_personal() {
    let found: Vec<String> = sources().iter().flat_map(|(file, text)| shown(file, text)).collect();
    assert!(found.is_empty(), "use `discreet!`, or say why it is harmless:\n{}", found.join("\n"));
}

#[test]
fn the_rule_notices_a_text_that_is_added_without_thought() {
    for (text, noticed) in [
        ("#[derive(Debug)] struct A { phone: String }", true),
        ("#[derive(Clone, Debug)] pub struct A { pub id: u8x, pub email: Option<String> }", true),
        ("#[derive(Debug)] enum A { B { last_name: String }, C }", true),
        ("#[derive(Debug)] enum A { Surname(String) }", true),
        ("#[derive(Debug)] struct A<'a>(&'a str);", true),
        ("#[derive(Debug)] struct A { name: String }", true),
        ("#[derive(Debug)] struct A { body: Vec<u8> }", true),
        ("mod m { #[derive(Debug)] struct A { signer: std::string::String } }", true),
        ("#[derive(Debug)] struct A { inn: Inn, reason: String, phone: Phone }", false),
        ("#[derive(Clone)] struct A { phone: String }", false),
        ("#[derive(Debug)] struct A { count: usize } fn f(phone: String) {}", false),
    ] {
        assert_eq!(!shown("src/x.rs", text).is_empty(), noticed, "{text}");
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("src"), &mut files);
    assert!(files.len() > 100, "the sources were not found");
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let all = files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap()));
    // The sandbox, the demo and the failpoints know made-up people only.
    let made_up = |file: &str| ["src/sandbox", "src/demo", "src/chaos"].iter().any(|part| file.starts_with(part));
    all.filter(|(file, _)| !made_up(file)).collect()
}

fn walk(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
            files.push(path);
        }
    }
}

/// Raw texts that a derived `Debug` of this file would show.
fn shown(file: &str, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut found = Vec::new();
    items(file, &tokens.into_iter().collect::<Vec<_>>(), &mut found);
    found
}

fn items(file: &str, tokens: &[TokenTree], found: &mut Vec<String>) {
    let mut debug = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let attribute = group.stream().to_string().replace(' ', "");
                if attribute == "cfg(test)" {
                    // Tests stand last in a file.
                    return;
                }
                debug |= attribute.starts_with("derive(") && attribute.contains("Debug");
            }
            TokenTree::Ident(word) if *word == "struct" || *word == "enum" => {
                let name = tokens.get(at + 1).map(ToString::to_string).unwrap_or_default();
                if std::mem::take(&mut debug)
                    && let Some(body) = body(&tokens[at + 2..])
                {
                    fields(file, &name, body, found);
                }
            }
            TokenTree::Ident(word) if *word == "fn" || *word == "impl" => debug = false,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                items(file, &group.stream().into_iter().collect::<Vec<_>>(), found);
            }
            _ => {}
        }
    }
}

/// The fields of a type: its first group, unless it has none.
fn body(tokens: &[TokenTree]) -> Option<&Group> {
    let ends = |token: &&TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ';');
    let rest = tokens.iter().take_while(|token| !ends(token));
    rest.filter_map(|token| if let TokenTree::Group(g) = token { Some(g) } else { None }).next()
}

/// The name before each type, or the variant, or the number of a field without a name.
fn fields(file: &str, of: &str, body: &Group, found: &mut Vec<String>) {
    let mut field = if body.delimiter() == Delimiter::Parenthesis { "0".to_owned() } else { String::new() };
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        match token {
            TokenTree::Ident(word) if names(word.to_string().as_str(), &tokens, at, next) => field = word.to_string(),
            TokenTree::Ident(word) if RAW.contains(&word.to_string().as_str()) => note(file, of, &field, found),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => fields(file, of, group, found),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis && field != "pub" => {
                let inside = group.stream().into_iter();
                if inside.filter(|t| RAW.contains(&t.to_string().as_str())).count() > 0 {
                    note(file, of, &field, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether this word is the name of a field (one colon follows) or of a variant (a group of fields follows).
fn names(word: &str, tokens: &[TokenTree], at: usize, next: Option<&TokenTree>) -> bool {
    let colon = |t: Option<&TokenTree>| matches!(t, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let inside_path = at > 0 && colon(tokens.get(at - 1)) && at > 1 && colon(tokens.get(at - 2));
    let field = colon(next) && !colon(tokens.get(at + 2)) && !inside_path;
    let variant = matches!(next, Some(TokenTree::Group(g)) if g.delimiter() != Delimiter::Bracket) && word != "pub";
    field || variant
}

fn note(file: &str, of: &str, field: &str, found: &mut Vec<String>) {
    let own = OWN_WORDS
        .iter()
        .any(|(f, t, n)| file.starts_with(f) && (t.is_empty() || *t == of) && (n.is_empty() || *n == field));
    let harmless = HARMLESS.contains(&field);
    if !own && !harmless {
        found.push(format!("{file}: {of}.{field}"));
    }
}
