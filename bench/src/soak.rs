//! The same work for a long time: the memory must not grow.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;

use crate::calls::{CONNECTIONS, Caller, client_id, kkt_id, order, register};
use crate::report::Figures;
use crate::stage::{Server, Stage};
use crate::writes::Numbers;
use crate::{Outcome, data, load, machine, taken};

/// Calls a second, of all kinds together.
const RATE: f64 = 200.0;
/// Rows that are read.
const ROWS: u64 = 2_000;

/// Runs for so long; the first fifth is for caches to fill.
pub async fn run(binary: &Path, time: Duration) -> Outcome<()> {
    let stage = Stage::set(binary, Duration::ZERO)?;
    // Caches have ends; here one that is reached soon.
    let server = stage
        .serve(&[("LITEBOX_GATEWAYS_TAXPAYERS_CACHE_ENTRIES", "500"), ("LITEBOX_WORKER_FNS_POLL_MS", "100")])
        .await?;
    let partner = stage.partner("soak")?;
    let caller = Caller::new(&partner, &server.channels(CONNECTIONS)?);
    let loaded = data::load(&stage, "soak", &caller, ROWS).await?;
    let (numbers, call) = (Numbers::new(), caller.clone());
    let begun = (numbers.inns.load(Relaxed), numbers.orders.load(Relaxed));
    let (inns, orders) = (Arc::clone(&numbers.inns), Arc::clone(&numbers.orders));
    let repeats = Arc::new(AtomicU64::new(0));
    let repeated = Arc::clone(&repeats);
    let mixed = move |n: u64| {
        let (caller, row, repeated) = (call.clone(), n % ROWS + 1, Arc::clone(&repeated));
        let next = |of: &AtomicU64| of.fetch_add(1, Relaxed);
        let one = match n % 20 {
            0 => One::Register(Box::new(register(next(&inns)))),
            1 => One::Order(Box::new(order(&client_id(row), None, next(&orders)))),
            2 => One::Clients,
            3 => One::Kkts,
            4..=11 => One::Client(row),
            _ => One::Kkt(row, loaded.lines),
        };
        async move {
            match one.call(&caller, n).await {
                // The connection has come of age before the call was sent. The client library has two codes for that, and no
                // reason; whatever the server tells has one.
                Err(told) if ["Cancelled ", "Internal "].contains(&told.as_str()) => {
                    repeated.fetch_add(1, Relaxed);
                    one.call(&caller, n + 1).await
                }
                other => other,
            }
        }
    };
    let (all, watching) = (Arc::default(), watch(&server, time));
    let (tally, samples) = tokio::join!(load::open(RATE, (Duration::ZERO, time), &all, mixed), watching);
    println!("{}; {} calls a second for {} s", taken(), RATE, time.as_secs());
    println!("{} good calls, {} of them sent a second time", tally.good, repeats.load(Relaxed));
    let flat = flat(&samples);
    tally.all_good("soak")?;
    let made = [("client", &numbers.inns, begun.0), ("kkt", &numbers.orders, begun.1)];
    for (table, next, begun) in made {
        let (sent, found) = (next.load(Relaxed) - begun, stage.pg.number(&format!("SELECT count(*) FROM {table}"))?);
        if found as u64 != sent + ROWS + 1 {
            return Err(format!("{sent} were made, and {found} rows are in {table}").into());
        }
    }
    flat
}

/// A call that can be repeated as it is.
enum One {
    Register(Box<cl::RegisterRequest>),
    Order(Box<pb::QuickRegisterRequest>),
    Clients,
    Kkts,
    Client(u64),
    Kkt(u64, usize),
}

impl One {
    async fn call(&self, caller: &Caller, n: u64) -> Result<(), String> {
        match self {
            Self::Register(request) => caller.register(n, (**request).clone()).await.map(drop),
            Self::Order(request) => caller.quick_register(n, (**request).clone()).await.map(drop),
            Self::Clients => caller.list_clients(n).await,
            Self::Kkts => caller.list_kkts(n).await,
            Self::Client(row) => caller.get_client(n, client_id(*row)).await,
            Self::Kkt(row, lines) => caller.get_kkt(n, kkt_id(*row), *lines).await,
        }
    }
}

async fn watch(server: &Server, time: Duration) -> Vec<f64> {
    let (begun, mut samples) = (Instant::now(), Vec::new());
    let pause = (time / 200).max(Duration::from_millis(250));
    while begun.elapsed() < time {
        tokio::time::sleep(pause).await;
        samples.push(machine::memory(server.pid()));
    }
    samples
}

fn flat(samples: &[f64]) -> Outcome<()> {
    let tenth = (samples.len() / 10).max(1);
    let early = Figures(samples.iter().skip(2 * tenth).take(tenth).copied().collect());
    let late = Figures(samples.iter().rev().take(tenth).copied().collect());
    let growth = (late.median() / early.median() - 1.0) * 100.0;
    let tenths: Vec<String> =
        samples.chunks(tenth).map(|part| format!("{:.1}", Figures(part.to_vec()).median())).collect();
    println!("memory by tenths of the time, MiB: {}", tenths.join(" "));
    println!("from {:.1} to {:.1} MiB: {growth:+.1} %", early.median(), late.median());
    if growth <= 5.0 { Ok(()) } else { Err("the memory grows".into()) }
}
