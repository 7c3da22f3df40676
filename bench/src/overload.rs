//! Three times as much as the server carries: how much it still carries, and what the rest is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::Outcome;
use crate::calls::{CONNECTIONS, Caller, register};
use crate::load::{self, Tally};
use crate::machine::Spent;
use crate::report::{Figures, Report};
use crate::rounds::Plan;
use crate::stage::{Server, Stage};
use crate::writes::Numbers;

/// Partners that share the load, so that the server's limit is met and not a partner's.
const PARTNERS: usize = 8;
/// Until answers come as steadily as calls are sent.
const WARM: Duration = Duration::from_secs(2);

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
    let (mut share, mut peaks, mut rates, mut sent, mut late) =
        <(Figures, Figures, Figures, Figures, Figures)>::default();
    let (mut spent, mut bad) = ([Vec::new(), Vec::new()], BTreeMap::<String, u64>::new());
    for _ in 0..plan.rounds {
        let (peak, mut over) = once((stage, server), numbers, plan, call.clone(), &mut spent).await?;
        let all = over.good + over.bad.values().sum::<u64>();
        let times = all as f64 / (WARM + plan.time * 2).as_secs_f64() / peak.rate();
        if times < 2.7 || over.bad.is_empty() {
            return Err(format!(
                "{times:.1} times the peak were sent, and {:?} refused: that is no overload",
                over.bad
            )
            .into());
        }
        println!(
            "  overload: {:.0} of {:.0} a second, ratio {:.2}",
            over.rate(),
            peak.rate(),
            over.rate() / peak.rate()
        );
        share.0.push(over.rate() / peak.rate());
        peaks.0.push(peak.rate());
        rates.0.push(over.rate());
        sent.0.push(times * peak.rate());
        late.0.push(over.within(0.99));
        over.bad.into_iter().for_each(|(told, times)| *bad.entry(told).or_default() += times);
    }
    let shown = format!(
        "{} of the peak ({} and {} a second; {} were sent; p99 {} ms)",
        share.shown(2),
        rates.shown(0),
        peaks.shown(0),
        sent.shown(0),
        late.shown(0)
    );
    let met = share.median() >= 0.9;
    report.fact("overload: goodput of Register at 3 times the peak", shown, "0.9 at least", Some(met));
    let spent = spent.map(|all| Spent::median(&all).shown()).join("; ");
    report.fact(
        "overload: processor time for each good answer at the peak, and at 3 times, µs: server, database, sandbox, load",
        spent,
        "",
        None,
    );
    let fits = |told: &str| told.starts_with("ResourceExhausted") && told.ends_with("RetryInfo");
    report.fact(
        "overload: what the rest is told",
        bad.iter().map(|(told, times)| format!("{times} times {told}")).collect::<Vec<_>>().join("; "),
        "RESOURCE_EXHAUSTED with RetryInfo, no time-out",
        Some(bad.keys().all(|told| fits(told))),
    );
    Ok(())
}

/// The peak, and three times as many; every good answer must be there.
async fn once<F, A>(
    (stage, server): (&Stage, &Server),
    numbers: &Numbers,
    plan: Plan,
    call: F,
    spent: &mut [Vec<Spent>; 2],
) -> Outcome<(Tally, Tally)>
where
    F: Fn(u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), String>> + Send + 'static,
{
    let active = || stage.pg.number("SELECT count(*) FROM client WHERE state = 'ACTIVE'");
    let (before, begun) = (active()?, stage.spent(server));
    let peak = load::closed(128, plan.time * 2, &numbers.inns, call.clone()).await;
    peak.all_good("peak")?;
    let between = stage.spent(server);
    let over = load::open(peak.rate() * 3.0, (WARM, plan.time * 2), &numbers.inns, call).await;
    spent[0].push(between.each(&begun, peak.good));
    spent[1].push(stage.spent(server).each(&between, over.good));
    let made = active()? - before;
    if made != (peak.good + over.good) as i64 {
        return Err(format!("{} were answered, {made} are there", peak.good + over.good).into());
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok((peak, over))
}
