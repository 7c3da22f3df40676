//! What the server is told: defaults that are embedded and readable, a file over them, the environment over both.
//!
//! Reading ends at nothing that is wrong: all of it is found at once, each with its key, where it was set and what would be
//! right, and never with a value that may be a secret.

mod bounds;
mod env;
mod layers;
mod opened;
mod problem;
mod rules;

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use crate::clients::model::ClientsConfig;
use crate::erasure::config::{ErasureConfig, RetentionConfig};
use crate::gateways::World;
use crate::gateways::config::GatewaysConfig;
use crate::grpc::edge::config::{ConnectionsConfig, TlsConfig};
use crate::kkt::policy::WorkerConfig;
use crate::metrics::config::MetricsConfig;
use crate::partners::jwt::config::JwtConfig;
use crate::partners::token::Mode;
use crate::readiness::HealthConfig;
use crate::storage::DatabaseConfig;
use crate::telemetry::traces::TracesConfig;

pub use bounds::bounds;
pub use env::Env;
pub use layers::{Setting, is_secret, keys, variable};
pub use problem::{ConfigError, Problem, Source};

use layers::Layers;

/// Every setting with its default, commented.
pub const DEFAULTS: &str = include_str!("default.toml");

/// All settings. See `default.toml` for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct Config {
    pub mode: Mode,
    pub server: ServerConfig,
    pub connections: ConnectionsConfig,
    pub tls: TlsConfig,
    pub health: HealthConfig,
    pub shutdown: ShutdownConfig,
    pub database: DatabaseConfig,
    pub gateways: GatewaysConfig,
    pub clients: ClientsConfig,
    pub limits: LimitsConfig,
    pub worker: WorkerConfig,
    pub application: ApplicationConfig,
    pub catalogue: CatalogueConfig,
    pub documents: DocumentsConfig,
    pub erasure: ErasureConfig,
    pub retention: RetentionConfig,
    pub jwt: JwtConfig,
    pub log: LogConfig,
    pub traces: TracesConfig,
    pub metrics: MetricsConfig,
    /// Variables with our prefix that set nothing, each with what may have been meant.
    #[serde(skip)]
    pub strays: Vec<Problem>,
}

/// The section `server`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct ServerConfig {
    pub listen: String,
    pub open_reflection: bool,
    pub deadline_ms: u64,
    pub stream_ms: u64,
    pub watch_poll_ms: u64,
    pub token_cache_ms: u64,
    pub access_poll_ms: u64,
    pub page_keys: Vec<SecretString>,
}

/// The section `shutdown`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct ShutdownConfig {
    pub delay_ms: u64,
    pub drain_ms: u64,
}

/// The section `limits`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct LimitsConfig {
    pub lookups_per_hour: u32,
    pub calls_per_second: u32,
    pub calls_at_once: u32,
    pub calls_under_way: u32,
    pub watch_streams: u32,
    pub in_flight: usize,
}

/// The section `application`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct ApplicationConfig {
    pub version: String,
    pub receiver: String,
}

/// The section `catalogue`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct CatalogueConfig {
    pub dir: PathBuf,
}

/// The section `documents`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct DocumentsConfig {
    pub keys: Vec<SecretString>,
}

/// The section `log`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml explains each")]
pub struct LogConfig {
    pub filter: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// All that is found about settings before anything runs on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The server does not start with these.
    pub problems: Vec<Problem>,
    /// It starts, and warns of these.
    pub doubts: Vec<Problem>,
}

impl Config {
    /// Reads the file, when there is one, and the environment by the known keys. Other variables with the prefix are
    /// [doubts](Self::doubts), except those that Kubernetes makes.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong, as far as it can be told without opening what settings point to.
    pub fn load(file: Option<&Path>, env: &Env) -> Result<Self, ConfigError> {
        Self::checked(file, env, |_| Vec::new())
    }

    /// The same, and opens what the settings point to: a server that could not go on from there has changed nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn load_whole(file: Option<&Path>, env: &Env) -> Result<Self, ConfigError> {
        Self::checked(file, env, opened::broken)
    }

    fn checked(
        file: Option<&Path>,
        env: &Env,
        more: impl Fn(&Self) -> Vec<(&'static str, String)>,
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::read(file, env);
        let config = Self { strays: env.strays(), ..layers.config()? };
        let mut problems = layers.take_problems();
        problems.extend(broken(&config, &layers));
        problems.extend(layers.told(more(&config)));
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }

    /// What a server may start with, though hardly anybody can mean it: key or variable, and what to think of.
    pub fn doubts(&self) -> Vec<(String, String)> {
        let doubts = rules::doubts(self).into_iter().map(|(key, what)| (key.to_owned(), what));
        let strays = self.strays.iter().map(|stray| (stray.source.to_string(), stray.what.clone()));
        doubts.chain(strays).collect()
    }

    /// The world of this deployment.
    pub const fn world(&self) -> World {
        match self.mode {
            Mode::Live => World::Live,
            Mode::Test => World::Test,
        }
    }

    /// Folder of replaced reference data.
    pub fn catalogue_dir(&self) -> Option<&Path> {
        let dir = self.catalogue.dir.as_path();
        (!dir.as_os_str().is_empty()).then_some(dir)
    }
}

/// Reads everything as [`Config::load`] does, and opens what the settings point to: certificates, keys, reference data.
/// Connects to nothing and changes nothing.
pub fn examine(file: Option<&Path>, env: &Env) -> Findings {
    let mut layers = Layers::read(file, env);
    let config = match layers.config() {
        Ok(config) => config,
        Err(ConfigError(problems)) => return Findings { problems, doubts: Vec::new() },
    };
    let mut problems = layers.take_problems();
    problems.extend(broken(&config, &layers));
    problems.extend(layers.told(opened::broken(&config)));
    let doubts = [layers.told(rules::doubts(&config)), env.strays()].concat();
    Findings { problems, doubts }
}

/// What is wrong as far as it can be told without opening anything.
fn broken(config: &Config, layers: &Layers) -> Vec<Problem> {
    let found = [rules::broken(config), rules::unset(config, |key| layers.is_default(key))];
    layers.told(found.concat())
}

/// The settings in force, secrets masked.
///
/// # Errors
/// [`ConfigError`] when a file or a variable cannot be read. Values that do not go together are shown.
pub fn show(file: Option<&Path>, env: &Env) -> Result<Vec<Setting>, ConfigError> {
    let mut layers = Layers::read(file, env);
    let problems = layers.take_problems();
    if problems.is_empty() { Ok(layers.settings()) } else { Err(ConfigError(problems)) }
}

#[cfg(test)]
mod tests;
