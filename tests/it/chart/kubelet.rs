//! A pod from its first container to its end, as the kubelet runs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use litebox_partner::config::variable;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::manifest::{Container, Probe, Release};
use super::place::{Namespace, Place};
use super::probes::Target;
use crate::support::process::Server;

/// Between two looks at whether a server listens.
const LOOK: Duration = Duration::from_millis(50);

/// A pod. What goes wrong in it ends its task with a panic.
pub struct Pod {
    pub number: usize,
    /// Its number among the releases.
    pub revision: usize,
    told: CancellationToken,
    life: JoinHandle<Ended>,
}

/// How a pod ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub log: String,
    /// From SIGTERM.
    pub took: Duration,
    pub grace: Duration,
}

/// What is needed to run a pod.
struct Made {
    number: usize,
    place: Place,
}

impl Pod {
    pub fn start(number: usize, revision: usize, release: &Release, namespace: &Arc<Namespace>) -> Self {
        let made = Made { number, place: Place::of(&release.deployment.template, namespace.clone()) };
        let told = CancellationToken::new();
        let life = tokio::spawn(made.live(told.clone()));
        Self { number, revision, told, life }
    }

    /// It is deleted.
    pub fn delete(&self) {
        self.told.cancel();
    }

    /// Whether it was deleted.
    pub fn goes(&self) -> bool {
        self.told.is_cancelled()
    }

    /// It runs until it is deleted.
    pub fn check(&self) {
        assert!(self.goes() || !self.life.is_finished(), "pod {} ended by itself", self.number);
    }

    pub async fn ended(self) -> Ended {
        self.life.await.unwrap()
    }
}

impl Made {
    async fn live(self, told: CancellationToken) -> Ended {
        let (container, server, target) = started(&self.place).await;
        tokio::select! {
            () = self.readiness(container, &target) => panic!("readiness is looked at for ever"),
            () = alive(container, &target) => panic!("pod {} is killed: not alive", self.number),
            ended = self.terminated(server, &told) => ended,
        }
    }

    /// Tells who has the Service's connections whether this pod may have them. Never ends.
    async fn readiness(&self, container: &Container, target: &Target) {
        let (probe, ready) = (asks(container, container.readiness_probe.as_ref()), &self.place.namespace.ready);
        loop {
            probe.until(target, true).await;
            ready.set(self.number, Some(target.address));
            probe.until(target, false).await;
            ready.set(self.number, None);
        }
    }

    /// Waits until the pod is deleted, and then for the end of its process, which comes before the grace period's.
    async fn terminated(&self, server: Server, told: &CancellationToken) -> Ended {
        told.cancelled().await;
        let (grace, began) = (Duration::from_secs(self.place.spec.termination_grace_period_seconds), Instant::now());
        server.terminate();
        let (code, log) = server.ended_within(grace).await;
        self.place.namespace.ready.set(self.number, None);
        Ended { code, log, took: began.elapsed(), grace }
    }
}

/// Runs the init containers, starts the server and waits until the startup probe succeeds; what the other probes ask.
pub async fn started(place: &Place) -> (&Container, Server, Target) {
    place.complete(&place.spec.init_containers).await;
    let [container] = &place.spec.containers[..] else { panic!("one container in a pod") };
    assert_eq!(container.lifecycle, None, "hooks are not run here");
    let (probe, mut server) = (container.startup_probe.as_ref().unwrap(), Server::spawn(place.command(container)));
    let most = Duration::from_secs(probe.period_seconds * u64::from(probe.failure_threshold));
    let starting = async {
        // The kubelet knows the port from the manifest; here it is any free one.
        while !server.listens() {
            tokio::time::sleep(LOOK).await;
        }
        let mut environment = place.environment(container);
        environment.insert(variable("server.listen"), server.address().to_string());
        let target = Target { address: server.address(), environment };
        asks(container, Some(probe)).until(&target, true).await;
        target
    };
    let target = timeout(most, starting).await.unwrap_or_else(|_| panic!("a pod has not started within {most:?}"));
    (container, server, target)
}

/// Ends when the kubelet would kill the container. A pod that is deleted is asked no more, but it answers all the same.
async fn alive(container: &Container, target: &Target) {
    asks(container, container.liveness_probe.as_ref()).until(target, false).await;
}

/// A probe, which asks at a port that the container has.
pub fn asks<'a>(container: &Container, probe: Option<&'a Probe>) -> &'a Probe {
    let probe = probe.unwrap();
    let has = |port| container.ports.iter().any(|one| one.container_port == port);
    assert!(probe.grpc.as_ref().is_none_or(|grpc| has(grpc.port)), "{probe:?}");
    probe
}
