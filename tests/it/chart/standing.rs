//! One pod of a release, with everything around it that the chart only names.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use litebox_partner::sandbox::{Environment, Options, Sandbox, start};
use litebox_partner::storage::Backend;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::accounts::Accounts;
use super::kubelet::{asks, started};
use super::manifest::{Container, KeyRef, Probe, Release};
use super::place::{Namespace, Place};
use super::probes::Target;
use super::volumes::Source;
use crate::chaos::fleet::possible;
use crate::edge::pki::Authority;
use crate::support::database::TestDb;
use crate::support::process::Server;

/// The Service, by the name that callers in the cluster know.
pub const SERVICE: &str = "shop-litebox-partner.partners.svc";
/// 32 bytes.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A release that runs until it is dropped.
pub struct Standing {
    pub release: Release,
    /// The pod that the probes found ready.
    pub target: Target,
    pub authority: Authority,
    namespace: Namespace,
    server: Server,
    place: Place,
    _sandbox: Sandbox,
    _database: Option<TestDb>,
}

/// How a pod of `helm test` ended: why it failed, if it did.
pub type Told = Option<String>;

impl Standing {
    /// Installs this mode of `ci/`, with other values over it. None, and a word about it, without the database that it needs.
    pub async fn start(helm: &Path, mode: &str, over: Value) -> Option<Self> {
        let live = mode.starts_with("live");
        let sandbox = sandbox(live).await;
        let release = Release::render(helm, mode, &outside(over, live, &sandbox));
        let database = database(&release).await?;
        let (authority, accounts) = (Authority::new(), Arc::new(Accounts::new().await));
        let mut namespace = Namespace { names: names(&sandbox, &accounts), ..Namespace::default() };
        namespace.secrets = secrets(&release, database.as_ref());
        namespace.secrets.extend(certificates(&release, &authority));
        namespace.maps = maps(&accounts);
        namespace.accounts = Some(accounts);
        migrated(&release, &namespace).await;
        let place = Place::of(&release.deployment.template, Arc::new(namespace.clone()));
        let (_, server, target) = started(&place).await;
        namespace.names.push((format!("{SERVICE}:{}", port(&release)), target.address.to_string()));
        Some(Self { release, target, authority, namespace, server, place, _sandbox: sandbox, _database: database })
    }

    /// The probes of its one container: startup, liveness and readiness.
    pub fn probes(&self) -> [&Probe; 3] {
        let [container] = &self.place.spec.containers[..] else { panic!("one container in a pod") };
        [&container.startup_probe, &container.liveness_probe, &container.readiness_probe]
            .map(|probe| asks(container, probe.as_ref()))
    }

    /// It is to end.
    pub fn terminate(&self) {
        self.server.terminate();
    }

    /// Runs a pod of `helm test` to its end.
    pub async fn tested(&self, pod: &Value) -> Told {
        let place = Place::of(pod, Arc::new(self.namespace.clone()));
        let [container] = &place.spec.containers[..] else { panic!("one container in a pod") };
        let done = tokio::process::Command::from(place.command(container)).output().await.unwrap();
        (!done.status.success()).then(|| String::from_utf8(done.stderr).unwrap())
    }
}

async fn sandbox(live: bool) -> Sandbox {
    let environment = if live { Environment::Live } else { Environment::Sandbox };
    start(Options { argon2: false, fsync: false, environment, ..Options::default() }).await.unwrap()
}

/// In live mode taxpayers are looked up outside the cluster, at an address that no manifest names, which asks for a key.
fn outside(mut over: Value, live: bool, sandbox: &Sandbox) -> Value {
    if live {
        over["config"]["gateways"]["taxpayers"] = json!({"base_url": sandbox.http_url()});
        over["secrets"]["taxpayersApiKey"] = json!({"existingSecret": "litebox"});
    }
    over
}

/// What PostgreSQL the release needs, if any; none where there is no server.
async fn database(release: &Release) -> Option<Option<TestDb>> {
    let wanted = named(release).any(|(variable, _)| variable == "LITEBOX_DATABASE_URL");
    match (wanted, possible()) {
        (false, _) => Some(None),
        (true, true) => Some(Some(TestDb::empty(Backend::Postgres).await)),
        (true, false) => None,
    }
}

/// What the cluster's DNS would lead to.
fn names(sandbox: &Sandbox, accounts: &Accounts) -> Vec<(String, String)> {
    let (http, grpc) = (sandbox.http_url(), sandbox.grpc_url());
    let adapters = ["accounts", "fns", "ofd"].map(|name| (format!("http://{name}.adapters:16733"), grpc.clone()));
    let keys = accounts.keys.url.clone();
    let others = [
        ("http://shop-litebox-partner-sandbox:16732".to_owned(), http),
        ("http://shop-litebox-partner-sandbox:16733".to_owned(), grpc),
        ("https://kubernetes.default.svc/openid/v1/jwks".to_owned(), keys),
        ("otel-collector:4317".to_owned(), closed()),
    ];
    adapters.into_iter().chain(others).collect()
}

/// Where nobody listens.
fn closed() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Variables of all containers that are keys of Secrets.
fn named(release: &Release) -> impl Iterator<Item = (String, KeyRef)> {
    let jobs = release.kind("Job").map(|job| &job["spec"]["template"]);
    let templates = jobs.chain([&release.deployment.template]);
    let containers = templates.flat_map(|template| {
        [&template["spec"]["initContainers"], &template["spec"]["containers"]].map(|containers| containers.clone())
    });
    let containers = containers.filter(|containers| !containers.is_null());
    let containers = containers.flat_map(|all| serde_json::from_value::<Vec<Container>>(all).unwrap());
    let variables = containers.flat_map(|container| container.env);
    variables.filter_map(|one| Some((one.name, one.value_from?.secret_key_ref)))
}

fn secrets(release: &Release, database: Option<&TestDb>) -> BTreeMap<KeyRef, String> {
    named(release).map(|(variable, key)| (key, secret(&variable, database))).collect()
}

fn secret(variable: &str, database: Option<&TestDb>) -> String {
    match variable {
        // The tests' PostgreSQL listens on a socket, where there is no TLS: the URL says so, as an operator's may.
        "LITEBOX_DATABASE_URL" => format!("{}&sslmode=disable", database.unwrap().config.url.expose_secret()),
        "LITEBOX_SERVER_PAGE_KEYS" => "a-key-of-the-tests-that-all-replicas-share".to_owned(),
        "LITEBOX_DOCUMENTS_KEYS" => format!("k1:{KEY}"),
        "LITEBOX_ERASURE_KEY" => KEY.to_owned(),
        "LITEBOX_GATEWAYS_TAXPAYERS_API_KEY" | "LITEBOX_GATEWAYS_DEVICE_PASSWORD" => "key-1".to_owned(),
        _ => panic!("what {variable} is, is not known here"),
    }
}

/// Secrets that are mounted: all of TLS. One authority vouches for the server, its callers and the probes.
fn certificates(release: &Release, authority: &Authority) -> BTreeMap<KeyRef, String> {
    let volumes = release.deployment.template["spec"]["volumes"].clone();
    let volumes: Vec<super::volumes::Volume> = serde_json::from_value(volumes).unwrap();
    let mut made = BTreeMap::new();
    for volume in volumes {
        if let Source::Secret(held) = volume.source {
            let pair = authority.pair_of(SERVICE);
            for (key, text) in [("tls.crt", pair.cert), ("tls.key", pair.key), ("ca.crt", authority.pem.clone())] {
                made.insert(KeyRef { name: held.name.clone(), key: key.to_owned() }, text);
            }
        }
    }
    made
}

fn maps(accounts: &Accounts) -> BTreeMap<KeyRef, String> {
    let managers = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/regional_managers.toml");
    let made = [
        ("kube-root-ca.crt", "ca.crt", accounts.keys.ca.clone()),
        ("database-ca", "ca.crt", accounts.keys.ca.clone()),
        ("litebox-catalogue", "regional_managers.toml", std::fs::read_to_string(managers).unwrap()),
    ];
    made.into_iter().map(|(name, key, text)| (KeyRef { name: name.into(), key: key.into() }, text)).collect()
}

/// Runs the Jobs that a pod would wait for.
async fn migrated(release: &Release, namespace: &Namespace) {
    for job in release.kind("Job") {
        let place = Place::of(&job["spec"]["template"], Arc::new(namespace.clone()));
        place.complete(&place.spec.containers).await;
    }
}

/// At which the Service is called.
pub fn port(release: &Release) -> u64 {
    let own = release.kind("Service").find(|service| service["metadata"]["name"] == "shop-litebox-partner");
    own.unwrap()["spec"]["ports"][0]["port"].as_u64().unwrap()
}
