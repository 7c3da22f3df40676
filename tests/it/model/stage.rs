//! A database with a partner, a client and two assigned devices, on which sequences are played one after the other.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use litebox_partner::catalogue::Catalogue;
use litebox_partner::clients;
use litebox_partner::clock::{Clock, Ids};
use litebox_partner::fleet::service::Fleets;
use litebox_partner::partners::model::{HubDevice, HubUrl, Label, Theme};
use litebox_partner::partners::service::{NewDevice, Partners};
use litebox_partner::partners::token::Mode;
use litebox_partner::progress::Count;
use litebox_partner::storage::audit::Desk;
use litebox_partner::storage::entity::{client, kkt};
use litebox_partner::storage::{DatabaseConfig, Db};
use litebox_partner::values::{ClientId, DeviceId, FnSerial, KktId, KktSerial, PartnerScope, RequestId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, Statement};
use uuid::Uuid;

use crate::documents::known;
use crate::support::act;

const FLEET_HEAD: &str = "model,serial,fn,device_id,state";

pub struct Stage {
    pub db: Db,
    pub scope: PartnerScope,
    pub client: ClientId,
    pub devices: [DeviceId; 2],
    pub catalogue: Arc<Catalogue>,
    /// Numbers of cash registers and drives are never used again.
    next: Cell<u64>,
    _folder: tempfile::TempDir,
}

impl Stage {
    /// In memory where there is a file system for that: promises are tested here, not disks.
    pub async fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let url = format!("sqlite:{}", folder.path().join("model.db").display());
        let config = DatabaseConfig { url: url.into(), pool_size: 2, ..DatabaseConfig::default() };
        let db = Db::connect(&config).await.unwrap();
        db.migrate().await.unwrap();
        let partners = Partners::new(db.clone(), Clock::system(), Ids::system(), Mode::Test).acting(act());
        let partner = partners.add(Label::name("Партнёр").unwrap(), Theme::LiteBox).await.unwrap().id;
        let mut devices = Vec::new();
        for hub_device in ["left", "right"] {
            let new = NewDevice {
                id: None,
                hub: HubUrl::parse("http://127.0.0.1:1").unwrap(),
                hub_device: HubDevice::parse(hub_device).unwrap(),
                note: Label::default(),
            };
            devices.push(partners.assign(partner, new).await.unwrap().id);
        }
        let client = Uuid::from_u128(7);
        shop(partner.uuid(), client).insert(db.direct()).await.unwrap();
        Self {
            db,
            scope: PartnerScope::new(partner),
            client: ClientId::new(client),
            devices: [devices[0], devices[1]],
            catalogue: Arc::new(Catalogue::embedded().unwrap()),
            next: Cell::new(1),
            _folder: folder,
        }
    }

    /// A number that has not been given before.
    pub fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// Whatever an earlier sequence has left is not looked at any more.
    pub async fn forget(&self) {
        self.execute("UPDATE kkt SET due_ms = NULL WHERE due_ms IS NOT NULL").await;
    }

    /// So much time passes that everything is due and every lease has ended.
    pub async fn pass(&self) {
        self.execute("UPDATE kkt SET due_ms = 0, lease_until_ms = 0 WHERE due_ms IS NOT NULL").await;
    }

    /// What `kkt retry` does: the worker looks at once.
    pub async fn retry(&self, id: KktId) {
        let update = kkt::Entity::update_many().col_expr(kkt::Column::DueMs, Expr::val(0_i64));
        update.filter(kkt::Column::Id.eq(id.uuid())).exec(self.db.direct()).await.unwrap();
    }

    /// The registrations that this order made: one, unless a promise is broken.
    pub async fn made_by(&self, order: RequestId) -> Vec<KktId> {
        let made = kkt::Entity::find().filter(kkt::Column::RequestId.eq(order.uuid()));
        made.all(self.db.direct()).await.unwrap().into_iter().map(|row| KktId::new(row.id)).collect()
    }

    /// Rows about this registration that belong to another partner than it does.
    pub async fn strays(&self, kkt: KktId) -> Vec<String> {
        let mut strays = Vec::new();
        for (table, key) in
            [("effect", "kkt_id"), ("kkt_history", "kkt_id"), ("document", "kkt_id"), ("request", "resource_id")]
        {
            let (mine, id) = (self.scope.partner().uuid(), kkt.uuid());
            let sql = format!("SELECT 1 FROM {table} WHERE {key} = ? AND partner_id <> ?");
            let query = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [id.into(), mine.into()]);
            let found = self.db.direct().query_all_raw(query).await.unwrap();
            strays.extend(found.first().map(|_| format!("{} rows of {table}", found.len())));
        }
        strays
    }

    /// The partner's fleet is this register, and nothing else.
    pub async fn hire_out(&self, serial: &KktSerial, fn_serial: &FnSerial) {
        self.execute("DELETE FROM fleet").await;
        let (catalogue, device) = (Arc::clone(&self.catalogue), self.devices[0]);
        let fleets = Fleets {
            db: self.db.clone(),
            catalogue,
            clock: Clock::system(),
            ids: Ids::system(),
            progress: Count::default(),
        };
        let line = format!("АТОЛ 30Ф,{},{},{device},", serial.as_str(), fn_serial.as_str());
        let (desk, file) = (Desk::new(Clock::system(), Ids::system(), act()), format!("{FLEET_HEAD}\n{line}\n"));
        fleets.import(&desk, self.scope.partner(), file.as_bytes(), false).await.unwrap();
    }

    pub async fn execute(&self, sql: &str) {
        self.db.direct().execute_unprepared(sql).await.unwrap();
    }

    pub fn clients(&self) -> clients::store::Store {
        clients::store::Store::new(self.db.clone())
    }
}

fn shop(partner: Uuid, id: Uuid) -> client::ActiveModel {
    let taxpayer = known::company().taxpayer;
    let address = serde_json::json!({
        "postal_code": "117997", "region": "г Москва", "city": "Москва", "settlement": "", "street": "ул Вавилова",
        "house": "19", "building": "", "flat": "",
    });
    client::ActiveModel {
        id: Set(id),
        partner_id: Set(partner),
        inn: Set(taxpayer.inn.as_str().to_owned()),
        state: Set("ACTIVE".into()),
        login: Set("shop@example.ru".into()),
        phone: Set("911-111-1111".into()),
        company: Set("ООО \"РОМАШКА\"".into()),
        last_name: Set("Петрова".into()),
        first_name: Set("Анна".into()),
        middle_name: Set(String::new()),
        address: Set(address.to_string()),
        taxpayer: Set(serde_json::to_string(&taxpayer).unwrap()),
        search: Set(String::new()),
        external_ref: Set(None),
        account_id: Set(Some("1".into())),
        password_version: Set(1),
        created_ms: Set(1),
        updated_ms: Set(1),
        due_ms: Set(None),
        lease_until_ms: Set(0),
        fence: Set(0),
        erased_ms: Set(None),
    }
}
