//! What operators' commands stand on: the configured database, and what is built on it.

use std::sync::Arc;

use super::CliError;
use crate::catalogue::Catalogue;
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::gateways::Gateways;
use crate::partners::service::Partners;
use crate::storage::{Db, Schema};
use crate::support::service::Support;

/// The operator's commands on the configured database.
pub async fn partners(config: &Config) -> Result<Partners, CliError> {
    Ok(Partners::new(database(config).await?, Clock::system(), Ids::system(), config.mode))
}

/// Support's commands on the configured database.
pub async fn support(config: &Config) -> Result<Support, CliError> {
    let (clock, ids) = (Clock::system(), Ids::system());
    Ok(Support {
        db: database(config).await?,
        catalogue: Arc::new(Catalogue::load(config.catalogue_dir())?),
        accounts: Gateways::connect(&config.gateways, config.world(), &ids)?.accounts,
        vault: crate::app::vault(config, &clock, &ids)?,
        clock,
        ids,
    })
}

/// A command waits for a connection at least so long, milliseconds: a person would only type it again.
const PATIENCE_MS: u64 = 10_000;

/// The configured database, when its schema is known to this program. One that is not there is not made.
pub async fn database(config: &Config) -> Result<Db, CliError> {
    if let Some(file) = config.database.file().filter(|file| !file.exists()) {
        return Err(CliError::NoDatabase { file });
    }
    let mut patient = config.database.clone();
    patient.acquire_timeout_ms = patient.acquire_timeout_ms.max(PATIENCE_MS);
    let db = Db::connect(&patient).await?;
    match db.schema().await? {
        Schema::Older { missing } => Err(CliError::OldSchema(missing)),
        Schema::Current | Schema::Newer => Ok(db),
    }
}
