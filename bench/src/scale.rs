//! A whole country: four million registrations of a million clients, of which one partner has a tenth. What a page costs that
//! lies far down, and what searches cost.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;

use crate::calls::{CONNECTIONS, Caller, id_sql, inn, told};
use crate::report::{Figures, Report};
use crate::rounds::Plan;
use crate::stage::Stage;
use crate::{Outcome, data, load};

/// Registrations of each client.
const EACH: u64 = 4;
/// Every so manieth client belongs to the one partner.
const SHARE: u64 = 10;
/// Partners who have the rest.
const OTHERS: u64 = 90;
/// Entries of a page.
const PAGE: i32 = 20;
/// The page far down.
const FAR: u64 = 10_000;
/// Searches of each kind, each for something else.
const SEARCHES: u64 = 30;

/// Loads `kkts` registrations, and measures.
pub async fn measure(binary: &Path, kkts: u64, plan: Plan, report: &mut Report) -> Outcome<()> {
    let stage = Stage::set(binary, Duration::ZERO)?;
    let partner = stage.partner("large")?;
    let settings = [("LITEBOX_WORKER_FNS_POLL_MS", "100"), ("LITEBOX_WORKER_TASK_POLL_MS", "100")];
    let server = stage.serve(&settings).await?;
    data::load(&stage, "large", &Caller::new(&partner, &server.channels(1)?), 0).await?;
    drop(server);
    let begun = Instant::now();
    fill(&stage, &partner.id, kkts)?;
    let size = stage.pg.sql("SELECT pg_size_pretty(pg_database_size('postgres'))")?;
    println!("{kkts} registrations loaded in {} s", begun.elapsed().as_secs());
    report.fact(
        &format!("database of {kkts} registrations and {} clients, without their documents", kkts / EACH),
        size,
        "",
        None,
    );
    let server = stage.serve(&settings).await?;
    let caller = Caller::new(&partner, &server.channels(CONNECTIONS)?);
    pages(List::Kkts, &caller, kkts, plan, report).await?;
    pages(List::Clients, &caller, kkts / EACH, plan, report).await?;
    searches(&stage, &caller, kkts / EACH, report).await
}

/// Clients and registrations; every `SHARE`th client, and what it has, is the partner's.
fn fill(stage: &Stage, own: &str, kkts: u64) -> Outcome<()> {
    stage.pg.sql(&format!(
        "INSERT INTO partner SELECT made.* FROM (SELECT * FROM partner LIMIT 1) one, generate_series(0, {}) g, \
         jsonb_populate_record(one::partner, jsonb_build_object('id', {}, 'name', 'other' || g)) made",
        OTHERS - 1,
        id_sql("0190c000", "g")
    ))?;
    let owner = |client: &str| {
        let other = id_sql("0190c000", &format!("{client} % {OTHERS}"));
        format!("CASE WHEN {client} % {SHARE} = 0 THEN '{own}'::uuid ELSE {other} END")
    };
    let client = format!("((g - 1) / {EACH} + 1)");
    let name = "company || ' ' || substr(md5(g::text), 1, 8)";
    let clients = [
        ("id", id_sql("0190a000", "g")),
        ("partner_id", owner("g")),
        ("inn", data::inn_sql("g")),
        ("login", "'copy' || g || '@example.ru'".to_owned()),
        ("company", name.to_owned()),
        (
            "search",
            format!("concat_ws(chr(10), lower({name}), lower(last_name), {PHONE}, 'copy' || g || '@example.ru')"),
        ),
        ("created_ms", "created_ms - g".to_owned()),
    ];
    stage.pg.many("client", kkts / EACH, &clients)?;
    let registrations = [
        ("id", id_sql("0190b000", "g")),
        ("partner_id", owner(&client)),
        ("client_id", id_sql("0190a000", &client)),
        ("request_id", "gen_random_uuid()".to_owned()),
        ("inn", data::inn_sql(&client)),
        ("serial_key", NUMBER.to_owned()),
        ("fn_serial", NUMBER.to_owned()),
        ("rnm", NUMBER.to_owned()),
        ("created_ms", "created_ms - g".to_owned()),
    ];
    stage.pg.many("kkt", kkts, &registrations)?;
    stage.pg.sql("VACUUM ANALYZE; CHECKPOINT").map(drop)
}

/// Sixteen digits of registration `g` that pass for each of its numbers.
const NUMBER: &str = "'9' || lpad((g / 60000)::text, 9, '0') || lpad((g % 60000)::text, 6, '0')";
/// Ten digits of client `g`.
const PHONE: &str = "'9' || lpad(g::text, 9, '0')";

/// The same, of one.
fn number(g: u64) -> String {
    format!("9{:09}{:06}", g / 60_000, g % 60_000)
}

/// The numbers of the partner's clients.
fn own_client(n: u64, clients: u64) -> u64 {
    n.wrapping_mul(7_919) % (clients / SHARE) * SHARE + SHARE
}

/// The numbers of the partner's registrations.
fn own_kkt(n: u64, kkts: u64) -> u64 {
    (own_client(n, kkts / EACH) - 1) * EACH + 1 + n % EACH
}

/// A list with pages, as it is asked here.
#[derive(Clone, Copy)]
enum List {
    Kkts,
    Clients,
}

impl List {
    /// The ids of a page, and the token of the next.
    async fn page(self, caller: &Caller, n: u64, page_token: String) -> Result<(Vec<String>, String), String> {
        Ok(match self {
            Self::Kkts => {
                let ask = pb::ListRequest { page_size: PAGE, page_token, ..Default::default() };
                let page = caller.kkts(n).list(ask).await.map_err(told)?.into_inner();
                (page.kkts.into_iter().map(|kkt| kkt.id).collect(), page.next_page_token)
            }
            Self::Clients => {
                let ask = cl::ListRequest { page_size: PAGE, page_token, ..Default::default() };
                let page = caller.clients(n).list(ask).await.map_err(told)?.into_inner();
                (page.clients.into_iter().map(|client| client.id).collect(), page.next_page_token)
            }
        })
    }
}

/// Walks down to the page far below, sees that nothing comes twice, and measures the first against it.
async fn pages(list: List, caller: &Caller, all: u64, plan: Plan, report: &mut Report) -> Outcome<()> {
    let far = FAR.min(all / SHARE / PAGE as u64 - 1);
    let (mut seen, mut token) = (HashSet::new(), String::new());
    for n in 1..far {
        let (ids, next) = list.page(caller, n, token).await?;
        seen.extend(ids);
        token = next;
    }
    all_seen(seen.len(), far)?;
    let ask = |token: String| {
        let caller = caller.clone();
        move |n| {
            let (caller, token) = (caller.clone(), token.clone());
            async move { full(list.page(&caller, n, token).await?.0.len()) }
        }
    };
    let what = match list {
        List::Kkts => "registrations",
        List::Clients => "clients",
    };
    compared(&format!("{what}, {all}: page {far}"), ask(String::new()), ask(token), plan, report).await
}

fn full(entries: usize) -> Result<(), String> {
    if entries == PAGE as usize { Ok(()) } else { Err(format!("{entries} on a page")) }
}

fn all_seen(seen: usize, far: u64) -> Outcome<()> {
    let expected = (far - 1) * PAGE as u64;
    if seen as u64 == expected {
        Ok(())
    } else {
        Err(format!("{seen} entries above page {far}, not {expected}").into())
    }
}

/// The first page and the far one in turn.
async fn compared<F, A>(what: &str, first: F, far: F, plan: Plan, report: &mut Report) -> Outcome<()>
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), String>> + Send,
{
    let (mut costs, mut rates) = (Figures::default(), (Figures::default(), Figures::default()));
    for _ in 0..plan.rounds {
        let near = rate(what, first.clone(), plan).await?;
        let deep = rate(what, far.clone(), plan).await?;
        costs.0.push(near / deep);
        rates.0.0.push(near);
        rates.1.0.push(deep);
    }
    let shown = format!("{} times page 1 ({} and {} pages/s)", costs.shown(2), rates.1.shown(0), rates.0.shown(0));
    report.fact(&format!("List of {what} costs"), shown, "1.2 times page 1 at most", Some(costs.median() <= 1.2));
    Ok(())
}

async fn rate<F, A>(what: &str, call: F, plan: Plan) -> Outcome<f64>
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), String>> + Send,
{
    let tally = load::closed(plan.callers, plan.time, &Arc::default(), call).await;
    tally.all_good(what)?;
    Ok(tally.rate())
}

/// What people look for: one of the partner's that has it, or all.
async fn searches(stage: &Stage, caller: &Caller, clients: u64, report: &mut Report) -> Outcome<()> {
    // So late tell connections that rest what they have counted: the pages before were read on all of them. One search after the
    // other is on one.
    tokio::time::sleep(Duration::from_secs(11)).await;
    for (what, hits) in
        [("company", 1), ("phone", 1), ("e-mail", 1), ("nothing that there is", 0), ("what all have", PAGE as usize)]
    {
        let text = |n: u64| {
            let g = own_client(n, clients);
            match what {
                "company" => stage.pg.sql(&format!("SELECT substr(md5('{g}'), 1, 8)")),
                "phone" => Ok(format!("9{g:09}")),
                "e-mail" => Ok(format!("copy{g}@example")),
                "what all have" => Ok("example.ru".to_owned()),
                _ => Ok(format!("nobody {g}")),
            }
        };
        let texts = (0..SEARCHES).map(text).collect::<Outcome<Vec<_>>>()?;
        let ask = |n: usize| cl::ListRequest { page_size: PAGE, text: texts[n].clone(), ..Default::default() };
        searched(stage, &format!("search of clients by {what}"), report, hits, async |n| {
            Ok(caller.clients(0).list(ask(n)).await.map_err(told)?.into_inner().clients.len())
        })
        .await?;
    }
    let by_inn =
        |n: usize| cl::ListRequest { inn: inn(1_000_000 + own_client(n as u64, clients)), ..Default::default() };
    searched(stage, "search of clients by INN", report, 1, async |n| {
        Ok(caller.clients(0).list(by_inn(n)).await.map_err(told)?.into_inner().clients.len())
    })
    .await?;
    for (what, hits) in [("serial", 1), ("FN", 1), ("RNM", 1), ("INN", EACH as usize), ("client", EACH as usize)] {
        searched(stage, &format!("search of registrations by {what}"), report, hits, async |n| {
            let asked = ask_kkts(what, n as u64, clients);
            Ok(caller.kkts(0).list(asked).await.map_err(told)?.into_inner().kkts.len())
        })
        .await?;
    }
    Ok(())
}

fn ask_kkts(what: &str, n: u64, clients: u64) -> pb::ListRequest {
    let (client, number) = (own_client(n, clients), number(own_kkt(n, clients * EACH)));
    let mut ask = pb::ListRequest { page_size: PAGE, ..Default::default() };
    match what {
        "serial" => ask.serial = number,
        "FN" => ask.fn_serial = number,
        "RNM" => ask.rnm = number,
        "INN" => ask.inn = inn(1_000_000 + client),
        _ => ask.client_id = crate::calls::client_id(client),
    }
    ask
}

/// One after the other; how many it must find, how long that takes, and how many rows the database reads for it.
async fn searched(
    stage: &Stage,
    what: &str,
    report: &mut Report,
    hits: usize,
    ask: impl AsyncFn(usize) -> Result<usize, String>,
) -> Outcome<()> {
    let (mut took, before) = (Figures::default(), stage.pg.number(READ)?);
    for n in 0..SEARCHES as usize {
        let begun = Instant::now();
        let found = ask(n).await?;
        took.0.push(begun.elapsed().as_secs_f64() * 1e3);
        if found != hits {
            return Err(format!("{what}: {found} found, not {hits}").into());
        }
    }
    // What a connection has counted is seen by others a second later.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    ask(0).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let rows = (stage.pg.number(READ)? - before) as u64 / SEARCHES;
    let shown = format!("{}; {rows} rows read for each", took.shown(1));
    report.fact(&format!("{what}, ms"), shown, &format!("{FEW} rows at most"), Some(rows <= FEW));
    Ok(())
}

/// Rows of the large tables that were read, whole tables or by an index.
const READ: &str =
    "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_user_tables WHERE relname IN ('client', 'kkt')";
/// An index that finds what is looked for reads no more than this; one by partner all that the partner has. (A table that has
/// no more is read whole.)
const FEW: u64 = 2_000;
