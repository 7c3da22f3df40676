//! What everything is made of, and what is made of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::clients::{service as clients, store::Store as ClientStore};
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::erasure::key::Malformed;
use crate::erasure::retention::Retention;
use crate::erasure::service::Erasures;
use crate::gateways::Gateways;
use crate::grpc::auth::Auth;
use crate::grpc::call::Calls;
use crate::grpc::client_service::ClientApi;
use crate::grpc::deadline::Deadline;
use crate::grpc::edge::doors::Doors;
use crate::grpc::edge::tls::TlsError;
use crate::grpc::kkt_service::KktApi;
use crate::grpc::pace::Pace;
use crate::grpc::places::Places;
use crate::grpc::quiet::Quiet;
use crate::grpc::server::Parts;
use crate::grpc::watch_stream::Streams;
use crate::kkt::hire;
use crate::kkt::papers::Papers;
use crate::kkt::signal::Signal;
use crate::kkt::{application::Format, service as kkt, store::Store as KktStore, worker::Worker};
use crate::metrics::Meters;
use crate::page::PageKeys;
use crate::partners::access::Access;
use crate::partners::jwt::Services;
use crate::partners::quota::Quota;
use crate::partners::rate::Rate;
use crate::storage::Db;
use crate::storage::vault::Vault;

/// What both slices are made of.
pub(super) struct Ground {
    pub db: Db,
    pub gateways: Gateways,
    pub catalogue: Arc<Catalogue>,
    pub pages: PageKeys,
    pub signal: Signal,
    pub vault: Vault,
    pub clock: Clock,
    pub ids: Ids,
    pub meters: Meters,
}

impl Ground {
    pub fn parts(&self, config: &Config, closing: CancellationToken, services: Services) -> Result<Parts, TlsError> {
        let ms = Duration::from_millis;
        let (longest, poll) = (ms(config.server.stream_ms), ms(config.server.watch_poll_ms));
        let remembered = ms(config.server.token_cache_ms);
        let limits = &config.limits;
        let access = Access::new(self.db.clone(), self.clock.clone(), config.mode, remembered).with(services);
        let rate = Rate::new(limits.calls_per_second, limits.calls_at_once, self.clock.clone());
        Ok(Parts {
            clients: ClientApi::new(self.clients(config), config.clients.password_min_length),
            kkts: KktApi::new(
                self.kkts(config),
                Streams { longest, poll, stop: closing, places: Places::of_streams(limits.watch_streams) },
            ),
            auth: Auth { access, rate: rate.clone(), open_reflection: config.server.open_reflection },
            calls: Calls {
                clock: self.clock.clone(),
                ids: self.ids.clone(),
                follow_callers: config.traces.follow_callers,
                meters: self.meters.clone(),
                quiet: Quiet::default(),
            },
            deadline: Deadline { cap: ms(config.server.deadline_ms) },
            pace: Pace { rate, under_way: Places::of_calls(limits.calls_under_way) },
            doors: self.doors(config, longest)?,
        })
    }

    fn doors(&self, config: &Config, longest: Duration) -> Result<Doors, TlsError> {
        let in_flight = config.limits.in_flight;
        Doors::new(&config.connections, &config.tls, in_flight, longest, &self.ids, &self.meters)
    }

    fn clients(&self, config: &Config) -> clients::ClientService {
        clients::ClientService::new(clients::Parts {
            store: ClientStore::new(self.db.clone()),
            taxpayers: self.gateways.taxpayers.clone(),
            accounts: self.gateways.accounts.clone(),
            catalogue: self.catalogue.clone(),
            pages: self.pages.clone(),
            config: config.clients.clone(),
            quota: Quota::new(self.db.clone(), config.limits.lookups_per_hour),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        })
    }

    fn kkts(&self, config: &Config) -> kkt::Service {
        kkt::Service {
            store: KktStore::new(self.db.clone()),
            clients: ClientStore::new(self.db.clone()),
            gateways: self.gateways.clone(),
            catalogue: self.catalogue.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            world: config.world(),
            signal: self.signal.clone(),
            hires: Arc::new(Semaphore::new(hire::at_once(self.db.backend()))),
            pages: self.pages.clone(),
            papers: Papers::new(self.db.clone(), self.vault.clone()),
        }
    }

    pub fn retention(&self, config: &Config) -> Result<Retention, Malformed> {
        let (db, clock, ids) = (self.db.clone(), self.clock.clone(), self.ids.clone());
        Ok(Retention::new(Erasures { db, key: config.erasure.key()?, clock, ids }, config.retention))
    }

    pub fn worker(&self, config: &Config) -> Worker {
        let receiver = Some(config.application.receiver.clone()).filter(|office| !office.is_empty());
        Worker {
            store: KktStore::new(self.db.clone()),
            gateways: self.gateways.clone(),
            catalogue: self.catalogue.clone(),
            clock: self.clock.clone(),
            config: config.worker.clone(),
            world: config.world(),
            format: Format { version: config.application.version.clone(), receiver },
            signal: self.signal.clone(),
            vault: self.vault.clone(),
            meters: self.meters.clone(),
        }
    }
}
