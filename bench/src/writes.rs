//! Register and QuickRegister, each beside what it stands on: an empty call, the same number of commits, the same outer calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tonic::transport::Channel;

use crate::calls::{CONNECTIONS, Caller, client_id, inn, order, register};
use crate::floor::{Http, outer_calls};
use crate::report::{Figures, Report, Row};
use crate::rounds::{Plan, composed, empty_ours};
use crate::stage::{Server, Stage, channel};
use crate::{Outcome, load};

/// Shops that order cash registers, of those that were loaded.
const SHOPS: u64 = 100;

/// What numbers the new clients and registrations.
#[derive(Clone)]
pub struct Numbers {
    pub inns: Arc<AtomicU64>,
    pub orders: Arc<AtomicU64>,
    floor: Arc<AtomicU64>,
}

impl Numbers {
    /// Beyond those of what was loaded.
    pub fn new() -> Self {
        let from = |n| Arc::new(AtomicU64::new(n));
        Self { inns: from(2_000_000), orders: from(1_000), floor: from(6_000_000) }
    }
}

/// Measures both, and leaves nothing under way.
pub async fn measure(
    on: (&Stage, &Server),
    caller: &Caller,
    numbers: &Numbers,
    plan: Plan,
    report: &mut Report,
) -> Outcome<()> {
    let (stage, server) = on;
    let script = commit_script(stage)?;
    let (mut registers, mut orders) =
        (Row::new("Register", 0.8), Row::new("QuickRegister, until the worker has done its part", 0.8));
    let begun = (active(stage)?, kkts(stage)?);
    let commits = commits_of_register(stage, caller, numbers).await?;
    let outer = outer_calls_of_order(on, caller, numbers).await?;
    let mut made = (CALIBRATION, CALIBRATION);
    let [mut per_order, mut commit, mut sequence, mut question] = [const { Figures(Vec::new()) }; 4];
    for round in 1..=plan.rounds {
        println!("writes, round {round} of {}", plan.rounds);
        made.0 += registers.ours(on, plan, &numbers.inns, registering(caller)).await?;
        let empty = empty_ours(server, plan).await?;
        let pgbench = stage.pg.pgbench(&script, plan.time)?;
        let gateways = gateway_rate(stage, numbers, plan).await?;
        registers.over(composed(&[(1.0, empty), (commits, pgbench), (1.0, gateways.sequence)]));
        let before = stage.pg.writes()?;
        let good =
            orders.ours_until(on, plan, &numbers.orders, ordering(caller), async || at_rest(stage).await).await?;
        let commits = (stage.pg.writes()? - before) as f64 / good as f64;
        made.1 += good;
        orders.over(composed(&[(1.0, empty), (commits, pgbench), (outer.calls, gateways.questions)]));
        per_order.0.push(commits);
        commit.0.push(pgbench);
        sequence.0.push(gateways.sequence);
        question.0.push(gateways.questions);
        let found = (active(stage)? - begun.0, kkts(stage)? - begun.1);
        if found != (made.0 as i64, made.1 as i64) {
            return Err(format!("{made:?} were made, and {found:?} are there").into());
        }
    }
    report.fact("commits of a Register", format!("{commits:.2}"), "", None);
    report.fact(
        "commits, and outer calls, of an order until it waits for Fiscalize",
        format!("{}, {:.1}", per_order.shown(1), outer.calls),
        "",
        None,
    );
    report.fact(
        "of an order: statements that the database carries out, µs, without their commits",
        outer.statements,
        "",
        None,
    );
    report.fact(
        "of the floors: commits a second in pgbench, outer calls of a Register in sequence, single questions",
        [commit, sequence, question].map(|rate| rate.shown(0)).join("; "),
        "",
        None,
    );
    report.rows.extend([registers, orders]);
    Ok(())
}

/// Calls by which it is counted what one causes.
const CALIBRATION: u64 = 20;

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

pub fn registering(caller: &Caller) -> impl Fn(u64) -> Answer + Clone + Send + 'static {
    let caller = caller.clone();
    move |n| {
        let caller = caller.clone();
        Box::pin(async move { caller.register(n, register(n)).await.map(drop) })
    }
}

fn ordering(caller: &Caller) -> impl Fn(u64) -> Answer + Clone + Send + 'static {
    let caller = caller.clone();
    move |n| {
        let caller = caller.clone();
        Box::pin(async move { caller.quick_register(n, order(&client_id(n % SHOPS + 1), None, n)).await.map(drop) })
    }
}

async fn commits_of_register(stage: &Stage, caller: &Caller, numbers: &Numbers) -> Outcome<f64> {
    let before = stage.pg.writes()?;
    for _ in 0..CALIBRATION {
        registering(caller)(numbers.inns.fetch_add(1, Ordering::Relaxed)).await?;
    }
    Ok((stage.pg.writes()? - before) as f64 / CALIBRATION as f64)
}

struct Outer {
    calls: f64,
    /// What they are, and what the longest of them take.
    statements: String,
}

/// What one order causes until it waits for somebody.
async fn outer_calls_of_order((stage, _): (&Stage, &Server), caller: &Caller, numbers: &Numbers) -> Outcome<Outer> {
    let http = Http::new(&stage.sandbox.http);
    let before = asked(&http, 0).await?.1;
    stage.pg.sql("SELECT pg_stat_statements_reset()")?;
    for _ in 0..CALIBRATION {
        ordering(caller)(numbers.orders.fetch_add(1, Ordering::Relaxed)).await?;
    }
    at_rest(stage).await?;
    let statements = statements(stage)?;
    Ok(Outer { calls: asked(&http, before).await?.0 as f64 / CALIBRATION as f64, statements })
}

/// The statements of an order that take the database longest, and all of them.
fn statements(stage: &Stage) -> Outcome<String> {
    let own = format!(
        "SELECT regexp_replace(regexp_replace(query, '\\s+', ' ', 'g'), '[\"|]', '', 'g') AS what, \
         sum(calls) / {CALIBRATION}.0 AS times, sum(total_exec_time) * 1000 / {CALIBRATION} AS us FROM pg_stat_statements \
         WHERE calls >= {CALIBRATION} AND query !~ 'pg_|xmax|due_ms <=' GROUP BY 1"
    );
    let kind = "CASE WHEN what ~ '^INSERT' THEN substring(what, '^INSERT INTO \\w+') WHEN what ~ '^UPDATE' THEN substring(what, '^UPDATE \\w+') \
                WHEN what ~ '^SELECT' THEN 'SELECT' || coalesce(substring(what, ' FROM \\w+'), '') ELSE split_part(what, ' ', 1) END";
    let sums =
        format!("SELECT {kind} AS kind, sum(times) AS times, sum(us) AS us FROM ({own}) o GROUP BY 1 ORDER BY 3 DESC");
    stage.pg.sql(&format!(
        "SELECT round(sum(us)) || ' in ' || round(sum(times)) || ' statements: ' || \
         string_agg(kind || ' ' || round(us) || ' (' || round(times, 1) || ')', ', ') FILTER (WHERE us >= 15) FROM ({sums}) s"
    ))
}

/// Waits until each waits for Fiscalize; when the last one came there, Unix milliseconds.
pub async fn at_rest(stage: &Stage) -> Outcome<f64> {
    none(stage, "SELECT count(*) FROM kkt WHERE due_ms IS NOT NULL").await?;
    // What was loaded has been registered.
    const OTHER: &str =
        "SELECT count(*) FROM kkt WHERE state NOT IN ('READY_TO_FISCALIZE', 'REGISTERED') OR waiting_for = 'OPERATOR'";
    let other = stage.pg.number(OTHER)?;
    if other > 0 {
        return Err(format!("{other} orders have ended otherwise").into());
    }
    Ok(stage.pg.number("SELECT max(changed_ms) FROM kkt")? as f64)
}

/// How many commands and questions the sandbox has had after entry `after`, and its last entry.
async fn asked(http: &Http, after: u64) -> Outcome<(u64, u64)> {
    let text = http.get(&format!("/sandbox/ledger?after={after}")).await?;
    let shown: serde_json::Value = serde_json::from_str(&text)?;
    let entries = shown["entries"].as_array().ok_or("no entries")?;
    let asked = entries.iter().filter(|entry| entry["kind"] == "command" || entry["kind"] == "question").count();
    Ok((asked as u64, entries.last().and_then(|entry| entry["seq"].as_u64()).unwrap_or(after)))
}

/// Waits until nothing is due.
pub async fn settled(stage: &Stage) -> Outcome<()> {
    none(stage, "SELECT count(*) FROM kkt WHERE due_ms <= extract(epoch FROM clock_timestamp()) * 1000").await
}

async fn none(stage: &Stage, count: &str) -> Outcome<()> {
    let give_up = Instant::now() + Duration::from_secs(300);
    while stage.pg.number(count)? > 0 {
        if Instant::now() > give_up {
            return Err("the worker does not come to an end".into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn active(stage: &Stage) -> Outcome<i64> {
    stage.pg.number("SELECT count(*) FROM client WHERE state = 'ACTIVE'")
}

fn kkts(stage: &Stage) -> Outcome<i64> {
    stage.pg.number("SELECT count(*) FROM kkt")
}

/// Begin, the insert of one client with all its indexes, commit.
pub fn commit_script(stage: &Stage) -> Outcome<String> {
    stage.pg.sql("DROP TABLE IF EXISTS floor_client; CREATE TABLE floor_client (LIKE client INCLUDING ALL)")?;
    let columns = stage.pg.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'client' ORDER BY ordinal_position",
    )?;
    let shown = |column: &str| format!("quote_nullable({column}::text)");
    let all = columns.lines().map(shown).collect::<Vec<_>>().join(" || ', ' || ");
    let row = stage.pg.sql(&format!("SELECT {all} FROM client WHERE id = '{}'", client_id(1)))?;
    let inn = stage.pg.sql(&format!("SELECT inn FROM client WHERE id = '{}'", client_id(1)))?;
    // pgbench would take what follows a colon for the name of a value.
    let row = row.replace(':', "=").replace(&format!("'{}'", client_id(1)), "gen_random_uuid()");
    let row = row.replace(&format!("'{inn}'"), "CAST(gen_random_uuid() AS text)");
    Ok(format!(
        "BEGIN;\nINSERT INTO floor_client ({}) VALUES ({row});\nCOMMIT;\n",
        columns.lines().collect::<Vec<_>>().join(", ")
    ))
}

struct Gateways {
    /// The calls of one Register, in sequence, a second.
    sequence: f64,
    /// Single questions a second.
    questions: f64,
}

async fn gateway_rate(stage: &Stage, numbers: &Numbers, plan: Plan) -> Outcome<Gateways> {
    let channels: Vec<Channel> = (0..CONNECTIONS).map(|_| channel(&stage.sandbox.grpc)).collect::<Outcome<_>>()?;
    let (http, channels) = (Arc::new(Http::new(&stage.sandbox.http)), Arc::new(channels));
    let to = Arc::clone(&channels);
    let sequence = move |n: u64| {
        let (http, channel) = (Arc::clone(&http), to[n as usize % to.len()].clone());
        async move { outer_calls(&http, channel, inn(n)).await }
    };
    let sequence = load::closed(plan.callers, plan.time, &numbers.floor, sequence).await;
    sequence.all_good("outer calls")?;
    let question = move |n: u64| {
        let channel = channels[n as usize % channels.len()].clone();
        async move { crate::floor::known(channel, inn(n)).await }
    };
    let questions = load::closed(plan.callers, plan.time.div_f64(2.0), &numbers.floor, question).await;
    questions.all_good("outer questions")?;
    Ok(Gateways { sequence: sequence.rate(), questions: questions.rate() })
}
