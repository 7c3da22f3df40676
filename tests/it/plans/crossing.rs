//! What crosses partners, function by function, and what stands in its statement: so that each is known to have been asked. Of what does not
//! cross, `scripts/plans.sh` sees that each condition on the partner has been met.

use std::path::Path;

use super::asked::Asked;

/// The files whose functions ask tables that may be large.
const FILES: [&str; 6] = [
    "crossing.rs",
    "crossing/erasure.rs",
    "crossing/fleet.rs",
    "crossing/operations.rs",
    "crossing/support.rs",
    "crossing/work.rs",
];
/// Ask nothing themselves, or only tables that stay small.
const FREE: [&str; 9] = ["now_ms", "run", "last", "of_client", "add", "all", "partner_name", "free", "read"];
const ASKED: [(&str, &str); 22] = [
    ("kkt_is_held", r#"FROM "kkt" WHERE ("kkt"."held" = $1 AND ("kkt"."model" = $2 AND "kkt"."serial_key" = $3)) OR"#),
    ("hold", r#"FROM "client" WHERE "client"."id" = $1 LIMIT $2 FOR UPDATE"#),
    ("hold", r#"FROM "effect" WHERE "effect"."kkt_id" IN ($1) AND "effect"."state" ="#),
    ("empty", "UPDATE client SET inn = ''"),
    ("abandoned", r#""client"."updated_ms" < $2 ORDER BY "client"."updated_ms""#),
    ("drop_requests", "DELETE FROM request WHERE length(fingerprint) > 0 AND ctid = ANY (ARRAY("),
    ("drop_documents", "DELETE FROM document WHERE id IN ("),
    ("held", r#"FROM "kkt" WHERE ("kkt"."held" = $1 OR "kkt"."fn_held" = $2) AND"#),
    ("to_hire", r#"NOT EXISTS(SELECT $"#),
    ("open_sql", "min(since_ms) AS oldest_ms"),
    ("pending", "SELECT count(*) AS open FROM client"),
    ("kkts", r#""kkt"."erased_ms" IS NOT NULL AND ("#),
    ("document", r#"FROM "document" WHERE "document"."id" = $1"#),
    ("audit", r#"FROM "audit" WHERE "audit"."partner_id" = $1"#),
    ("clients", r#"FROM "client" WHERE TRUE ORDER BY "client"."created_ms" DESC"#),
    ("client", r#"FROM "client" WHERE "client"."id" = $1 AND "client"."erased_ms" IS NULL LIMIT"#),
    ("unclear_commands", r#"FROM "effect" WHERE "effect"."state" = $1 AND "effect"."step" IN ($"#),
    ("wake_stopped", r#"UPDATE "kkt" SET "due_ms" = CAST"#),
    ("untried", r#""kkt"."created_ms" <= $"#),
    ("claim_due_kkt", "UPDATE kkt SET lease_until_ms = "),
    ("waiting_partners", "SELECT p.id FROM partner p"),
    ("claim_due_clients", "UPDATE client SET lease_until_ms = "),
];

/// Functions of these files of which it is not known what they ask.
fn unknown() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage");
    let texts = FILES.map(|file| std::fs::read_to_string(folder.join(file)).unwrap());
    let code = texts.iter().flat_map(|text| text.split("#[cfg(test)]").next());
    let heads = code.flat_map(|text| text.split("async fn ").skip(1));
    let names = heads.filter_map(|head| head.split(['<', '(']).next().map(str::to_owned));
    let known = |name: &str| FREE.contains(&name) || ASKED.iter().any(|(of, _)| *of == name);
    names.filter(|name| !known(name)).collect()
}

/// Those of which nobody asked anything.
pub fn missing(asked: &[Asked]) -> Vec<&'static str> {
    let met = |part: &str| asked.iter().any(|one| one.text.contains(part));
    ASKED.iter().filter(|(_, part)| !met(part)).map(|(function, _)| *function).collect()
}

#[test]
fn what_crosses_partners_is_known_by_its_statement() {
    assert_eq!(unknown(), Vec::<String>::new());
}
