//! Many registrations that wait for FNS: what they cost while nothing is due, and how fast they go on when many are due at once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::calls::{CONNECTIONS, Caller, id_sql, order, register};
use crate::machine::Spent;
use crate::report::{Figures, Report};
use crate::rounds::Plan;
use crate::stage::{Server, Stage};
use crate::writes::settled;
use crate::{Outcome, machine};

/// Longer than the run takes.
const LONG_MS: &str = "3600000";
/// Of all that wait, so many can go on: FNS knows them.
const KNOWN: u64 = 10;
/// These.
const KNOWN_ONES: &str = "serial_key NOT LIKE 'copy%'";

/// `waiting` registrations, a tenth of which will be due at once.
pub async fn measure(binary: &Path, waiting: u64, plan: Plan, report: &mut Report) -> Outcome<()> {
    let stage = Stage::set(binary, Duration::from_secs(3_600))?;
    let settings = [("LITEBOX_WORKER_FNS_POLL_MS", LONG_MS), ("LITEBOX_WORKER_FNS_POLL_LIMIT_MS", LONG_MS)];
    let server = stage.serve(&settings).await?;
    let caller = Caller::new(&stage.partner("waiting")?, &server.channels(CONNECTIONS)?);
    let known = waiting / KNOWN;
    make(&caller, known).await?;
    settled(&stage).await?;
    copy(&stage, waiting - known)?;
    drop(server);
    let server = stage.serve(&settings).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (pid, database, time) = (server.pid(), stage.pg.pid(), plan.time * 5);
    let before = (machine::cpu(pid), machine::cpu_of_family(database));
    tokio::time::sleep(time).await;
    let share = |from: f64, to: f64| (to - from) / time.as_secs_f64() * 100.0;
    let own = share(before.0, machine::cpu(pid));
    let load = share(before.1, machine::cpu_of_family(database));
    let memory = machine::memory(pid);
    report.fact(
        &format!("{waiting} registrations waiting: memory, MiB"),
        format!("{memory:.1}"),
        "100 at most",
        Some(memory <= 100.0),
    );
    let shown = format!("database {load:.1} %, server {own:.1} %");
    report.fact(
        &format!("{waiting} registrations waiting, none due: share of a core"),
        shown,
        "database 5 % at most",
        Some(load <= 5.0),
    );
    drain((&stage, &server), known, plan, report).await
}

async fn make(caller: &Caller, count: u64) -> Outcome<()> {
    let client = caller.register(0, register(9_000_000)).await?;
    let (numbers, mut all) = (Arc::new(AtomicU64::new(0)), tokio::task::JoinSet::new());
    for _ in 0..32 {
        let (caller, client, numbers) = (caller.clone(), client.clone(), Arc::clone(&numbers));
        all.spawn(async move {
            loop {
                let n = numbers.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return Ok(());
                }
                caller.quick_register(n, order(&client, None, 1_000 + n)).await?;
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done?.map_err(|told: String| told)?;
    }
    Ok(())
}

/// Copies one that waits.
fn copy(stage: &Stage, count: u64) -> Outcome<()> {
    let other = [
        ("id", id_sql("0190b000", "g")),
        ("request_id", "gen_random_uuid()".to_owned()),
        ("serial_key", "'copy' || g".to_owned()),
        ("fn_serial", "'copy' || g".to_owned()),
        ("created_ms", "created_ms - g".to_owned()),
    ];
    let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stage.pg.copies("kkt", "t.id = (SELECT id FROM kkt WHERE state = 'AWAITING_RNM' LIMIT 1)", count, &other)?;
    let far = "UPDATE kkt SET due_ms = extract(epoch FROM clock_timestamp())::bigint * 1000 + 3600000 WHERE state = 'AWAITING_RNM'";
    stage.pg.sql(&format!("{far}; VACUUM ANALYZE; CHECKPOINT")).map(drop)
}

/// What was due at once and was drained, again and again.
#[derive(Default)]
struct Drained {
    share: Figures,
    rate: Figures,
    floor: Figures,
    /// Milliseconds until the first was looked at: the worker asks once a second what is due.
    first: Figures,
    commits: Figures,
    idle: Figures,
    spent: Vec<Spent>,
}

async fn drain((stage, server): (&Stage, &Server), known: u64, plan: Plan, report: &mut Report) -> Outcome<()> {
    let mut all = Drained::default();
    for _ in 0..plan.rounds {
        once((stage, server), known, plan, &mut all).await?;
    }
    let shown = format!(
        "{} ({} and {} a second; the first after {} ms; {} commits each; server, database, sandbox, load {} µs each; the processors {} % idle)",
        all.share.shown(2),
        all.rate.shown(0),
        all.floor.shown(0),
        all.first.shown(0),
        all.commits.shown(2),
        Spent::median(&all.spent).shown(),
        all.idle.shown(0)
    );
    report.fact(
        &format!("{known} due at once, drained: share of pgbench with the same commits"),
        shown,
        "0.7 at least",
        Some(all.share.median() >= 0.7),
    );
    Ok(())
}

async fn once((stage, server): (&Stage, &Server), known: u64, plan: Plan, all: &mut Drained) -> Outcome<()> {
    const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let looked = "SELECT coalesce(sum(attempts), 0) FROM kkt";
    let (attempts, writes) = (stage.pg.number(looked)?, stage.pg.writes()?);
    stage.pg.sql(&format!("UPDATE kkt SET due_ms = 0 WHERE {KNOWN_ONES}"))?;
    let (begun_ms, spent) = (stage.pg.number(NOW)?, stage.spent(server));
    all.idle.0.extend(emptied(stage, known).await?);
    all.spent.push(stage.spent(server).each(&spent, known));
    // Each was put off for the same time when it had been looked at.
    let at = |which: &str| stage.pg.number(&format!("SELECT {which}(due_ms) - {LONG_MS} FROM kkt WHERE {KNOWN_ONES}"));
    let (first, last) = (at("min")?, at("max")?);
    let commits = (stage.pg.writes()? - writes - 1) as f64 / known as f64;
    // Each was looked at: nothing was put off without.
    let looks = stage.pg.number(looked)? - attempts;
    if looks < known as i64 {
        return Err(format!("{looks} looks at {known} registrations").into());
    }
    // The first of them ends the time of nobody.
    let rate = (known - 1) as f64 * 1e3 / (last - first) as f64;
    if !rate.is_finite() {
        return Err("too few were due to tell how fast they went".into());
    }
    let floor = stage.pg.pgbench(&script(stage, commits)?, plan.time)?;
    println!("  {known} drained at {rate:.0} a second, floor {floor:.0}, ratio {:.2}", rate / floor);
    all.share.0.push(rate / floor);
    all.rate.0.push(rate);
    all.floor.0.push(floor);
    all.first.0.push((first - begun_ms) as f64);
    all.commits.0.push(commits);
    Ok(())
}

/// Waits until nothing is due; how much of the processors was not used since the first look, in percent, unless it was too short to tell.
async fn emptied(stage: &Stage, known: u64) -> Outcome<Option<f64>> {
    const REST: &str = "SELECT count(*) FROM kkt WHERE due_ms <= extract(epoch FROM clock_timestamp()) * 1000";
    let (mut unused, mut since, give_up) = (None, None, Instant::now() + Duration::from_secs(300));
    loop {
        let rest = stage.pg.number(REST)?;
        match since {
            _ if rest == 0 => return Ok(unused),
            None if rest < known as i64 => since = Some((Instant::now(), machine::idle())),
            None => {}
            Some((at, idle)) => {
                unused = Some((machine::idle() - idle) / at.elapsed().as_secs_f64() / machine::cores() * 100.0);
            }
        }
        if Instant::now() > give_up {
            return Err("what was due is not drained".into());
        }
        // Each look costs a connection, which takes time from what is measured.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The writes of one look, as pgbench does them: one of so many looks takes all of them first, and each puts its row off.
fn script(stage: &Stage, commits: f64) -> Outcome<String> {
    let rows = stage.pg.number("SELECT count(*) FROM kkt WHERE serial_key LIKE 'copy%'")?;
    let (id, taken) = (id_sql("0190b000", ":n"), (1.0 / (commits - 1.0).max(0.01)).round());
    Ok(format!(
        "\\set n random(1, {rows})\n\\set first random(1, {taken})\n\\if :first = 1\n\
         BEGIN;\nUPDATE kkt SET lease_until_ms = lease_until_ms + 2, fence = fence + 1, attempts = attempts + 1 WHERE id IN \
         (SELECT id FROM kkt WHERE id >= {id} ORDER BY id LIMIT {taken} FOR UPDATE SKIP LOCKED) RETURNING *;\nCOMMIT;\n\\endif\n\
         BEGIN;\nUPDATE kkt SET due_ms = due_ms + 1, failures = 0, lease_until_ms = 0 WHERE id = {id};\nCOMMIT;\n"
    ))
}
