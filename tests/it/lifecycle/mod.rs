//! How a server starts and how it stops: the order, the bounds, and what must not hold it up.

mod commands;
mod panics;
pub mod peers;
mod start;
mod steps;
mod stop;

use std::time::Duration;

use crate::support::process::Server;
use crate::support::stage::Stage;

/// How long a server of these tests is not ready and still answers.
const DELAY: Duration = Duration::from_millis(300);
/// What a stop may take beyond its delay when nothing honest is under way: half a second of courtesy, and the slowness of a
/// machine that runs tests.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A server whose honest calls have so long that nothing else may take it.
async fn patient(stage: &Stage, other: &[(&'static str, &str)]) -> Server {
    let delay = DELAY.as_millis().to_string();
    let usual = [("shutdown.delay_ms", delay.as_str()), ("shutdown.drain_ms", "15000")];
    let all: Vec<_> = usual.iter().chain(other).map(|(key, value)| (*key, (*value).to_owned())).collect();
    stage.server_with(&all).await
}
