//! The empty call and the reads, each beside its floor in every round.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::Outcome;
use crate::calls::{CONNECTIONS, Caller, client_id, id_sql, kkt_id};
use crate::data::Loaded;
use crate::report::{Report, Row};
use crate::rounds::{Plan, composed, empty, empty_ours};
use crate::stage::{Partner, Server, Stage};

/// A call is made so often while its statements are noted: what the server's worker asks meanwhile is not asked as often.
const TIMES: u64 = 10;
/// How often statements are looked at again: each connection parses them once.
const AGAIN: usize = 10;

/// A read: the call, and what pgbench does in its place.
struct Read {
    row: Row,
    call: Call,
    script: String,
}

#[derive(Clone, Copy)]
enum Call {
    Client,
    Clients,
    Kkt,
    Kkts,
}

/// Measures them, on what is loaded.
pub async fn measure(
    on: (&Stage, &Server),
    partner: &Partner,
    caller: &Caller,
    loaded: Loaded,
    plan: Plan,
    report: &mut Report,
) -> Outcome<()> {
    let (stage, server) = on;
    let mut reads = Vec::new();
    for (call, name) in [
        (Call::Client, "ClientService.Get"),
        (Call::Kkt, "KktService.Get with history"),
        (Call::Clients, "ClientService.List of 20"),
        (Call::Kkts, "KktService.List of 20"),
    ] {
        let script = script(stage, partner, caller, call, loaded).await?;
        reads.push(Read { row: Row::new(name, 0.75), call, script });
    }
    let (mut layers, mut refused) =
        (Row::new("empty call (health)", 0.7), Row::new("authenticated, refused at its fields", 0.0));
    let numbers = Arc::new(AtomicU64::new(0));
    for round in 1..=plan.rounds {
        println!("reads, round {round} of {}", plan.rounds);
        let bare = empty(&stage.floor, crate::floor::EMPTY, plan).await?;
        let health = caller_of_health(server)?;
        layers.ours(on, plan, &numbers, health).await?;
        layers.over(bare);
        refused.ours(on, plan, &numbers, refusing(caller)).await?;
        refused.over(bare);
        for read in &mut reads {
            let call = calling(caller, read.call, loaded);
            read.row.ours(on, plan, &numbers, call).await?;
            let empty = empty_ours(server, plan).await?;
            let pgbench = stage.pg.pgbench(&read.script, plan.time)?;
            read.row.over(composed(&[(1.0, empty), (1.0, pgbench)]));
        }
        counted(stage, loaded)?;
    }
    report.rows.extend([layers, refused].into_iter().chain(reads.into_iter().map(|read| read.row)));
    Ok(())
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

fn caller_of_health(server: &Server) -> Outcome<impl Fn(u64) -> Answer + Clone + Send + 'static> {
    let channels = Arc::new(server.channels(CONNECTIONS)?);
    Ok(move |n: u64| -> Answer {
        let channel = channels[n as usize % channels.len()].clone();
        Box::pin(async move {
            let health = crate::floor::unary::<_, crate::floor::Status1>(
                channel,
                crate::stage::HEALTH,
                crate::floor::Nothing {},
            );
            if health.await?.status == 1 { Ok(()) } else { Err("not serving".to_owned()) }
        })
    })
}

fn refusing(caller: &Caller) -> impl Fn(u64) -> Answer + Clone + Send + 'static {
    let caller = caller.clone();
    move |n| {
        let caller = caller.clone();
        Box::pin(async move { caller.refused(n).await })
    }
}

fn calling(caller: &Caller, call: Call, loaded: Loaded) -> impl Fn(u64) -> Answer + Clone + Send + 'static {
    let caller = caller.clone();
    move |n| {
        let caller = caller.clone();
        // Scattered over all rows.
        let row = n.wrapping_mul(7_919) % loaded.rows + 1;
        Box::pin(async move {
            match call {
                Call::Client => caller.get_client(n, client_id(row)).await,
                Call::Kkt => caller.get_kkt(n, kkt_id(row), loaded.lines).await,
                Call::Clients => caller.list_clients(n).await,
                Call::Kkts => caller.list_kkts(n).await,
            }
        })
    }
}

/// The statements that one call causes, with values that pgbench draws.
async fn script(stage: &Stage, partner: &Partner, caller: &Caller, call: Call, loaded: Loaded) -> Outcome<String> {
    let own = format!("'{}'", partner.id);
    let (clients, kkts) = (id_sql("0190a000", ":n"), id_sql("0190b000", ":n"));
    let values: &[&str] = match call {
        Call::Client => &[&own, &clients, "1"],
        Call::Kkt => &[&own, &kkts],
        Call::Clients | Call::Kkts => &[&own, "21"],
    };
    let one_more = format!("${}", values.len() + 1);
    let mut statements = asked(stage, caller, call, loaded).await?;
    for _ in 0..AGAIN {
        // A connection that had not prepared a statement parses it, and then its text has a place for each constant too.
        if statements.iter().any(|statement| statement.contains(&one_more)) {
            statements = asked(stage, caller, call, loaded).await?;
        }
    }
    let mut script = format!("\\set n random(1, {})\n", loaded.rows);
    for statement in statements {
        script.push_str(&filled(&statement, values)?);
        script.push_str(";\n");
    }
    if script.contains("SELECT") { Ok(script) } else { Err("the call has asked the database nothing".into()) }
}

/// What the database keeps of the statements of one call.
async fn asked(stage: &Stage, caller: &Caller, call: Call, loaded: Loaded) -> Outcome<Vec<String>> {
    calling(caller, call, loaded)(0).await?;
    stage.pg.sql("SELECT pg_stat_statements_reset()")?;
    for n in 1..=TIMES {
        calling(caller, call, loaded)(n).await?;
    }
    stage.pg.statements("SELECT", TIMES)
}

fn filled(statement: &str, values: &[&str]) -> Outcome<String> {
    let places = values.iter().enumerate().rev();
    let text = places.fold(statement.to_owned(), |text, (i, value)| text.replace(&format!("${}", i + 1), value));
    if text.contains('$') { Err(format!("a value is missing: {text}").into()) } else { Ok(text) }
}

/// Reads change nothing: what was loaded is there, and no more.
fn counted(stage: &Stage, loaded: Loaded) -> Outcome<()> {
    for table in ["client", "kkt"] {
        let found = stage.pg.number(&format!("SELECT count(*) FROM {table}"))?;
        if found != loaded.rows as i64 + 1 {
            return Err(format!("{found} rows in {table}, not {}", loaded.rows + 1).into());
        }
    }
    Ok(())
}
