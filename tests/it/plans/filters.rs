//! Asks for everything that may be asked for in lists, alone and together: with each choice a statement is another one.

use litebox_partner::clients::model::{Filter as Clients, Order, StateName};
use litebox_partner::clients::store::{End, Store as ClientStore};
use litebox_partner::kkt::model::{Filter as Kkts, WaitingFor};
use litebox_partner::kkt::state::Name;
use litebox_partner::kkt::store::Store as KktStore;
use litebox_partner::storage::crossing::erasure::{abandoned, drop_documents, drop_requests};
use litebox_partner::storage::crossing::support::{self, AuditFilter, ClientFilter};
use litebox_partner::storage::{Backend, Db};
use litebox_partner::values::{ClientId, FnSerial, Inn, KktId, KktSerial, PartnerId, PartnerScope, Rnm};
use uuid::Uuid;

use crate::support::database::{TestDb, backends};

const ID: Uuid = Uuid::from_u128(1);
const NOW: i64 = 1_795_000_000_000;

fn inn() -> Inn {
    Inn::parse("7707083893").unwrap()
}

/// Takes something or nothing, as the next bit of a choice says.
struct Choice(u32);

impl Choice {
    fn of<T>(&mut self, value: T) -> Option<T> {
        let chosen = self.0 & 1 == 1;
        self.0 >>= 1;
        chosen.then_some(value)
    }
}

async fn clients(db: &Db, scope: PartnerScope) {
    let store = ClientStore::new(db.clone());
    for choice in 0..1 << 6 {
        let mut one = Choice(choice);
        let filter = Clients {
            inn: one.of(inn()),
            text: one.of("ромашка".to_owned()),
            external_ref: one.of("A-1".to_owned()),
            states: one.of(StateName::Active).into_iter().collect(),
            created_from_ms: one.of(NOW),
            created_before_ms: one.of(NOW),
        };
        let (made, named) = (End::Made(ClientId::new(ID), NOW), End::Named(ClientId::new(ID), "Ромашка".to_owned()));
        for (order, end) in [(Order::Newest, &made), (Order::Oldest, &made), (Order::Company, &named)] {
            for after in [None, Some(end)] {
                store.list(scope, &filter, order, after, 26).await.unwrap();
            }
        }
    }
}

async fn kkts(db: &Db, scope: PartnerScope) {
    let store = KktStore::new(db.clone());
    for choice in 0..1 << 10 {
        let mut one = Choice(choice);
        let filter = Kkts {
            client_id: one.of(ClientId::new(ID)),
            states: one.of(Name::Registered).into_iter().collect(),
            serial: one.of(KktSerial::parse("0149060006000651").unwrap()),
            fn_serial: one.of(FnSerial::parse("9960440300123456").unwrap()),
            rnm: one.of(Rnm::parse("0149060006035849").unwrap()),
            inn: one.of(inn()),
            waiting_for: one.of(WaitingFor::Fns),
            external_ref: one.of("A-1".to_owned()),
            overdue: one.of(true),
        };
        store.list(scope, &filter, one.of((NOW, ID)), 26, NOW).await.unwrap();
    }
    for ids in [vec![], vec![KktId::new(ID)]] {
        store.changed(scope, &ids, NOW, 100).await.unwrap();
    }
    // Asked only after a restore.
    store.devices_of_others(scope, KktId::new(ID)).await.unwrap();
}

/// What operators look for among everybody's.
async fn everybodys(db: &Db, partner: PartnerId) {
    for choice in 0..1 << 3 {
        let mut one = Choice(choice);
        let filter = AuditFilter { kkt: one.of(KktId::new(ID)), partner: one.of(partner), since_ms: one.of(NOW) };
        support::audit(db, &filter).await.unwrap();
        let mut one = Choice(choice);
        let filter = ClientFilter { partner: one.of(partner), state: one.of("ACTIVE"), inn: one.of(inn()) };
        support::clients(db, &filter).await.unwrap();
    }
    support::untried(db, &["RESERVING", "REGISTERED"], NOW).await.unwrap();
    for after in [None, Some((NOW, ID))] {
        abandoned(db, NOW, after, 100).await.unwrap();
    }
    // Everything is old. The number is one that nobody else asks with: else others' values may be all that is kept of the text.
    drop_requests(db, 9 * NOW, 499).await.unwrap();
    drop_documents(db, 9 * NOW, 499).await.unwrap();
}

#[tokio::test]
async fn lists_take_every_choice_of_filters() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let database = TestDb::new(Backend::Postgres).await;
    let partner = PartnerId::new(ID);
    clients(&database.db, PartnerScope::new(partner)).await;
    kkts(&database.db, PartnerScope::new(partner)).await;
    everybodys(&database.db, partner).await;
}
