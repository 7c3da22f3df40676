//! A pod from its first container to its end, as the kubelet runs it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use litebox_partner::config::variable;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::manifest::{Container, KeyRef, Mount, PodSpec, Probe, Release};
use super::probes::Target;
use crate::chaos::balancer::Ready;
use crate::support::process::Server;

/// Where the chart mounts what pods read.
const MOUNTED: &str = "/etc/litebox-partner";
/// Between two looks at whether a server listens.
const LOOK: Duration = Duration::from_millis(50);
/// Between two tries of a container that failed.
const BACKOFF: Duration = Duration::from_millis(500);

/// What a cluster has that the chart only names.
#[derive(Debug, Default)]
pub struct Namespace {
    pub secrets: BTreeMap<KeyRef, String>,
    pub ready: Ready,
}

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
    spec: PodSpec,
    folder: tempfile::TempDir,
    namespace: Arc<Namespace>,
}

impl Pod {
    pub fn start(number: usize, revision: usize, release: &Release, namespace: &Arc<Namespace>) -> Self {
        let (template, folder) = (release.deployment.template.clone(), tempfile::tempdir().unwrap());
        let made = Made { number, spec: template.spec, folder, namespace: namespace.clone() };
        made.mount(&template.metadata.annotations);
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
        for container in self.spec.init_containers.clone() {
            self.complete(&container).await;
        }
        let [container] = &self.spec.containers[..] else { panic!("one container in a pod") };
        assert_eq!(container.lifecycle, None, "hooks are not run here");
        let mut server = Server::spawn(self.command(container));
        let target = self.started(container, &mut server).await;
        tokio::select! {
            () = self.readiness(container, &target) => panic!("readiness is looked at for ever"),
            () = alive(container, &target) => panic!("pod {} is killed: not alive", self.number),
            ended = self.terminated(server, &told) => ended,
        }
    }

    /// Runs an init container until it succeeds.
    async fn complete(&self, container: &Container) {
        for _ in 0..20 {
            let done = tokio::process::Command::from(self.command(container)).output().await.unwrap();
            if done.status.success() {
                return;
            }
            println!("pod {}: {}: {}", self.number, container.name, String::from_utf8_lossy(&done.stderr));
            tokio::time::sleep(BACKOFF).await;
        }
        panic!("{} fails again and again", container.name);
    }

    /// Waits until the startup probe succeeds; what the other probes ask.
    async fn started(&self, container: &Container, server: &mut Server) -> Target {
        let probe = container.startup_probe.as_ref().unwrap();
        let most = Duration::from_secs(probe.period_seconds * u64::from(probe.failure_threshold));
        let starting = async {
            // The kubelet knows the port from the manifest; here it is any free one.
            while !server.listens() {
                tokio::time::sleep(LOOK).await;
            }
            let mut environment = self.environment(container);
            environment.insert(variable("server.listen"), server.address().to_string());
            let target = Target { address: server.address(), environment };
            probe.until(&target, true).await;
            target
        };
        timeout(most, starting).await.unwrap_or_else(|_| panic!("pod {} has not started within {most:?}", self.number))
    }

    /// Tells who has the Service's connections whether this pod may have them. Never ends.
    async fn readiness(&self, container: &Container, target: &Target) {
        let (probe, ready) = (asks(container, container.readiness_probe.as_ref()), &self.namespace.ready);
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
        let (grace, began) = (Duration::from_secs(self.spec.termination_grace_period_seconds), Instant::now());
        server.terminate();
        let (code, log) = server.ended_within(grace).await;
        self.namespace.ready.set(self.number, None);
        Ended { code, log, took: began.elapsed(), grace }
    }

    fn command(&self, container: &Container) -> Command {
        assert_eq!(container.command[0], "litebox-partner", "the image has one program");
        let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
        command.args(&container.command[1..]).args(&container.args).env_clear().envs(self.environment(container));
        command
    }

    /// What the manifest says, at places that several pods can have on one machine.
    fn environment(&self, container: &Container) -> BTreeMap<String, String> {
        let mut environment: BTreeMap<_, _> =
            container.env.iter().map(|one| (one.name.clone(), self.value(one))).collect();
        if !container.ports.is_empty() {
            for listener in ["server.listen", "metrics.listen"] {
                assert!(environment.insert(variable(listener), "127.0.0.1:0".to_owned()).is_none(), "{listener}");
            }
        }
        environment
    }

    fn value(&self, one: &super::manifest::Variable) -> String {
        match (&one.value, &one.value_from) {
            (Some(value), None) => self.moved(value),
            (None, Some(from)) => match self.namespace.secrets.get(&from.secret_key_ref) {
                Some(secret) => secret.clone(),
                None => panic!("there is no Secret {:?}", from.secret_key_ref),
            },
            _ => panic!("a variable has one value: {one:?}"),
        }
    }

    fn moved(&self, text: &str) -> String {
        text.replace(MOUNTED, &self.folder.path().display().to_string())
    }

    /// Writes the files that the pod brings along.
    fn mount(&self, annotations: &BTreeMap<String, String>) {
        for mount in self.spec.containers.iter().flat_map(|container| &container.volume_mounts) {
            let volume = self.spec.volumes.iter().find(|volume| volume.name == mount.name).unwrap();
            match (&volume.downward_api, &volume.empty_dir) {
                (Some(own), None) => {
                    own.items.iter().for_each(|item| self.write(mount, &item.path, &annotations[item.annotation()]));
                }
                (None, Some(_)) => {}
                _ => panic!("this is not mounted here: {volume:?}"),
            }
        }
    }

    fn write(&self, mount: &Mount, name: &str, text: &str) {
        let folder = self.moved(&mount.mount_path);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(Path::new(&folder).join(name), self.moved(text)).unwrap();
    }
}

/// Ends when the kubelet would kill the container. A pod that is deleted is asked no more, but it answers all the same.
async fn alive(container: &Container, target: &Target) {
    asks(container, container.liveness_probe.as_ref()).until(target, false).await;
}

/// A probe, which asks at a port that the container has.
fn asks<'a>(container: &Container, probe: Option<&'a Probe>) -> &'a Probe {
    let probe = probe.unwrap();
    let has = |port| container.ports.iter().any(|one| one.container_port == port);
    assert!(probe.grpc.as_ref().is_none_or(|grpc| has(grpc.port)), "{probe:?}");
    probe
}
