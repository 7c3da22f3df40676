//! What the containers of a pod find: variables, files and names, at places that several pods can have on one machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use litebox_partner::config::variable;
use serde_json::Value;

use super::accounts::Accounts;
use super::manifest::{Container, KeyRef, PodSpec, Template, Variable};
use super::volumes::{Held, Projection, Source, Volume};
use crate::chaos::balancer::Ready;

/// Where the chart mounts volumes: each pod has these below a folder of its own.
const MOUNTED: [&str; 3] = ["/etc/", "/var/lib/litebox-partner", "/var/run/secrets/litebox-partner"];
/// Between two tries of a container that failed.
const BACKOFF: Duration = Duration::from_millis(500);

/// What a cluster has that the chart only names.
#[derive(Clone, Default)]
pub struct Namespace {
    pub secrets: BTreeMap<KeyRef, String>,
    pub maps: BTreeMap<KeyRef, String>,
    pub accounts: Option<Arc<Accounts>>,
    /// Names that its DNS knows, with what follows them, and what is here instead.
    pub names: Vec<(String, String)>,
    pub ready: Ready,
}

/// A pod's own.
pub struct Place {
    pub spec: PodSpec,
    folder: tempfile::TempDir,
    pub namespace: Arc<Namespace>,
}

impl Place {
    /// For a pod, or a template of pods, as it is rendered.
    pub fn of(rendered: &Value, namespace: Arc<Namespace>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut template = rendered.clone();
        moved(&mut template, &|text| here(text, folder.path(), &namespace.names));
        let Template { metadata, spec } = serde_json::from_value(template).unwrap();
        let place = Self { spec, folder, namespace };
        place.mount(&metadata.annotations);
        place
    }

    /// Runs init containers, or those of a Job, until each succeeds.
    pub async fn complete(&self, containers: &[Container]) {
        for container in containers {
            self.completed(container).await;
        }
    }

    async fn completed(&self, container: &Container) {
        for _ in 0..20 {
            let done = tokio::process::Command::from(self.command(container)).output().await.unwrap();
            if done.status.success() {
                return;
            }
            println!("{}: {}", container.name, String::from_utf8_lossy(&done.stderr));
            tokio::time::sleep(BACKOFF).await;
        }
        panic!("{} fails again and again", container.name);
    }

    pub fn command(&self, container: &Container) -> Command {
        assert_eq!(container.command[0], "litebox-partner", "the image has one program");
        let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
        command.args(&container.command[1..]).args(&container.args).env_clear().envs(self.environment(container));
        command.current_dir(self.folder.path());
        command
    }

    /// What the manifest says, with listeners on free ports.
    pub fn environment(&self, container: &Container) -> BTreeMap<String, String> {
        let mut environment: BTreeMap<_, _> =
            container.env.iter().map(|one| (one.name.clone(), self.value(one))).collect();
        if !container.ports.is_empty() {
            for listener in ["server.listen", "metrics.listen"] {
                assert!(environment.insert(variable(listener), "127.0.0.1:0".to_owned()).is_none(), "{listener}");
            }
        }
        environment
    }

    fn value(&self, one: &Variable) -> String {
        match (&one.value, &one.value_from) {
            (Some(value), None) => value.clone(),
            (None, Some(from)) => match self.namespace.secrets.get(&from.secret_key_ref) {
                Some(secret) => secret.clone(),
                None => panic!("there is no Secret {:?}", from.secret_key_ref),
            },
            _ => panic!("a variable has one value: {one:?}"),
        }
    }

    /// Writes what the volumes hold.
    fn mount(&self, annotations: &BTreeMap<String, String>) {
        let containers = self.spec.init_containers.iter().chain(&self.spec.containers);
        for mount in containers.flat_map(|container| &container.volume_mounts) {
            let volume = self.spec.volumes.iter().find(|volume| volume.name == mount.name).unwrap();
            // The machine has a place for what is empty and goes with the pod.
            if !matches!(volume.source, Source::EmptyDir(_)) {
                std::fs::create_dir_all(&mount.mount_path).unwrap();
            }
            for (name, text) in self.files(volume, annotations) {
                std::fs::write(Path::new(&mount.mount_path).join(name), text).unwrap();
            }
        }
    }

    fn files(&self, volume: &Volume, annotations: &BTreeMap<String, String>) -> Vec<(String, String)> {
        match &volume.source {
            Source::Downward(own) => {
                own.items.iter().map(|item| (item.path.clone(), annotations[item.annotation()].clone())).collect()
            }
            Source::Secret(secret) => picked(secret, &self.namespace.secrets),
            Source::ConfigMap(map) => picked(map, &self.namespace.maps),
            Source::Projected { sources } => sources.iter().flat_map(|source| self.projected(source)).collect(),
            Source::EmptyDir(_) | Source::PersistentVolumeClaim(_) => Vec::new(),
        }
    }

    fn projected(&self, source: &Projection) -> Vec<(String, String)> {
        match source {
            Projection::ConfigMap(map) => picked(map, &self.namespace.maps),
            Projection::ServiceAccountToken(wanted) => {
                let accounts = self.namespace.accounts.as_ref().unwrap();
                vec![(wanted.path.clone(), accounts.token(&self.spec.service_account_name, wanted))]
            }
        }
    }
}

/// A Secret or a ConfigMap as files. A pod with one that is missing would never start.
fn picked(held: &Held, all: &BTreeMap<KeyRef, String>) -> Vec<(String, String)> {
    let own: BTreeMap<_, _> =
        all.iter().filter(|(at, _)| at.name == held.name).map(|(at, text)| (at.key.clone(), text.clone())).collect();
    assert!(!own.is_empty(), "there is nothing called {}", held.name);
    match &held.items {
        None => own.into_iter().collect(),
        Some(items) => items.iter().map(|item| (item.path.clone(), own[&item.key].clone())).collect(),
    }
}

/// All texts in it, each as `place` says.
fn moved(value: &mut Value, place: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = place(text),
        Value::Array(all) => all.iter_mut().for_each(|one| moved(one, place)),
        Value::Object(all) => all.values_mut().for_each(|one| moved(one, place)),
        _ => {}
    }
}

fn here(text: &str, folder: &Path, names: &[(String, String)]) -> String {
    let folder = folder.display();
    let placed = MOUNTED.iter().fold(text.to_owned(), |text, root| text.replace(root, &format!("{folder}{root}")));
    names.iter().fold(placed, |text, (name, here)| text.replace(name, here))
}
