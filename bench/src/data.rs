//! What is in the database before reads are measured: one client and one registration made through the front door, and copies.

use std::time::{Duration, Instant};

use litebox_partner::pb::kkt as pb;

use crate::Outcome;
use crate::calls::{Caller, id_sql, order, register};
use crate::stage::Stage;

/// Lines of history that a registration has in the end.
#[derive(Clone, Copy)]
pub struct Loaded {
    /// Clients, and registrations: one each.
    pub rows: u64,
    /// Lines of history of each registration.
    pub lines: usize,
}

/// Takes one registration all the way through the front door, then copies it and its client.
pub async fn load(stage: &Stage, partner: &str, caller: &Caller, rows: u64) -> Outcome<Loaded> {
    let client = caller.register(0, register(9_000_000)).await?;
    let device = stage.device(partner, "kkt-900000")?;
    let serial = 900_000 / 10_000 * 9_500;
    let kkt = caller.quick_register(0, order(&client, Some(&device), serial)).await?;
    let lines = registered(caller, &kkt).await?;
    copy_clients(stage, &client, rows)?;
    copy_kkts(stage, &kkt, rows)?;
    copy_requests(stage, &client, rows, &id_sql("0190a000", "g"))?;
    copy_requests(stage, &kkt, rows, &id_sql("0190b000", "g"))?;
    stage.pg.sql("VACUUM ANALYZE; CHECKPOINT")?;
    Ok(Loaded { rows, lines })
}

async fn registered(caller: &Caller, kkt_id: &str) -> Outcome<usize> {
    let give_up = Instant::now() + Duration::from_secs(90);
    loop {
        let answer = caller.kkts(0).get(pb::GetRequest { kkt_id: kkt_id.to_owned() }).await?.into_inner();
        let kkt = answer.kkt.ok_or("no registration")?;
        if kkt.state() == pb::KktState::Registered {
            return Ok(kkt.history.len());
        }
        if Instant::now() > give_up {
            return Err(format!("the registration hangs: {:?} {:?}", kkt.state(), kkt.blocked).into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The tax number of the company that is copy number `g` of one.
pub fn inn_sql(g: &str) -> String {
    let nine = format!("'77' || lpad((1000000 + {g})::text, 7, '0')");
    let digit = |place: usize, weight: u32| format!("substr({nine}, {place}, 1)::int * {weight}");
    let weights = [2, 4, 10, 3, 5, 9, 4, 6, 8];
    let sum: Vec<String> = weights.iter().enumerate().map(|(i, weight)| digit(i + 1, *weight)).collect();
    format!("({nine}) || (({}) % 11 % 10)::text", sum.join(" + "))
}

/// Companies 1,000,000 and on.
fn copy_clients(stage: &Stage, id: &str, rows: u64) -> Outcome<()> {
    let other = [
        ("id", id_sql("0190a000", "g")),
        ("inn", inn_sql("g")),
        ("login", "'copy' || g || '@example.ru'".to_owned()),
        ("company", "company || ' ' || g".to_owned()),
        ("created_ms", "created_ms - g".to_owned()),
    ];
    let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stage.pg.copies("client", &format!("t.id = '{id}'"), rows, &other)
}

fn copy_kkts(stage: &Stage, id: &str, rows: u64) -> Outcome<()> {
    let (kkt, client) = (id_sql("0190b000", "g"), id_sql("0190a000", "g"));
    let other = [
        ("id", kkt.as_str()),
        ("client_id", &client),
        ("request_id", "gen_random_uuid()"),
        ("serial_key", "'copy' || g"),
        ("fn_serial", "'copy' || g"),
        ("created_ms", "created_ms - g"),
    ];
    stage.pg.copies("kkt", &format!("t.id = '{id}'"), rows, &other)?;
    let (own, new_id) = (format!("t.kkt_id = '{id}'"), ("id", "gen_random_uuid()"));
    stage.pg.copies("kkt_history", &own, rows, &[("kkt_id", &kkt)])?;
    stage.pg.copies("effect", &own, rows, &[("kkt_id", &kkt), new_id])
}

/// The calls that stand for them. A table that is all but empty when PostgreSQL looks at it is read whole by every statement
/// that was planned then.
fn copy_requests(stage: &Stage, of: &str, rows: u64, resource: &str) -> Outcome<()> {
    let other = [("request_id", "gen_random_uuid()"), ("resource_id", resource)];
    stage.pg.copies("request", &format!("t.resource_id = '{of}'"), rows, &other)
}
