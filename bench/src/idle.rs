//! What the server takes when nobody asks anything, and how soon it is ready.

use std::process::Command;
use std::time::Duration;

use crate::calls::Caller;
use crate::report::{Figures, Report};
use crate::stage::{Partner, Stage, channel};
use crate::{Outcome, floor, machine};

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
    let [mut idle, mut own, mut each, mut bare] = [const { Figures(Vec::new()) }; 4];
    for _ in 0..rounds {
        let server = stage.serve(&[]).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = machine::memory(server.pid());
        idle.0.push(before);
        own.0.push(machine::own_memory(server.pid()));
        let channels = server.channels(IDLE)?;
        for (n, channel) in channels.iter().enumerate() {
            Caller::new(partner, std::slice::from_ref(channel)).refused(n as u64).await?;
        }
        each.0.push(grown(server.pid(), before).await);
        let open = machine::sockets(server.pid());
        if open < IDLE {
            return Err(format!("only {open} sockets are open").into());
        }
        bare.0.push(of_bare(stage).await?);
    }
    let shown = format!("{}, of it {} its own, the rest pages of its file", idle.shown(1), own.shown(1));
    report.fact("memory when idle, MiB", shown, "25 at most", Some(idle.median() <= 25.0));
    let name = format!("memory of an idle connection, KiB, of {IDLE} that have made a call");
    let shown = format!("{}; of a bare tonic server {}", each.shown(1), bare.shown(1));
    report.fact(&name, shown, "20 at most", Some(each.median() <= 20.0));
    Ok(())
}

/// KiB for each of the connections.
async fn grown(pid: u32, before: f64) -> f64 {
    tokio::time::sleep(Duration::from_secs(3)).await;
    (machine::memory(pid) - before) * 1024.0 / IDLE as f64
}

/// The same of a tonic server without anything else, and with the C library's allocator.
async fn of_bare(stage: &Stage) -> Outcome<f64> {
    let (bare, url) = stage.bare()?;
    let channels = (0..IDLE).map(|_| channel(&url)).collect::<Outcome<Vec<_>>>()?;
    let before = machine::memory(bare.pid());
    for channel in &channels {
        floor::unary::<_, floor::Nothing>(channel.clone(), floor::EMPTY, floor::Nothing {}).await?;
    }
    Ok(grown(bare.pid(), before).await)
}

fn size(stage: &Stage, report: &mut Report) -> Outcome<()> {
    let stripped = stage.folder.join("stripped");
    let done = Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(&stage.binary).status()?;
    let mib = std::fs::metadata(&stripped)?.len() as f64 / 1_048_576.0;
    report.fact("binary, stripped, MiB", format!("{mib:.1}"), "25 at most", Some(done.success() && mib <= 25.0));
    Ok(())
}
