//! A call that is repeated under its request id: what it costs the database.

use crate::Outcome;
use crate::calls::{Caller, client_id, order, register};
use crate::report::Report;
use crate::stage::Stage;
use crate::writes::{Numbers, at_rest};

/// Repeats of one call.
const REPEATS: u64 = 200;

/// Statements so far that ask or change something. Those by which the worker asks what is due go on whoever calls, and so does the look
/// at who may call.
const ASKED: &str = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE query ~* '^(select|insert|update|delete|with)' \
                     AND query ~ '\\m(request|client|kkt|effect|stop_switch|quota|recovery|document)\\M' AND query !~ 'due_ms <='";

/// Counts queries and commits of repeats.
pub async fn measure(stage: &Stage, caller: &Caller, numbers: &Numbers, report: &mut Report) -> Outcome<()> {
    use std::sync::atomic::Ordering::Relaxed;
    let registered = register(numbers.inns.fetch_add(1, Relaxed));
    let first = caller.register(0, registered.clone()).await?;
    let (inn, mut seen) = (&registered, Counted::begin(stage)?);
    for n in 0..REPEATS {
        if caller.register(n, inn.clone()).await? != first {
            return Err("a repeat has made another client".into());
        }
    }
    seen.end(stage, "repeat of a known Register", report)?;
    let ordered = order(&client_id(1), None, numbers.orders.fetch_add(1, Relaxed));
    let first = caller.quick_register(0, ordered.clone()).await?;
    at_rest(stage).await?;
    seen = Counted::begin(stage)?;
    for n in 0..REPEATS {
        if caller.quick_register(n, ordered.clone()).await? != first {
            return Err("a repeat has made another registration".into());
        }
    }
    seen.end(stage, "repeat of a known QuickRegister", report)
}

struct Counted {
    queries: i64,
    writes: i64,
}

impl Counted {
    fn begin(stage: &Stage) -> Outcome<Self> {
        Ok(Self { queries: stage.pg.number(ASKED)?, writes: stage.pg.writes()? })
    }

    fn end(&self, stage: &Stage, name: &str, report: &mut Report) -> Outcome<()> {
        let queries = (stage.pg.number(ASKED)? - self.queries) as f64 / REPEATS as f64;
        let writes = stage.pg.writes()? - self.writes;
        // The server's own work goes on beside: when a token was used last is written once in a while.
        let met = queries < 1.05 && writes * 20 < REPEATS as i64;
        report.fact(
            name,
            format!("{queries:.2} queries, {writes} commits in {REPEATS} calls"),
            "at most one query, no commit",
            Some(met),
        );
        Ok(())
    }
}
