//! The client slice on both databases, with the real gateways and a sandbox behind them.

mod interrupted;
mod list;
mod register;

use std::sync::Arc;

use litebox_partner::catalogue::Catalogue;
use litebox_partner::clients::card::Card;
use litebox_partner::clients::model::{ClientsConfig, Register, State};
use litebox_partner::clients::reaper::Reaper;
use litebox_partner::clients::service::{ClientService, Parts};
use litebox_partner::clients::store::Store;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::failure::Failure;
use litebox_partner::gateways::breaker::BreakerConfig;
use litebox_partner::gateways::config::{AtolConfig, DaDataConfig, GatewaysConfig, RpcConfig};
use litebox_partner::gateways::{Gateways, World};
use litebox_partner::page::PageKeys;
use litebox_partner::partners::model::{Caller, Identity, Scopes, Theme};
use litebox_partner::partners::quota::Quota;
use litebox_partner::partners::token::KeyId;
use litebox_partner::sandbox::ledger::Kind;
use litebox_partner::sandbox::{Options, Sandbox, start};
use litebox_partner::storage::Db;
use litebox_partner::storage::entity::partner;
use litebox_partner::values::{Address, AddressParts, Email, Inn, PartnerId, PartnerScope, Password, Phone, RequestId};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use uuid::Uuid;

use crate::support::database::TestDb;

/// The service with a sandbox of its own.
struct Stage {
    db: Db,
    sandbox: Sandbox,
    gateways: Gateways,
    config: ClientsConfig,
    _database: TestDb,
}

impl Stage {
    async fn new(database: TestDb) -> Self {
        Self::with(database, ClientsConfig::default()).await
    }

    async fn with(database: TestDb, config: ClientsConfig) -> Self {
        let sandbox = start(Options { argon2: false, ..Options::default() }).await.unwrap();
        let dadata = DaDataConfig { base_url: sandbox.http_url(), api_key: "key-1".into(), ..DaDataConfig::default() };
        let rpc = || RpcConfig::at(sandbox.grpc_url());
        let outside = GatewaysConfig {
            breaker: BreakerConfig::default(),
            taxpayers: dadata,
            accounts: rpc(),
            fns: rpc(),
            ofd: rpc(),
            device: AtolConfig::default(),
        };
        let gateways = Gateways::connect(&outside, World::Test, &Ids::system()).unwrap();
        Self { db: database.db.clone(), sandbox, gateways, config, _database: database }
    }

    fn service(&self) -> ClientService {
        ClientService::new(Parts {
            store: Store::new(self.db.clone()),
            taxpayers: self.gateways.taxpayers.clone(),
            accounts: self.gateways.accounts.clone(),
            catalogue: Arc::new(Catalogue::embedded().unwrap()),
            pages: PageKeys::new([[7; 32]]).unwrap(),
            config: self.config.clone(),
            quota: Quota::new(self.db.clone(), 600),
            clock: Clock::system(),
            ids: Ids::system(),
        })
    }

    fn reaper(&self) -> Reaper {
        Reaper::new(Store::new(self.db.clone()), self.gateways.accounts.clone(), Clock::system())
    }

    async fn partner(&self, number: u128) -> Caller {
        let id = Uuid::from_u128(number);
        let row = partner::ActiveModel {
            id: Set(id),
            name: Set("Партнёр".into()),
            theme: Set("LITEBOX".into()),
            enabled: Set(true),
            created_ms: Set(1),
        };
        row.insert(self.db.direct()).await.unwrap();
        Caller {
            scope: PartnerScope::new(PartnerId::new(id)),
            who: Identity::Token(KeyId::parse("abcdefghijkl").unwrap()),
            scopes: Scopes::all(),
            theme: Theme::LiteBox,
            until_ms: None,
        }
    }

    /// What it answers is what is kept.
    async fn register(&self, caller: &Caller, order: &Register) -> Result<Card, Failure> {
        let card = self.service().register(caller, order).await.map(Option::unwrap)?;
        assert_eq!(self.service().get(caller.scope, card.client.id).await.as_ref(), Ok(&card));
        Ok(card)
    }

    fn effects(&self, operation: &str) -> usize {
        self.sandbox.entries().iter().filter(|e| e.is(Kind::Effect, operation)).count()
    }

    fn commands(&self, operation: &str) -> usize {
        self.sandbox.entries().iter().filter(|e| e.is(Kind::Command, operation)).count()
    }

    async fn signs_in(&self, login: &str, password: &str) -> bool {
        let body = serde_json::json!({"login": login, "password": password});
        let url = format!("{}/sandbox/sign-in", self.sandbox.http_url());
        reqwest::Client::new().post(url).json(&body).send().await.unwrap().status().is_success()
    }
}

/// An organization's INN with these nine digits.
pub fn inn(nine: u32) -> Inn {
    let digits: Vec<u32> = format!("{nine:09}").bytes().map(|b| u32::from(b - b'0')).collect();
    let sum: u32 = digits.iter().zip([2, 4, 10, 3, 5, 9, 4, 6, 8]).map(|(d, w)| d * w).sum();
    Inn::parse(&format!("{nine:09}{}", sum % 11 % 10)).unwrap()
}

fn request() -> RequestId {
    RequestId::new(Ids::system().uuid_v7(&Clock::system()))
}

/// An order with a request id of its own.
fn order(inn: &str, email: &str) -> Register {
    let parts = AddressParts {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "Москва".into(),
        street: "ул Вавилова".into(),
        house: "19".into(),
        ..AddressParts::default()
    };
    Register {
        request_id: request(),
        inn: Inn::parse(inn).unwrap(),
        address: Address::parse(parts).unwrap(),
        phone: Phone::parse("911-111-1111").unwrap(),
        email: Email::parse(email).unwrap(),
        password: password("aB1!_-"),
        last_name: None,
        first_name: None,
        company: None,
        external_ref: None,
        validate_only: false,
    }
}

fn password(text: &str) -> Password {
    Password::parse(text, 6).unwrap()
}

fn is_active(card: &Card) -> bool {
    matches!(card.client.state, State::Active { .. })
}
