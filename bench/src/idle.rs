//! What the server takes when nobody asks anything, and how soon it is ready.

use std::process::Command;
use std::time::Duration;

use crate::calls::{CONNECTIONS, Caller};
use crate::report::{Figures, Report};
use crate::stage::{Partner, Stage};
use crate::{Outcome, machine};

/// Connections that are opened and then do nothing.
const IDLE: usize = 2_000;

/// Measures it on the empty database.
pub async fn measure(stage: &Stage, partner: &Partner, rounds: usize, report: &mut Report) -> Outcome<()> {
    let mut ready = Figures::default();
    for _ in 0..rounds {
        ready.0.push(stage.serve(&[]).await?.ready_ms);
    }
    report.fact("ready after start, ms", ready.shown(0), "300 at most", Some(ready.median() <= 300.0));
    size(stage, report)?;
    let server = stage.serve(&[]).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = machine::memory(server.pid());
    let shown =
        format!("{idle:.1}, of it {:.1} its own, the rest pages of its file", machine::own_memory(server.pid()));
    report.fact("memory when idle, MiB", shown, "25 at most", Some(idle <= 25.0));
    let channels = server.channels(IDLE)?;
    for (n, channel) in channels.iter().enumerate() {
        Caller::new(partner, std::slice::from_ref(channel)).refused(n as u64).await?;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let each = (machine::memory(server.pid()) - idle) * 1024.0 / IDLE as f64;
    let name = format!("memory of an idle connection, KiB, of {IDLE} that have made a call");
    report.fact(&name, format!("{each:.1}"), "20 at most", Some(each <= 20.0));
    // They were there all the time.
    Caller::new(partner, &channels[..CONNECTIONS]).refused(0).await?;
    Ok(())
}

fn size(stage: &Stage, report: &mut Report) -> Outcome<()> {
    let stripped = stage.folder.join("stripped");
    let done = Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(&stage.binary).status()?;
    let mib = std::fs::metadata(&stripped)?.len() as f64 / 1_048_576.0;
    report.fact("binary, stripped, MiB", format!("{mib:.1}"), "25 at most", Some(done.success() && mib <= 25.0));
    Ok(())
}
