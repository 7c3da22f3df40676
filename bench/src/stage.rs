//! Everything that runs: PostgreSQL, the sandbox as it is for benchmarks, the floor, the server; and what operators set up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::machine::{self, Spent};
use crate::pg::Postgres;
use crate::{Outcome, floor};

/// A process of ours; ended when it is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(mut command: Command, log: PathBuf) -> Outcome<Self> {
        command.stdin(Stdio::null()).stdout(File::create(log.with_extension("out"))?).stderr(File::create(&log)?);
        Ok(Self { child: command.spawn()?, log })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `found` reads something out of what it has told.
    fn told<T>(&mut self, found: impl Fn(&str) -> Option<T>) -> Outcome<T> {
        let give_up = Instant::now() + Duration::from_secs(60);
        while Instant::now() < give_up && self.child.try_wait()?.is_none() {
            let told = fs::read_to_string(&self.log)? + &fs::read_to_string(self.log.with_extension("out"))?;
            if let Some(found) = found(&told) {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err(format!("a process did not start; its log: {}", fs::read_to_string(&self.log)?).into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows a token with every call.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Registers cash registers of a partner, or asks for them.
pub type Kkts = KktServiceClient<InterceptedService<Channel, Bearer>>;
/// The same of clients.
pub type Clients = ClientServiceClient<InterceptedService<Channel, Bearer>>;

/// A partner with everything allowed.
#[derive(Clone)]
pub struct Partner {
    /// Its id.
    pub id: String,
    token: Bearer,
}

impl Partner {
    /// Its clients, over this connection.
    pub fn clients(&self, channel: &Channel) -> Clients {
        ClientServiceClient::with_interceptor(channel.clone(), self.token.clone())
    }

    /// Its registers, over this connection.
    pub fn kkts(&self, channel: &Channel) -> Kkts {
        KktServiceClient::with_interceptor(channel.clone(), self.token.clone())
    }
}

/// Where the outer systems are.
pub struct Sandbox {
    pub http: String,
    pub grpc: String,
}

/// The running server.
pub struct Server {
    process: Process,
    /// Where it listens.
    pub url: String,
    /// From its start until it said so, milliseconds; then until it said that it is ready.
    pub ready_ms: f64,
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// So many connections that are opened when they are first used.
    pub fn channels(&self, count: usize) -> Outcome<Vec<Channel>> {
        (0..count).map(|_| channel(&self.url)).collect()
    }
}

/// A connection that is opened when it is first used.
pub fn channel(url: &str) -> Outcome<Channel> {
    Ok(Endpoint::from_shared(url.to_owned())?.tcp_nodelay(true).connect_lazy())
}

/// Everything that runs.
pub struct Stage {
    pub folder: PathBuf,
    pub binary: PathBuf,
    pub pg: Postgres,
    pub sandbox: Sandbox,
    pub floor: String,
    /// Settings that every server here has.
    settings: Vec<(String, String)>,
    running: Process,
    _floor: Process,
    _removed: Folder,
}

impl Stage {
    /// Starts all but the server. `rnm_delay` is how long an application rests with FNS.
    pub fn set(binary: &Path, rnm_delay: Duration) -> Outcome<Self> {
        let removed = Folder(std::env::temp_dir().join(format!("litebox-bench-{}", uuid::Uuid::new_v4())));
        let folder = removed.0.clone();
        fs::create_dir_all(&folder)?;
        let pg = Postgres::start(folder.join("pg"))?;
        let mut command = Command::new(binary);
        command.args(["sandbox", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--no-fsync", "--no-argon2"]);
        command.arg("--rnm-delay").arg(rnm_delay.as_millis().to_string());
        let mut running = Process::start(command, folder.join("sandbox.log"))?;
        let sandbox = running.told(sandbox)?;
        let (bare, floor) = bare(&folder.join("floor.log"))?;
        let settings = settings(&pg.url(), &sandbox, &floor);
        let stage = Self {
            folder,
            binary: binary.to_owned(),
            pg,
            sandbox,
            floor,
            settings,
            running,
            _floor: bare,
            _removed: removed,
        };
        stage.operate(&["migrate"])?;
        Ok(stage)
    }

    /// Processor time that all of it has used so far.
    pub fn spent(&self, server: &Server) -> Spent {
        let [server, sandbox, load] = [server.pid(), self.running.pid(), std::process::id()].map(machine::cpu);
        Spent([server, machine::cpu_of_family(self.pg.pid()), sandbox, load])
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_clear().envs(self.settings.clone()).current_dir(&self.folder);
        command
    }

    /// What an operator's command prints.
    pub fn operate(&self, arguments: &[&str]) -> Outcome<String> {
        let output = self.command().args(arguments).output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }

    /// A new partner with everything allowed.
    pub fn partner(&self, name: &str) -> Outcome<Partner> {
        let id = self.operate(&["partner", "add", name, "--reason", "bench", "--actor", "bench"])?;
        let issue = ["token", "issue", name, "--scopes", "all", "--reason", "bench", "--actor", "bench"];
        let token = format!("Bearer {}", self.operate(&issue)?);
        Ok(Partner { id, token: Bearer(token.parse()?) })
    }

    /// A register of the sandbox at the partner's disposal; its id.
    pub fn device(&self, partner: &str, name: &str) -> Outcome<String> {
        let hub = &self.sandbox.http;
        let assign = ["device", "assign", partner, "--hub", hub, "--hub-device", name];
        self.operate(&[&assign[..], &["--reason", "bench", "--actor", "bench"]].concat())
    }

    /// One more bare tonic server, and where it listens.
    pub fn bare(&self) -> Outcome<(Process, String)> {
        bare(&self.folder.join("bare.log"))
    }

    /// Starts the server with other settings besides the usual ones, and waits until it is ready.
    pub async fn serve(&self, other: &[(&str, &str)]) -> Outcome<Server> {
        let mut command = self.command();
        command.arg("serve").envs(other.iter().copied());
        let begun = Instant::now();
        let mut process = Process::start(command, self.folder.join("server.log"))?;
        let url = process.told(listening)?;
        let channel = channel(&url)?;
        let asked = || floor::unary::<_, floor::Status1>(channel.clone(), HEALTH, floor::Nothing {});
        while !asked().await.is_ok_and(|health| health.status == 1) {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if begun.elapsed() > Duration::from_secs(60) {
                return Err("the server does not become ready".into());
            }
        }
        Ok(Server { process, url, ready_ms: begun.elapsed().as_secs_f64() * 1e3 })
    }
}

/// A folder that is removed once all who write there, which stand before it in [`Stage`], have ended.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The empty call that goes through our layers.
pub const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// As an operator sets up a machine of two cores for large partners behind an ingress: no rate for one partner, room for
/// connections of one address, and a key for documents, without which live mode does not start. All else is as it comes, the log
/// included.
fn settings(database: &str, sandbox: &Sandbox, floor: &str) -> Vec<(String, String)> {
    let pairs = [
        ("DATABASE_URL", database),
        ("SERVER_LISTEN", "127.0.0.1:0"),
        ("METRICS_LISTEN", ""),
        ("SHUTDOWN_DELAY_MS", "0"),
        ("DOCUMENTS_KEYS", "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("GATEWAYS_TAXPAYERS_BASE_URL", &sandbox.http),
        ("GATEWAYS_TAXPAYERS_API_KEY", "key-1"),
        ("GATEWAYS_ACCOUNTS_URL", &sandbox.grpc),
        ("GATEWAYS_FNS_URL", &sandbox.grpc),
        ("GATEWAYS_OFD_URL", &sandbox.grpc),
        ("LIMITS_CALLS_PER_SECOND", "0"),
        ("CONNECTIONS_TRUSTED_PEERS", "127.0.0.0/8"),
        ("TRACES_OTLP_ENDPOINT", floor),
        ("TRACES_SAMPLE_RATIO", "0.01"),
    ];
    let tried = std::env::vars().filter(|(name, _)| name.starts_with("LITEBOX_"));
    pairs.map(|(key, value)| (format!("LITEBOX_{key}"), value.to_owned())).into_iter().chain(tried).collect()
}

fn bare(log: &Path) -> Outcome<(Process, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor");
    let mut bare = Process::start(command, log.to_owned())?;
    let url = bare.told(|told| told.contains('\n').then(|| format!("http://{}", told.trim())))?;
    Ok((bare, url))
}

fn sandbox(log: &str) -> Option<Sandbox> {
    let line = log.lines().find(|line| line.contains("the sandbox listens") && line.contains("grpc="))?;
    // Coloured or not, the addresses are the words that begin so.
    let mut urls = line.split(['"', ' ', '=']).filter(|word| word.starts_with("http://"));
    Some(Sandbox { http: urls.next()?.to_owned(), grpc: urls.next()?.to_owned() })
}

fn listening(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let told = lines.into_iter().find(|line| line["message"] == "listening")?;
    Some(format!("http://{}", told["address"].as_str()?))
}
