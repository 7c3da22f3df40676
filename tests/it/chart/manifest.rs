//! What Helm renders of the chart, as far as pods are made of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// All that a release of the chart asks of the cluster here.
#[derive(Debug, Clone)]
pub struct Release {
    pub deployment: Deployment,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Deployment {
    pub replicas: usize,
    pub strategy: Strategy,
    pub template: Template,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Strategy {
    pub r#type: String,
    pub rolling_update: RollingUpdate,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollingUpdate {
    pub max_unavailable: usize,
    pub max_surge: usize,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Template {
    pub metadata: Metadata,
    pub spec: PodSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// Seconds.
    pub termination_grace_period_seconds: u64,
    #[serde(default)]
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub command: Vec<String>,
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub env: Vec<Variable>,
    #[serde(default)]
    pub ports: Vec<Port>,
    /// Nothing here runs one.
    pub lifecycle: Option<Value>,
    pub startup_probe: Option<Probe>,
    pub liveness_probe: Option<Probe>,
    pub readiness_probe: Option<Probe>,
    pub volume_mounts: Vec<Mount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variable {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<ValueFrom>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueFrom {
    pub secret_key_ref: KeyRef,
}

/// A key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRef {
    pub name: String,
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    pub container_port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    pub name: String,
    pub mount_path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    pub name: String,
    #[serde(rename = "downwardAPI")]
    pub downward_api: Option<Downward>,
    pub empty_dir: Option<Value>,
}

/// What a pod tells itself: its own annotations as files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Downward {
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    pub path: String,
    field_ref: FieldRef,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FieldRef {
    field_path: String,
}

impl Item {
    /// The annotation that it is.
    pub fn annotation(&self) -> &str {
        let name = self.field_ref.field_path.strip_prefix("metadata.annotations['");
        name.and_then(|name| name.strip_suffix("']")).unwrap()
    }
}

/// With the defaults of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    pub grpc: Option<Grpc>,
    pub exec: Option<Exec>,
    /// Seconds.
    #[serde(default = "ten")]
    pub period_seconds: u64,
    /// Seconds.
    #[serde(default = "one")]
    pub timeout_seconds: u64,
    #[serde(default = "three")]
    pub failure_threshold: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    pub port: u16,
    pub service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    pub command: Vec<String>,
}

const fn ten() -> u64 {
    10
}

const fn one() -> u64 {
    1
}

const fn three() -> u32 {
    3
}

/// Helm, unless it is not installed; says so then, and never in CI.
pub fn helm() -> Option<PathBuf> {
    let helm = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/helm");
    if helm.exists() {
        return Some(helm);
    }
    assert!(std::env::var_os("CI").is_none(), "CI drives what the chart renders: make tools");
    eprintln!("\n!!! THE CHART IS NOT DRIVEN: helm is missing: make tools !!!\n");
    None
}

impl Release {
    /// Renders the chart as it is with these values of `ci/`, and others over them.
    pub fn render(helm: &Path, mode: &str, over: &Value) -> Self {
        let (home, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let (chart, values) = (root.join("helm/litebox-partner"), home.path().join("over.yaml"));
        std::fs::write(&values, over.to_string()).unwrap();
        let mut command = Command::new(helm);
        command.args(["template", "shop", "--namespace", "partners", "--kube-version", "1.37"]).arg(&chart);
        command.arg("--values").arg(chart.join("ci").join(mode)).arg("--values").arg(&values);
        command.env_clear().env("HOME", home.path());
        Self::of(&objects(&told(command)))
    }

    fn of(objects: &[Value]) -> Self {
        let server = |object: &&Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "server";
        let deployment = objects.iter().filter(|object| object["kind"] == "Deployment").find(server).unwrap();
        Self { deployment: serde_json::from_value(deployment["spec"].clone()).unwrap() }
    }
}

/// Documents of YAML. What the tests of the chart read them with reads them here.
fn objects(yaml: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rendered.yaml");
    std::fs::write(&file, yaml).unwrap();
    let mut command = Command::new("python3");
    let read =
        "import json, sys, yaml; print(json.dumps([one for one in yaml.safe_load_all(open(sys.argv[1])) if one]))";
    command.args(["-c", read]).arg(&file);
    command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/python"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    serde_json::from_str(&told(command)).unwrap()
}

fn told(mut command: Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
