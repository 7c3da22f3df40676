//! Partners at work: they register clients and cash registers, burn, cancel, look and watch, and write everything down.

pub mod book;
pub mod caller;
pub mod watcher;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use litebox_partner::pb::kkt as pb;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::fleet::Fleet;
use crate::clients::inn;
use crate::kkt::shop;
use crate::model::dice::Dice;
use crate::support::fresh_id;
use book::Book;
use caller::Caller;

/// What a partner does with a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The burn is ordered with the registration.
    Automatic,
    /// The burn is asked for by a call of its own.
    Asked,
    /// Given up once it has come so far, by the number of the state; when that is too late it goes on to its card.
    GivenUp(i32),
}

impl Plan {
    /// Any, with a preference for those that end well.
    pub fn any(dice: &mut Dice) -> Self {
        match dice.roll(10) {
            0..=4 => Self::Automatic,
            5..=7 => Self::Asked,
            _ => Self::GivenUp(1 + i32::try_from(dice.roll(6)).unwrap()),
        }
    }
}

/// The load on a fleet. Cheap to clone.
#[derive(Clone)]
pub struct Load {
    pub fleet: Arc<Fleet>,
    pub book: Arc<Book>,
    /// Registers that have been ordered.
    next: Arc<AtomicU32>,
}

/// How long a registration may take before it counts as hanging.
const HANGS: Duration = Duration::from_secs(150);

impl Load {
    pub fn new(fleet: Fleet) -> Self {
        Self { fleet: Arc::new(fleet), book: Arc::default(), next: Arc::new(AtomicU32::new(1)) }
    }

    /// A partner's program.
    pub fn caller(&self, partner: usize) -> Caller {
        Caller::new(&self.fleet, &self.book, partner)
    }

    /// Registers a client of a partner; its id.
    pub async fn client(&self, partner: usize) -> String {
        let n = self.number();
        let request = shop::register(inn(780_000_000 + n).as_str());
        self.caller(partner).register(request).await.unwrap().to_string()
    }

    /// A number that no client and no register has yet.
    pub fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// An order for a new register of a partner.
    pub async fn order(&self, partner: usize, client: &str) -> pb::QuickRegisterRequest {
        let n = self.number();
        let device = self.fleet.device(partner, n).await;
        shop::order(client, &device, n)
    }

    /// One registration from the order to its end; the end's name.
    pub async fn registration(&self, partner: usize, client: &str, plan: Plan) -> String {
        let caller = self.caller(partner);
        let mut order = self.order(partner, client).await;
        order.fiscalize_automatically = plan != Plan::Asked;
        let serial = caller::serial(&order);
        let id = caller.quick_register(order).await.unwrap();
        match plan {
            Plan::Automatic => {}
            Plan::Asked => self.burn(&caller, id).await,
            Plan::GivenUp(when) => self.give_up(&caller, id, when).await,
        }
        let end = self.reach(&caller, id, |kkt| kkt.state() as i32 >= pb::KktState::Registered as i32).await;
        let listed = caller.listed(&serial).await;
        assert!(listed.iter().any(|kkt| kkt.id == end.id && kkt.state == end.state), "{serial} is not listed");
        end.state().as_str_name().trim_start_matches("KKT_STATE_").to_owned()
    }

    async fn burn(&self, caller: &Caller, id: Uuid) {
        self.reach(caller, id, |kkt| kkt.state() as i32 >= pb::KktState::ReadyToFiscalize as i32).await;
        let how = Some(pb::fiscalize_request::How::Automatic(pb::AutomaticFiscalization {}));
        let request = pb::FiscalizeRequest { request_id: fresh_id(), kkt_id: id.to_string(), how };
        assert_eq!(caller.fiscalize(request).await, Ok(id));
    }

    /// Refused when the registration has been burnt meanwhile.
    async fn give_up(&self, caller: &Caller, id: Uuid, when: i32) {
        self.reach(caller, id, |kkt| kkt.state() as i32 >= when).await;
        let request = pb::CancelRequest { request_id: fresh_id(), kkt_id: id.to_string() };
        match caller.cancel(request).await {
            Ok(cancelled) => assert_eq!(cancelled, id),
            Err(reason) => assert!(["WRONG_KKT_STATE", "KKT_REQUIREMENTS_NOT_MET"].contains(&&*reason), "{reason}"),
        }
    }

    /// Looks until the registration is as wanted.
    pub async fn reach(&self, caller: &Caller, id: Uuid, wanted: impl Fn(&pb::Kkt) -> bool) -> pb::Kkt {
        let looking = async {
            loop {
                let kkt = caller.get(id).await;
                if wanted(&kkt) {
                    return kkt;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(HANGS, looking).await {
            Ok(kkt) => kkt,
            Err(_) => panic!("{id} hangs: {:?}", caller.get(id).await),
        }
    }

    /// Registrations of all partners, `width` at a time, until there are `count` or `enough` is told; how they ended.
    pub async fn run(&self, width: usize, count: u64, seed: u64, enough: CancellationToken) -> Ends {
        let clients = self.clients().await;
        let (mut dice, mut running, mut ends) = (Dice::new(seed), JoinSet::new(), Ends::default());
        for n in 0..count {
            if enough.is_cancelled() {
                break;
            }
            if running.len() >= width {
                ends.add(running.join_next().await);
            }
            let partner = usize::try_from(n).unwrap() % clients.len();
            let (load, client, plan) = (self.clone(), clients[partner].clone(), Plan::any(&mut dice));
            running.spawn(async move { load.registration(partner, &client, plan).await });
        }
        while let Some(end) = running.join_next().await {
            ends.add(Some(end));
        }
        ends
    }

    async fn clients(&self) -> Vec<String> {
        let mut clients = Vec::new();
        for partner in 0..self.fleet.partners.len() {
            clients.push(self.client(partner).await);
        }
        clients
    }
}

/// How registrations ended.
#[derive(Debug, Default)]
pub struct Ends {
    pub registered: u64,
    pub cancelled: u64,
}

impl Ends {
    fn add(&mut self, end: Option<Result<String, tokio::task::JoinError>>) {
        match end.unwrap().unwrap().as_str() {
            "REGISTERED" => self.registered += 1,
            "CANCELLED" => self.cancelled += 1,
            other => panic!("a registration ended {other}"),
        }
    }

    pub const fn join(&mut self, other: Self) {
        self.registered += other.registered;
        self.cancelled += other.cancelled;
    }

    pub const fn all(&self) -> u64 {
        self.registered + self.cancelled
    }

    pub fn summary(&self) -> String {
        format!("{} registered, {} cancelled, 0 violations", self.registered, self.cancelled)
    }
}
