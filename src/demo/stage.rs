//! What the job needs: a folder, a database with two partners, a sandbox, a server.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failed;
use super::control::Control;
use super::partner::Partner;
use super::process::{Process, field};
use super::screen::Screen;
use crate::clock::{Clock, Ids};
use crate::partners::model::{HubDevice, HubUrl, Label, Scopes, Theme};
use crate::partners::service::{NewDevice, NewToken, Partners};
use crate::partners::token::Mode;
use crate::storage::audit::Act;
use crate::storage::{DatabaseConfig, Db};

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

    fn database(&self) -> String {
        format!("sqlite:{}", self.0.join("litebox-partner.db").display())
    }
}

/// A cash register that the operator assigned to the first partner.
pub(super) struct Register {
    /// Device id, which the partner names.
    pub device_id: String,
    /// Name at the hub.
    pub hub_device: String,
    pub serial: String,
    pub fn_serial: String,
}

/// Everything set up and running.
pub(super) struct Stage {
    pub control: Control,
    /// Does the job.
    pub partner: Partner,
    /// Another tenant of the same server.
    pub rival: Partner,
    pub registers: Vec<Register>,
    pub password: String,
    pub address: String,
    /// URL of the database, for the operator's commands.
    pub database: String,
    settings: Vec<(&'static str, String)>,
    logs: PathBuf,
    server: Process,
    sandbox: Process,
    starts: u32,
}

/// The sandbox's registers `kkt-1` to `kkt-4`; docs/sandbox.md has their numbers. The second is left free to go on with.
const REGISTERS: u32 = 4;

impl Stage {
    pub(super) async fn set(screen: &Screen, folder: &Folder) -> Result<Self, Failed> {
        screen.step("Start the sandbox of the outer systems and the server, each a process of its own");
        let logs = folder.path().to_owned();
        let (sandbox, http, grpc) = sandbox(&logs).await?;
        let operator = operator(folder).await?;
        let token = tenant(&operator, "Партнёр Альфа").await?;
        let other = tenant(&operator, "Партнёр Бета").await?;
        let registers = assign(&operator, "Партнёр Альфа", &http).await?;
        let mut settings = settings(&http, &grpc, &folder.database());
        let (server, address) = serve(&settings, &logs.join("server-1.log")).await?;
        // Started again, it is to be found where it was.
        settings.retain(|(key, _)| *key != "LITEBOX_SERVER_LISTEN");
        settings.push(("LITEBOX_SERVER_LISTEN", address.clone()));
        screen.fact("folder", &logs.display().to_string());
        screen.fact("sandbox", &format!("{http} (HTTP), {grpc} (gRPC)"));
        screen.fact("server", &format!("{address}, process {}, SQLite", server.id().unwrap_or_default()));
        screen.fact("partners", "«Партнёр Альфа» with four cash registers, «Партнёр Бета»");
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

    /// The register number `n`, from 1.
    pub(super) fn register(&self, n: usize) -> Result<&Register, Failed> {
        self.registers.get(n.wrapping_sub(1)).ok_or_else(|| Failed::new(format!("there is no register {n}")))
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

/// The operator's commands on the database of this run.
async fn operator(folder: &Folder) -> Result<Partners, Failed> {
    let config = DatabaseConfig { url: folder.database().into(), ..DatabaseConfig::default() };
    let db = Db::connect(&config).await.map_err(Failed::new)?;
    db.migrate().await.map_err(Failed::new)?;
    let act = Act::new("demo", "a stage for the demo").map_err(Failed::new)?;
    Ok(Partners::new(db, Clock::system(), Ids::system(), Mode::Test).acting(act))
}

/// Adds a partner; its token.
async fn tenant(operator: &Partners, name: &str) -> Result<String, Failed> {
    let name = Label::name(name).map_err(Failed::new)?;
    let partner = operator.add(name, Theme::LiteBox).await.map_err(Failed::new)?;
    let note = Label::note("demo").map_err(Failed::new)?;
    let new = NewToken { scopes: Scopes::all(), note, expires_ms: None };
    let (token, _) = operator.issue(partner.id, new).await.map_err(Failed::new)?;
    Ok(token.reveal().to_string())
}

async fn assign(operator: &Partners, partner: &str, hub: &str) -> Result<Vec<Register>, Failed> {
    let partner = operator.find(partner).await.map_err(Failed::new)?;
    let mut registers = Vec::new();
    for n in 1..=REGISTERS {
        let hub_device = format!("kkt-{n}");
        let new = NewDevice {
            id: None,
            hub: HubUrl::parse(hub).map_err(Failed::new)?,
            hub_device: HubDevice::parse(&hub_device).map_err(Failed::new)?,
            note: Label::note(&hub_device).map_err(Failed::new)?,
        };
        let device = operator.assign(partner.id, new).await.map_err(Failed::new)?;
        let (serial, fn_serial) = (format!("00106100{n:06}"), format!("9999078902{n:06}"));
        registers.push(Register { device_id: device.id.to_string(), hub_device, serial, fn_serial });
    }
    Ok(registers)
}

fn password() -> String {
    let mut bytes = [0; 6];
    Ids::system().random(&mut bytes);
    bytes.iter().fold("Shop-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
