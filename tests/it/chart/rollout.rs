//! The controller of the Deployment: pods of a new release come and those of the old one go, as its strategy says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::kubelet::{Ended, Pod};
use super::manifest::{Deployment, Release, RollingUpdate};
use super::place::Namespace;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Longest roll-out.
const LONGEST: Duration = Duration::from_secs(180);

/// The pods of a Deployment.
pub struct Rollouts {
    pub namespace: Arc<Namespace>,
    pods: Vec<Pod>,
    started: usize,
    revision: usize,
    /// Fewest pods that were ready at once in the last roll-out.
    pub fewest: usize,
}

impl Rollouts {
    pub const fn new(namespace: Arc<Namespace>) -> Self {
        Self { namespace, pods: Vec::new(), started: 0, revision: 0, fewest: 0 }
    }

    /// Brings all pods to this release; it is done when they are ready and no other is left but those that are going.
    pub async fn apply(&mut self, release: &Release) {
        self.revision += 1;
        self.fewest = self.ready().count();
        let began = Instant::now();
        while !self.step(release) {
            assert!(began.elapsed() < LONGEST, "the roll-out hangs");
            tokio::time::sleep(LOOK).await;
            self.pods.iter().for_each(Pod::check);
            self.fewest = self.fewest.min(self.ready().count());
        }
    }

    /// Deletes all pods and waits for the end of every pod there was.
    pub async fn end(mut self) -> Vec<Ended> {
        self.pods.iter().for_each(Pod::delete);
        let mut ends = Vec::new();
        for pod in self.pods.drain(..) {
            ends.push(pod.ended().await);
        }
        ends
    }

    /// Adds a pod if it may, and deletes one if it may; whether there is nothing left to do.
    fn step(&mut self, release: &Release) -> bool {
        let Deployment { replicas, strategy, .. } = &release.deployment;
        assert_eq!(strategy.r#type, "RollingUpdate");
        let RollingUpdate { max_surge: surge, max_unavailable: unavailable } = strategy.rolling_update.clone().unwrap();
        let new = self.staying().filter(|pod| pod.revision == self.revision).count();
        if new < *replicas && self.staying().count() < replicas + surge {
            self.started += 1;
            self.pods.push(Pod::start(self.started, self.revision, release, &self.namespace));
        }
        let old = self.staying().find(|pod| pod.revision != self.revision);
        if self.ready().count() + unavailable > *replicas {
            old.inspect(|pod| pod.delete());
        }
        old.is_none() && self.ready().count() == *replicas
    }

    fn staying(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|pod| !pod.goes())
    }

    fn ready(&self) -> impl Iterator<Item = &Pod> {
        self.staying().filter(|pod| self.namespace.ready.has(pod.number))
    }
}
