//! Three times as much as the server carries: how much it still carries, and what the rest is told.

use std::sync::Arc;
use std::time::Duration;

use crate::Outcome;
use crate::calls::{CONNECTIONS, Caller, register};
use crate::load;
use crate::report::Report;
use crate::rounds::Plan;
use crate::stage::{Server, Stage};
use crate::writes::Numbers;

/// Partners that share the load, so that the server's limit is met and not a partner's.
const PARTNERS: usize = 8;

/// Register, of many partners, at the rate of the peak and then at three times that.
pub async fn measure(
    (stage, server): (&Stage, &Server),
    numbers: &Numbers,
    plan: Plan,
    report: &mut Report,
) -> Outcome<()> {
    let mut callers = Vec::new();
    for n in 0..PARTNERS {
        callers.push(Caller::new(&stage.partner(&format!("overload-{n}"))?, &server.channels(CONNECTIONS)?));
    }
    let callers = Arc::new(callers);
    let call = move |n: u64| {
        let caller = callers[n as usize % PARTNERS].clone();
        // Each partner calls on all of its connections: on one, calls would wait for each other before the server is asked for places.
        async move { caller.register(n / PARTNERS as u64, register(n)).await.map(drop) }
    };
    let (warm, time) = (Duration::from_secs(2), plan.time * 2);
    let active = || stage.pg.number("SELECT count(*) FROM client WHERE state = 'ACTIVE'");
    let before = active()?;
    let begun = stage.spent(server);
    let peak = load::closed(128, time, &numbers.inns, call.clone()).await;
    peak.all_good("peak")?;
    let between = stage.spent(server);
    let mut over = load::open(peak.rate() * 3.0, (warm, time), &numbers.inns, call).await;
    let spent = [between.each(&begun, peak.good), stage.spent(server).each(&between, over.good)];
    let made = active()? - before;
    if made != (peak.good + over.good) as i64 {
        return Err(format!("{} were answered, {made} are there", peak.good + over.good).into());
    }
    let all = over.good + over.bad.values().sum::<u64>();
    let (share, sent) = (over.rate() / peak.rate(), all as f64 / (warm + time).as_secs_f64());
    report.fact(
        "overload: goodput of Register at 3 times the peak",
        format!(
            "{share:.2} of the peak ({:.0} of {:.0}/s; {sent:.0}/s were sent; p99 {:.0} ms)",
            over.rate(),
            peak.rate(),
            over.within(0.99)
        ),
        "0.9 at least",
        Some(share >= 0.9),
    );
    report.fact(
        "overload: processor time for each good answer at the peak, and at 3 times, µs: server, database, sandbox, load",
        format!("{}; {}", spent[0].shown(), spent[1].shown()),
        "",
        None,
    );
    let other: Vec<_> = over
        .bad
        .iter()
        .filter(|(told, _)| !(told.starts_with("ResourceExhausted") && told.ends_with("RetryInfo")))
        .collect();
    report.fact(
        "overload: what the rest is told",
        over.bad.iter().map(|(told, times)| format!("{times} times {told}")).collect::<Vec<_>>().join("; "),
        "RESOURCE_EXHAUSTED with RetryInfo, no time-out",
        Some(other.is_empty()),
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
