//! What the server is told: defaults that are embedded and readable, a file over them, the environment over both.

mod json;

use std::fmt;
use std::path::{Path, PathBuf};

use config::{File, FileFormat};
use secrecy::{ExposeSecret, SecretString};
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

/// Every setting with its default, commented.
pub const DEFAULTS: &str = include_str!("default.toml");
const PREFIX: &str = "LITEBOX";
/// Settings that are shown as `***`.
const SECRETS: [&str; 6] = [
    "database.url",
    "gateways.taxpayers.api_key",
    "gateways.device.password",
    "server.page_keys",
    "documents.keys",
    "erasure.key",
];

/// Settings that are lists of tables: JSON in the environment.
const TABLES: [&str; 1] = ["jwt.issuers"];

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
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable cannot be read, has an unknown key or a value of another kind.
    #[error("configuration: {0}")]
    Unreadable(#[from] config::ConfigError),
    /// Values that do not go together.
    #[error("configuration: {key}: {what}")]
    Unfit {
        /// Path of the setting.
        key: &'static str,
        /// What is wrong and what to set.
        what: &'static str,
    },
}

impl Config {
    /// Reads the file, when there is one, and the environment by the known keys. Other variables with the prefix are not
    /// looked at: Kubernetes makes some of its own.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(file: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let config: Self = layered(file, env)?.try_deserialize()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let unfit = |key, what| Err(ConfigError::Unfit { key, what });
        if self.mode == Mode::Live && self.server.page_keys.is_empty() {
            return unfit("server.page_keys", "live mode needs a key of at least 32 bytes");
        }
        if self.mode == Mode::Live && self.documents.keys.is_empty() {
            return unfit("documents.keys", "live mode needs a key: ID:KEY, the key 32 random bytes in base64");
        }
        if self.mode == Mode::Live && self.gateways.taxpayers.api_key.expose_secret().is_empty() {
            tracing::warn!("gateways.taxpayers.api_key is empty: only an on-premises copy answers without one");
        }
        if self.server.token_cache_ms > 60_000 || self.server.access_poll_ms == 0 {
            return unfit("server.token_cache_ms", "at most 60000, and access_poll_ms at least 1");
        }
        if let Err(what) = self.jwt.parse(self.mode) {
            return unfit("jwt.issuers", what);
        }
        if self.limits.lookups_per_hour == 0 {
            return unfit("limits.lookups_per_hour", "must be at least 1");
        }
        if self.limits.in_flight == 0 {
            return unfit("limits.in_flight", "must be at least 1");
        }
        let sections = [
            self.connections.unfit(),
            self.tls.unfit(),
            self.traces.unfit(),
            self.metrics.unfit(),
            self.health.unfit(),
            self.retention.unfit(&self.erasure),
        ];
        if let Some((key, what)) = sections.into_iter().flatten().next() {
            return unfit(key, what);
        }
        if self.worker.concurrency == 0 {
            return unfit("worker.concurrency", "must be at least 1");
        }
        if self.worker.lease_ms < 1_000 {
            return unfit("worker.lease_ms", "must be at least 1000");
        }
        Ok(())
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

/// The settings in force as lines of `key = value`, secrets masked.
///
/// # Errors
/// See [`Config::load`].
pub fn show(file: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Result<Vec<Setting>, ConfigError> {
    let built = layered(file, env)?;
    keys().into_iter().map(|key| Setting::of(&built, key)).collect()
}

fn layered(file: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Result<config::Config, ConfigError> {
    let mut builder = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(path) = file {
        builder = builder.add_source(File::from(path).format(FileFormat::Toml));
    }
    for key in keys() {
        if let Some(value) = env(&variable(&key)) {
            builder = builder.set_override(&key, read(&key, &value)?)?;
        }
    }
    Ok(builder.build()?)
}

/// A setting in force.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// `database.url`
    pub key: String,
    /// Its value as text; `***` for a secret that is set.
    pub value: String,
}

crate::values::discreet::discreet!(Setting { key });

impl Setting {
    fn of(built: &config::Config, key: String) -> Result<Self, ConfigError> {
        let value: config::Value = built.get(&key)?;
        if TABLES.contains(&key.as_str()) {
            return Ok(Self { value: built.get::<serde_json::Value>(&key)?.to_string(), key });
        }
        let text = value.clone().into_string().unwrap_or_else(|_| format!("{:?}", value.kind));
        let empty = text.is_empty() || text == "[]" || text == "Array([])";
        let value = if SECRETS.contains(&key.as_str()) && !empty { "***".to_owned() } else { text };
        Ok(Self { key, value })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key, self.value)
    }
}

/// The environment variable of a setting: `LITEBOX_DATABASE_URL`.
pub fn variable(key: &str) -> String {
    format!("{PREFIX}_{}", key.replace('.', "_").to_uppercase())
}

/// A list is written with commas; the rest is converted to the kind of the setting when it is read.
fn read(key: &str, value: &str) -> Result<config::Value, ConfigError> {
    if TABLES.contains(&key) {
        return json::value(value).map_err(|_| ConfigError::Unfit { key: TABLES[0], what: "must be a JSON array" });
    }
    let list = defaults(key).is_some_and(|v| v.is_array());
    if !list {
        return Ok(value.into());
    }
    let items = value.split(',').map(str::trim).filter(|i| !i.is_empty()).map(config::Value::from);
    Ok(items.collect::<Vec<_>>().into())
}

/// All keys, in the order of the defaults.
pub fn keys() -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(table) = DEFAULTS.parse::<toml::Table>() {
        collect("", &table, &mut found);
    }
    found
}

fn collect(path: &str, table: &toml::Table, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(inner) => collect(&path, inner, found),
            _ => found.push(path),
        }
    }
}

fn defaults(key: &str) -> Option<toml::Value> {
    let table = DEFAULTS.parse::<toml::Table>().ok()?;
    key.split('.').try_fold(toml::Value::Table(table), |value, part| value.get(part).cloned())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut temp = tempfile::NamedTempFile::new().unwrap();
        temp.write_all(file.as_bytes()).unwrap();
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Config::load(Some(temp.path()), find)
    }

    #[test]
    fn the_defaults_load_and_every_section_agrees_with_its_type() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.mode, Mode::Test);
        assert_eq!(config.worker.lease_ms, WorkerConfig::default().lease_ms);
        assert_eq!(config.database.pool_size, DatabaseConfig::default().pool_size);
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
        let file = "[server]\nlisten = \"a:1\"\ndeadline_ms = 5\n";
        let env = [("LITEBOX_SERVER_LISTEN", "b:2"), ("LITEBOX_SERVER_PAGE_KEYS", "one, two")];
        let config = load(file, &env).unwrap();
        assert_eq!((config.server.listen.as_str(), config.server.deadline_ms), ("b:2", 5));
        assert_eq!(config.server.page_keys.len(), 2);
    }

    #[test]
    fn unknown_keys_wrong_kinds_and_unfit_values_are_refused_by_name() {
        let cases = [
            ("[server]\nlisen = \"a\"\n", "lisen"),
            ("[worker]\nlease_ms = \"soon\"\n", "lease_ms"),
            ("mode = \"prod\"\n", "prod"),
            ("mode = \"live\"\n", "server.page_keys"),
            ("mode = \"live\"\n[server]\npage_keys = [\"k\"]\n", "documents.keys"),
            ("[worker]\nconcurrency = 0\n", "worker.concurrency"),
            ("[limits]\nin_flight = 0\n", "limits.in_flight"),
            ("[connections]\nper_peer = 0\n", "connections.per_peer"),
            ("[tls]\ncert = \"cert.pem\"\n", "tls.key"),
            ("[health]\nfailures = 0\n", "health"),
            ("[metrics]\npoll_ms = 0\n", "metrics.poll_ms"),
            ("[traces]\nsample_ratio = 1.5\n", "traces.sample_ratio"),
            ("[traces]\notlp_endpoint = \"collector:4317\"\n", "traces.otlp_endpoint"),
        ];
        for (file, named) in cases {
            let error = load(file, &[]).unwrap_err().to_string();
            assert!(error.contains(named), "{named}: {error}");
        }
    }

    #[test]
    fn secrets_are_masked_where_settings_are_shown() {
        let env = |name: &str| match name {
            "LITEBOX_DATABASE_URL" => Some("postgres://u:hidden@h/d".to_owned()),
            "LITEBOX_DOCUMENTS_KEYS" => Some("k1:hidden,k2:hidden".to_owned()),
            _ => None,
        };
        let shown = show(None, env).unwrap();
        for secret in ["database.url", "documents.keys"] {
            assert!(shown.iter().any(|s| s.to_string() == format!("{secret} = ***")));
        }
        assert!(shown.iter().all(|s| !s.value.contains("hidden")));
    }
}
