//! The server as a process of its own, so that it can be killed like one.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use litebox_partner::config::variable;
use litebox_partner::pb::client::client_service_client::ClientServiceClient;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use litebox_partner::sandbox::Sandbox;
use secrecy::ExposeSecret;
use tonic::transport::{Channel, Endpoint};

use super::app::{Wire, shown, until};
use super::database::TestDb;

/// A running `litebox-partner serve`. Killed when it is dropped; its log is shown when the test has failed.
pub struct Server {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts the server on a free port and waits until it says which.
    pub async fn start(sandbox: &Sandbox, database: &TestDb) -> Self {
        Self::start_with(sandbox, database, &[], &[]).await
    }

    /// The same on the database of this URL, with other settings.
    pub async fn start_on(sandbox: &Sandbox, url: &str, others: &[(&str, &str)]) -> Self {
        let others = others.iter().map(|(key, value)| (variable(key), (*value).to_owned()));
        Self::launch(sandbox, url, others.collect()).await
    }

    /// The same with other settings, and with environment variables that are no settings.
    pub async fn start_with(
        sandbox: &Sandbox,
        database: &TestDb,
        other: &[(&'static str, String)],
        variables: &[(&'static str, String)],
    ) -> Self {
        let other = other.iter().map(|(key, value)| (variable(key), value.clone()));
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self::launch(sandbox, database.config.url.expose_secret(), other.chain(variables).collect()).await
    }

    async fn launch(sandbox: &Sandbox, url: &str, others: Vec<(String, String)>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litebox-partner"));
        let usual = settings(sandbox, url).map(|(key, value)| (variable(key), value));
        // A database that has too much to do for the moment is no reason not to start.
        command.args(["serve", "--wait", "20"]).env_clear().envs(usual).envs(others);
        let mut server = Self::spawn(command);
        until("the server listens", async || server.listens()).await;
        server
    }

    /// Starts what this command says, in a folder of its own, and waits for nothing.
    pub fn spawn(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(File::create(folder.path().join("out")).unwrap()).stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        Self { child, log, address: ([127, 0, 0, 1], 0).into(), metrics: None, _folder: folder }
    }

    /// Ends it as `kill -9` does; its log.
    pub fn kill(mut self) -> String {
        assert!(self.child.try_wait().unwrap().is_none(), "the server ended before it was killed");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log()
    }

    /// Tells it to stop, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Tells it to stop, as a person at a terminal does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Waits until it has ended by itself; its exit code and its log.
    pub async fn ended(self) -> (i32, String) {
        self.ended_within(Duration::from_secs(20)).await
    }

    /// The same when it may take so long.
    pub async fn ended_within(mut self, limit: Duration) -> (i32, String) {
        let ending = async {
            while self.is_alive() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        assert!(tokio::time::timeout(limit, ending).await.is_ok(), "the server has not ended within {limit:?}");
        (self.child.wait().unwrap().code().unwrap(), self.log())
    }

    /// Waits until it has logged this message.
    pub async fn says(&self, message: &str) {
        until(message, async || self.log().contains(message)).await;
    }

    /// A metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        metric(self.metrics(), name).await
    }

    /// Stops all its threads where they are, as a machine does that hangs.
    pub async fn pause(&self) {
        self.signal("STOP");
        until("the server has stopped", async || self.status("State:").starts_with('T')).await;
    }

    /// Lets a paused server go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Memory that it has now, KiB.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:").trim_end_matches("kB").trim().parse().unwrap()
    }

    /// A line of what the system tells about the process.
    fn status(&self, key: &str) -> String {
        let all = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        all.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What it has written to standard output so far: nothing, unless something is wrong.
    pub fn out(&self) -> Vec<u8> {
        std::fs::read(self.log.with_file_name("out")).unwrap()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it shows its metrics.
    pub fn metrics(&self) -> SocketAddr {
        self.metrics.unwrap()
    }

    /// Sockets that it has open.
    pub fn sockets(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let of = |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
        files.filter_map(of).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// A connection to it.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// Clients, asked with this token.
    pub fn clients(&self, token: &str) -> ClientServiceClient<Wire> {
        ClientServiceClient::with_interceptor(self.channel(), shown(Some(&format!("Bearer {token}"))))
    }

    /// Registrations, asked with this token.
    pub fn kkts(&self, token: &str) -> KktServiceClient<Wire> {
        KktServiceClient::with_interceptor(self.channel(), shown(Some(&format!("Bearer {token}"))))
    }

    /// Whether it has gone on running since it was started.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it has said where it listens; from then on its address is known.
    pub fn listens(&mut self) -> bool {
        let log = std::fs::read_to_string(&self.log).unwrap();
        assert!(self.child.try_wait().unwrap().is_none(), "the server did not start");
        // The last line may not be whole yet.
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let lines: Vec<_> = lines.collect();
        let address = |message: &str| {
            let told = lines.iter().find(|line| line["message"] == message);
            told.map(|line| line["address"].as_str().unwrap().parse().unwrap())
        };
        self.metrics = address("metrics");
        address("listening").inspect(|address| self.address = *address).is_some()
    }
}

/// Sends a signal. The shell has a `kill` everywhere; this process has none without unsafe code.
pub fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "{kill}");
}

/// A metric without labels of the server that shows its metrics there.
pub async fn metric(shown: SocketAddr, name: &str) -> f64 {
    let text = reqwest::get(format!("http://{shown}/metrics")).await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    value.parse().unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("log of the server:\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// Quick to look, and quick to take over what a killed server held.
fn settings(sandbox: &Sandbox, url: &str) -> [(&'static str, String); 20] {
    [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("server.watch_poll_ms", "50".to_owned()),
        ("metrics.listen", "127.0.0.1:0".to_owned()),
        ("metrics.poll_ms", "200".to_owned()),
        ("database.url", url.to_owned()),
        // Many tests share the disk, and commits wait for it.
        ("database.pool_size", "16".to_owned()),
        ("gateways.taxpayers.base_url", sandbox.http_url()),
        ("gateways.taxpayers.api_key", "key-1".to_owned()),
        ("gateways.accounts.url", sandbox.grpc_url()),
        ("gateways.fns.url", sandbox.grpc_url()),
        ("gateways.ofd.url", sandbox.grpc_url()),
        ("gateways.device.poll_interval_ms", "20".to_owned()),
        ("gateways.breaker.rest_ms", "100".to_owned()),
        // One partner makes the load of many.
        ("limits.calls_per_second", "0".to_owned()),
        ("worker.lease_ms", "1000".to_owned()),
        ("worker.idle_poll_ms", "50".to_owned()),
        ("worker.backoff_ms", "20".to_owned()),
        ("worker.fns_poll_ms", "20".to_owned()),
        ("worker.task_poll_ms", "20".to_owned()),
        ("worker.device_poll_ms", "50".to_owned()),
    ]
}
