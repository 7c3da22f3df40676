//! What the job needs: a folder, a database with two partners, a sandbox, a server.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failed;
use super::control::Control;
use super::operator::{self, ALPHA, BETA, Operator, Register};
use super::partner::Partner;
use super::process::{Process, field};
use super::screen::Screen;
use crate::clock::{Clock, Ids};

/// A folder of this run alone, readable by its owner alone.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn make() -> Result<Self, Failed> {
        let id = Ids::system().uuid_v7(&Clock::system());
        let path = std::env::temp_dir().join(format!("litebox-partner-demo-{id}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn remove(&self) -> Result<(), Failed> {
        Ok(std::fs::remove_dir_all(&self.0)?)
    }

    /// URL of its database.
    pub(super) fn database(&self) -> String {
        format!("sqlite:{}", self.0.join("litebox-partner.db").display())
    }
}

/// Everything set up and running.
pub(super) struct Stage {
    pub control: Control,
    /// Does the job.
    pub partner: Partner,
    /// Another tenant of the same server.
    pub rival: Partner,
    pub password: String,
    pub address: String,
    /// URL of the database, for the operator's commands.
    pub database: String,
    settings: Vec<(&'static str, String)>,
    logs: PathBuf,
    server: Process,
    sandbox: Process,
    registers: Vec<Register>,
    starts: u32,
}

impl Stage {
    pub(super) async fn set(screen: &Screen, folder: &Folder) -> Result<Self, Failed> {
        screen.step("Start the sandbox of the outer systems and the server, each a process of its own");
        let logs = folder.path().to_owned();
        let (sandbox, http, grpc) = sandbox(&logs).await?;
        let operator = Operator::new(folder).await?;
        let (token, other) = (operator.partner(ALPHA).await?, operator.partner(BETA).await?);
        let registers = operator.registers(&http).await?;
        let mut settings = settings(&http, &grpc, &folder.database());
        let (server, address) = serve(&settings, &logs.join("server-1.log")).await?;
        // Started again, it is to be found where it was.
        settings.retain(|(key, _)| *key != "LITEBOX_SERVER_LISTEN");
        settings.push(("LITEBOX_SERVER_LISTEN", address.clone()));
        screen.fact("folder", &logs.display().to_string());
        screen.fact("sandbox", &format!("{http} (HTTP), {grpc} (gRPC)"));
        screen.fact("server", &format!("{address}, process {}, SQLite", server.id().unwrap_or_default()));
        screen.fact("partners", &format!("«{ALPHA}» with {} cash registers, «{BETA}»", registers.len()));
        let [partner, rival] = [Partner::connect(&address, token)?, Partner::connect(&address, other)?];
        let (control, password) = (Control::new(http)?, password());
        let starts = 1;
        let database = folder.database();
        Ok(Self {
            control,
            partner,
            rival,
            registers,
            password,
            address,
            database,
            settings,
            logs,
            server,
            sandbox,
            starts,
        })
    }

    /// Kills the server (signal 9): it can save nothing.
    pub(super) async fn kill_server(&mut self) -> u32 {
        let id = self.server.id().unwrap_or_default();
        self.server.kill().await;
        id
    }

    /// Starts the server on the same database and address.
    pub(super) async fn restart_server(&mut self) -> Result<u32, Failed> {
        self.starts += 1;
        let (server, _) = serve(&self.settings, &self.logs.join(format!("server-{}.log", self.starts))).await?;
        self.server = server;
        Ok(self.server.id().unwrap_or_default())
    }

    /// Ends both processes.
    pub(super) async fn end(&mut self) {
        self.server.kill().await;
        self.sandbox.kill().await;
    }

    /// The register that the sandbox has under this number.
    pub(super) fn register(&self, number: u32) -> Result<&Register, Failed> {
        let found = self.registers.iter().find(|register| register.number == number);
        found.ok_or_else(|| Failed::new(format!("the partner has no register {number}")))
    }

    /// A command of the operator's, given beside the running server; what it prints.
    pub(super) async fn operate(&self, args: &[&str]) -> Result<String, Failed> {
        operator::command(args, &self.settings).await
    }

    /// The folder of this run.
    pub(super) fn folder(&self) -> &Path {
        &self.logs
    }
}

async fn sandbox(logs: &Path) -> Result<(Process, String, String), Failed> {
    let ledger = logs.join("ledger.jsonl").display().to_string();
    let args = ["sandbox", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ledger", &ledger];
    // Slow enough that a person sees the states go by.
    let delays = ["--rnm-delay", "300", "--card-delay", "300", "--device-delay", "50"];
    let mut process = Process::start("sandbox", &[&args[..], &delays[..]].concat(), &[], &logs.join("sandbox.log"))?;
    let line = process.says("the sandbox listens").await?;
    let url = |name| field(&line, name).map(str::to_owned).ok_or_else(|| Failed::new("the sandbox tells no address"));
    let (http, grpc) = (url("http")?, url("grpc")?);
    Ok((process, http, grpc))
}

async fn serve(settings: &[(&'static str, String)], log: &Path) -> Result<(Process, String), Failed> {
    let mut process = Process::start("server", &["serve"], settings, log)?;
    let line = process.says("listening").await?;
    let address = field(&line, "address").ok_or_else(|| Failed::new("the server tells no address"))?.to_owned();
    Ok((process, address))
}

fn settings(http: &str, grpc: &str, database: &str) -> Vec<(&'static str, String)> {
    let mut key = [0; 32];
    Ids::system().random(&mut key);
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("LITEBOX_MODE", "test".to_owned()),
        ("LITEBOX_SERVER_LISTEN", "127.0.0.1:0".to_owned()),
        ("LITEBOX_SERVER_PAGE_KEYS", key),
        // A server beside it may have the usual port.
        ("LITEBOX_METRICS_LISTEN", String::new()),
        ("LITEBOX_SERVER_WATCH_POLL_MS", "100".to_owned()),
        ("LITEBOX_SHUTDOWN_DELAY_MS", "0".to_owned()),
        ("LITEBOX_DATABASE_URL", database.to_owned()),
        ("LITEBOX_GATEWAYS_TAXPAYERS_BASE_URL", http.to_owned()),
        ("LITEBOX_GATEWAYS_TAXPAYERS_API_KEY", "sandbox".to_owned()),
        ("LITEBOX_GATEWAYS_ACCOUNTS_URL", grpc.to_owned()),
        ("LITEBOX_GATEWAYS_FNS_URL", grpc.to_owned()),
        ("LITEBOX_GATEWAYS_OFD_URL", grpc.to_owned()),
        ("LITEBOX_GATEWAYS_DEVICE_POLL_INTERVAL_MS", "20".to_owned()),
        ("LITEBOX_WORKER_IDLE_POLL_MS", "50".to_owned()),
        ("LITEBOX_WORKER_LEASE_MS", "2000".to_owned()),
        ("LITEBOX_WORKER_BACKOFF_MS", "100".to_owned()),
        ("LITEBOX_WORKER_FNS_POLL_MS", "100".to_owned()),
        ("LITEBOX_WORKER_TASK_POLL_MS", "50".to_owned()),
        ("LITEBOX_WORKER_DEVICE_POLL_MS", "500".to_owned()),
        ("LITEBOX_LOG_FORMAT", "text".to_owned()),
    ]
}

fn password() -> String {
    let mut bytes = [0; 6];
    Ids::system().random(&mut bytes);
    bytes.iter().fold("Shop-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
