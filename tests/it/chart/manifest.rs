//! What Helm renders of the chart, as far as pods are made of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use super::volumes::Volume;

/// The release that is rendered, and where.
pub const NAMESPACE: &str = "partners";
const RELEASE: &str = "shop";

/// All that a release of the chart asks of the cluster here.
#[derive(Debug, Clone)]
pub struct Release {
    pub deployment: Deployment,
    objects: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Deployment {
    #[serde(default = "one_pod")]
    pub replicas: usize,
    pub strategy: Strategy,
    /// As it is rendered: where its files are differs from pod to pod.
    pub template: Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Strategy {
    pub r#type: String,
    pub rolling_update: Option<RollingUpdate>,
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
pub struct Metadata {
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    pub service_account_name: String,
    /// Seconds.
    #[serde(default = "thirty")]
    pub termination_grace_period_seconds: u64,
    #[serde(default)]
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    #[serde(default)]
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
    #[serde(default)]
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

const fn one_pod() -> usize {
    1
}

const fn thirty() -> u64 {
    30
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
        let rendered = ran(helm, &["template", RELEASE, "--kube-version", "1.37"], mode, over);
        Self::of(objects(&rendered))
    }

    fn of(objects: Vec<Value>) -> Self {
        let server = |object: &&Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "server";
        let deployment = objects.iter().filter(|object| object["kind"] == "Deployment").find(server).unwrap();
        Self { deployment: serde_json::from_value(deployment["spec"].clone()).unwrap(), objects }
    }

    /// All objects of this kind.
    pub fn kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The pods of `helm test`.
    pub fn tests(&self) -> impl Iterator<Item = &Value> {
        self.kind("Pod").inspect(|pod| assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test", "{pod}"))
    }
}

/// What Helm prints after the installation.
pub fn notes(helm: &Path, mode: &str, over: &Value) -> String {
    let said = ran(helm, &["install", RELEASE, "--dry-run=client"], mode, over);
    said.split_once("NOTES:\n").unwrap().1.to_owned()
}

/// The values of each mode that the chart is tested with.
pub fn modes() -> Vec<String> {
    let folder = std::fs::read_dir(chart().join("ci")).unwrap();
    let mut names: Vec<_> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("helm/litebox-partner")
}

fn ran(helm: &Path, args: &[&str], mode: &str, over: &Value) -> String {
    let (home, chart) = (tempfile::tempdir().unwrap(), chart());
    let values = home.path().join("over.yaml");
    std::fs::write(&values, over.to_string()).unwrap();
    let mut command = Command::new(helm);
    command.args(args).args(["--namespace", NAMESPACE]).arg(&chart);
    command.arg("--values").arg(chart.join("ci").join(mode)).arg("--values").arg(&values);
    command.env_clear().env("HOME", home.path());
    told(command)
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
