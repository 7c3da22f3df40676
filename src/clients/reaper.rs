//! Ends registrations that were left unfinished: asks the account service what became of them, or has it void them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::model::Client;
use super::store::Store;
use crate::clock::Clock;
use crate::gateways::accounts::Accounts;
use crate::gateways::{Gateway, Told};
use crate::storage::StoreError;
use crate::values::PartnerScope;

/// A client whose question failed is asked about again after this time.
const LEASE_MS: i64 = 60_000;
const BATCH: u32 = 20;
const PAUSE: Duration = Duration::from_secs(30);

/// The reaper. Any number may run: each takes clients of its own.
#[derive(Clone)]
pub struct Reaper {
    store: Store,
    accounts: Arc<dyn Accounts>,
    clock: Clock,
}

impl Reaper {
    /// A reaper over this store.
    pub const fn new(store: Store, accounts: Arc<dyn Accounts>, clock: Clock) -> Self {
        Self { store, accounts, clock }
    }

    /// Works until `stop`, and ends what it is at. Clients that it has not come to are looked at again when their lease runs
    /// out: nobody waits for them.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.pass(&stop).await {
                warn!(%error, "the reaper of clients cannot work");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Ends what is due now; answers how many clients it ended.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer. What was ended stays ended.
    pub async fn round(&self) -> Result<usize, StoreError> {
        self.pass(&CancellationToken::new()).await
    }

    async fn pass(&self, stop: &CancellationToken) -> Result<usize, StoreError> {
        match self.store.db.allowed(Gateway::Accounts).await {
            // A partner could not have finished them meanwhile.
            Err(StoreError::Stopped(_)) => return Ok(0),
            allowed => allowed?,
        }
        let mut ended = 0;
        for (scope, client) in self.store.claim(BATCH, LEASE_MS).await? {
            if stop.is_cancelled() {
                break;
            }
            match self.end(scope, &client).await {
                Ok(true) => ended += 1,
                // Not answered, or a call is at work on it: the lease runs out and it is looked at again.
                Ok(false) | Err(StoreError::Contention) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    async fn end(&self, scope: PartnerScope, client: &Client) -> Result<bool, StoreError> {
        let now_ms = self.clock.now_ms();
        match self.accounts.report_or_void(client.effect()).await {
            Ok(Told::Done(account)) => {
                self.store.activate(scope, client, &account.account_id, account.password_version, now_ms).await?;
                info!(client = %client.id, "an unfinished client turned out to be ACTIVE");
            }
            Ok(Told::Void | Told::Refused(_)) => {
                self.store.abandon(scope, client, now_ms).await?;
                info!(client = %client.id, "an unfinished client is ABANDONED");
            }
            Ok(Told::InProgress) => return Ok(false),
            Err(setback) => {
                warn!(client = %client.id, %setback, "the account service does not tell about a client");
                return Ok(false);
            }
        }
        Ok(true)
    }
}
