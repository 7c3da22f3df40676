//! One process of the service: what answers calls and what works, on a database and on the outside in memory.

use std::sync::Arc;

use litebox_partner::clock::{Clock, Ids};
use litebox_partner::gateways::World as Mode;
use litebox_partner::kkt::application::Format;
use litebox_partner::kkt::papers::Papers;
use litebox_partner::kkt::policy::WorkerConfig;
use litebox_partner::kkt::service::Service;
use litebox_partner::kkt::signal::Signal;
use litebox_partner::kkt::store::Store;
use litebox_partner::kkt::worker::Worker;
use litebox_partner::metrics::Meters;
use litebox_partner::page::PageKeys;
use litebox_partner::storage::Db;
use litebox_partner::storage::vault::Vault;
use tokio::sync::Semaphore;

use super::stage::Stage;
use super::world::World;

pub struct Process {
    pub db: Db,
    pub service: Service,
    pub worker: Worker,
}

impl Process {
    pub fn start(stage: &Stage, db: Db, world: &Arc<World>, clock: &Clock, config: WorkerConfig) -> Self {
        let (gateways, signal, store) = (world.gateways(), Signal::new(), Store::new(db.clone()));
        let service = Service {
            store: store.clone(),
            clients: stage.clients(),
            gateways: gateways.clone(),
            catalogue: Arc::clone(&stage.catalogue),
            clock: clock.clone(),
            ids: Ids::system(),
            world: Mode::Test,
            signal: signal.clone(),
            pages: PageKeys::new([[7; 32]]).unwrap(),
            hires: Arc::new(Semaphore::new(1)),
            papers: Papers::new(db.clone(), vault(clock)),
        };
        let worker = Worker {
            store,
            gateways,
            catalogue: Arc::clone(&stage.catalogue),
            clock: clock.clone(),
            config,
            format: Format::default(),
            signal,
            world: Mode::Test,
            vault: vault(clock),
            meters: Meters::default(),
        };
        Self { db, service, worker }
    }
}

/// Without a key: nothing is kept of the exchange.
fn vault(clock: &Clock) -> Vault {
    Vault::new([].into_iter(), clock.clone(), Ids::system()).unwrap()
}
