//! A whole run with a marked value of its own in every personal and secret field, in what outer systems answer and in the
//! configuration. The server logs all it can; its output, its errors, its spans and metrics as others get them, and the
//! operators' commands are searched.

pub mod flow;
mod outer;
pub mod requests;
pub mod run;
mod search;
mod stage;

use litebox_partner::chaos::PANIC_VARIABLE;
use litebox_partner::pb::client as cl;
use litebox_partner::storage::Backend;

use crate::support::database::backends;
use crate::support::process::Server;
use crate::telemetry::collector::Seen;
use flow::Shop;
use outer::Fault;
use run::Run;
use stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_on_sqlite_tells_nothing_personal_in_logs_and_errors() {
    whole_run(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_on_postgresql_tells_nothing_personal_in_logs_and_errors() {
    if backends().contains(&Backend::Postgres) {
        whole_run(Backend::Postgres).await;
    }
}

async fn whole_run(backend: Backend) {
    let stage = Stage::new(backend).await;
    let server = stage.server(&[], &[]).await;
    let mut run = stage.run(&server);
    let shop = flow::job(&stage, &mut run).await;
    flow::conflicts(&stage, &mut run, &shop).await;
    let refused = flow::malformed(&mut run, &shop, flow::wrong_ways).await;
    assert!(refused > 150, "{refused}");
    flow::races(&mut run).await;
    let channel = run.channel.clone();
    flow::strangers(&stage, &mut run, &channel).await;
    without_database(&stage, &mut run).await;
    assert_eq!(run.marks.missing(), Vec::<String>::new(), "hidden fields that were never given a marked value");
    let mut told = ended(server).await;
    told.extend(beside_enemies(&stage, &mut run, &shop, &["accounts", "ofd"], 60).await);
    told.extend(beside_enemies(&stage, &mut run, &shop, &["taxpayers", "fns"], 70).await);
    told.push(("spans", stage.collector.bytes()));
    let leaks = logged(&run, &told).into_iter().chain(run.leaks()).chain(commands(&stage, &run, &shop));
    let leaks: Vec<String> = leaks.collect();
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    everything_was_logged(&told);
    every_kind_of_span_was_sent(&stage);
}

fn logged(run: &Run, told: &[(&str, Vec<u8>)]) -> Vec<String> {
    let search = run.marks.search(&[]);
    let leaks = told.iter().flat_map(|(what, bytes)| search.find(bytes).into_iter().map(move |hit| (what, hit)));
    leaks.map(|(what, hit)| format!("{what}: {hit}")).collect()
}

/// The logs really hold what libraries tell at the lowest level, the panic, and a failure of each outer system but the devices.
fn everything_was_logged(told: &[(&str, Vec<u8>)]) {
    let logs: String = told.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    for expected in [
        "panicked",
        "answered",
        "h2::",
        "hyper_util::",
        r#""level":"TRACE""#,
        r#""gateway":"taxpayers""#,
        r#""gateway":"accounts""#,
        r#""setback":"fns: failed"#,
        r#""setback":"ofd: failed"#,
    ] {
        assert!(logs.contains(expected), "the logs have {expected}");
    }
}

/// What the spans are of: calls, steps, questions to outer systems, work of the database, and failures of each.
fn every_kind_of_span_was_sent(stage: &Stage) {
    let spans = stage.collector.spans();
    for name in [
        "litebox.client.v1.ClientService/Register",
        "step",
        "advance",
        "litebox.gateway.fns.v1.FnsService/SubmitReport",
    ] {
        assert!(spans.iter().any(|span| span.name == name), "a span of {name}");
    }
    for system in ["taxpayers", "accounts", "fns", "ofd", "device"] {
        let of = |span: &&Seen| span.has(&format!("peer.service={system}"));
        assert!(spans.iter().filter(of).any(|span| span.failed), "a span of {system} that has failed");
    }
}

/// Ends a server; all that it has written, and its metrics.
async fn ended(server: Server) -> Vec<(&'static str, Vec<u8>)> {
    let metrics = reqwest::get(format!("http://{}/metrics", server.metrics())).await.unwrap().bytes().await.unwrap();
    let out = server.out();
    // Sends its last spans.
    server.terminate();
    vec![("log", server.ended().await.1.into_bytes()), ("output", out), ("metrics", metrics.to_vec())]
}

/// The database goes away in the middle.
async fn without_database(stage: &Stage, run: &mut Run) {
    if !stage.database_is_there(false) {
        return;
    }
    let list = cl::ListRequest { inn: requests::company(11), ..Default::default() };
    run.ask("ClientService/List", &list).await;
    assert_eq!(run.reason, "STORAGE_UNAVAILABLE");
    run.ask("ClientService/Register", &requests::register(&requests::company(56), 60)).await;
    stage.database_is_there(true);
}

async fn beside_enemies(
    stage: &Stage,
    run: &mut Run,
    shop: &Shop,
    enemies: &[&str],
    first: u32,
) -> Vec<(&'static str, Vec<u8>)> {
    let panicking = format!("/litebox.client.v1.ClientService/List {}", stage::panic_text());
    stage.sandbox.clear_faults();
    let server = stage.server(enemies, &[(PANIC_VARIABLE, panicking)]).await;
    run.channel = server.channel();
    for (fault, n) in Fault::ALL.into_iter().zip(first..) {
        stage.enemy().fail(fault);
        flow::among_enemies(stage, run, shop, n).await;
    }
    run.ask("ClientService/List", &cl::ListRequest::default()).await;
    assert_eq!(run.reason, "INTERNAL");
    ended(server).await
}

/// What `client list` and `kkt show` print because operators look for a client by it.
const SHOWN: [&str; 2] = [".inn", ".external_ref"];

/// Leaks of the operators' commands.
fn commands(stage: &Stage, run: &Run, shop: &Shop) -> Vec<String> {
    let inn = requests::company(11);
    let lines: [&[&str]; 13] = [
        &["client", "list"],
        &["client", "list", "--json"],
        &["client", "list", "--inn", &inn],
        &["kkt", "show", &shop.done],
        &["kkt", "show", &shop.held, "--json"],
        &["client", "list", "--inn", "kanar"],
        &["client", "resolve", &shop.client, "--outcome", "abandoned", "--reason", "T-1"],
        &["kkt", "explain", &shop.held],
        &["kkt", "retry", &shop.done, "--reason", "T-1"],
        &["kkt", "documents", &shop.done],
        &["audit", "list", "--since", "1h"],
        &["token", "list"],
        &["config", "show"],
    ];
    let (all, but) = (run.marks.search(&[]), run.marks.search(&SHOWN));
    let leaks = |(at, line): (usize, &&[&str])| {
        let told = stage.operate(line);
        let printed = if at < 5 { &but } else { &all }.find(&told.stdout);
        let said = printed.into_iter().chain(all.find(&told.stderr));
        said.map(|hit| format!("{}: {hit}", line.join(" "))).collect::<Vec<_>>()
    };
    lines.iter().enumerate().flat_map(leaks).collect()
}
