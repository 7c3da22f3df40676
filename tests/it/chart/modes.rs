//! Every mode of `ci/` as a server that runs, asked by the probes that it is rendered with.

use std::path::Path;

use serde_json::json;

use super::manifest::{helm, modes};
use super::standing::Standing;
use crate::support::app::until;

/// Found ready; and no more once it is to end, while it is still alive.
async fn comes_up_and_goes(helm: &Path, mode: &str) {
    println!("{mode}");
    let Some(standing) = Standing::start(helm, mode, json!({})).await else { return };
    let [startup, liveness, readiness] = standing.probes();
    for probe in [startup, liveness, readiness] {
        probe.until(&standing.target, true).await;
    }
    for pod in standing.release.tests() {
        assert_eq!(standing.tested(pod).await, None, "{}", pod["metadata"]["name"]);
    }
    standing.terminate();
    until("it is not ready", async || !readiness.ask(&standing.target).await).await;
    assert!(liveness.ask(&standing.target).await, "whoever is to end is not killed for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_starts_its_probes_find_it_ready_and_helm_test_succeeds() {
    let Some(helm) = helm() else { return };
    assert!(modes().len() >= 5);
    for mode in modes() {
        comes_up_and_goes(&helm, &mode).await;
    }
}
