//! Rows of somebody, for tests that ask for them with another partner's key: what a store's inner statements do by
//! themselves, whatever was checked before them.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::storage::{DatabaseConfig, Db};
use crate::values::{ClientId, EffectId, KktId, PartnerId, PartnerScope};

/// A database in which `owner` has a client, a registration, two effects, a document, a register to hire out
/// and a device, and `stranger` nothing.
pub struct Somebodys {
    pub db: Db,
    pub owner: PartnerScope,
    pub stranger: PartnerScope,
    pub client: ClientId,
    pub kkt: KktId,
    /// Intended.
    pub intended: EffectId,
    /// Unsent.
    pub unsent: EffectId,
    _dir: tempfile::TempDir,
}

const ROWS: &str = "
INSERT INTO partner (id, name, theme, enabled, created_ms) VALUES ({1}, 'a', 'LITEBOX', TRUE, 1), ({2}, 'b', 'LITEBOX', TRUE, 1);
INSERT INTO client (id, partner_id, inn, state, login, phone, company, last_name, first_name, middle_name, address, taxpayer, search,
  password_version, created_ms, updated_ms, lease_until_ms, fence)
  VALUES ({3}, {1}, '7707083893', 'ACCOUNT_PENDING', '', '', '', '', '', '', '', '', '', 1, 1, 1, 0, 0);
INSERT INTO kkt (id, partner_id, client_id, request_id, inn, model, serial, serial_key, fn_serial, spec, facts, state, state_data, held,
  fn_held, revision, since_ms, created_ms, updated_ms, changed_ms, lease_until_ms, fence, attempts, failures)
  VALUES ({4}, {1}, {3}, {9}, '7707083893', 'm', 's', 's', 'f', '', '', 'RESERVING', '', TRUE, TRUE, 1, 1, 1, 1, 1, 0, 0, 0, 0);
INSERT INTO effect (id, partner_id, kkt_id, step, generation, state, detail, created_ms)
  VALUES ({5}, {1}, {4}, 'BURN', 0, 'INTENDED', '', 1), ({6}, {1}, {4}, 'CONNECT', 0, 'UNSENT', '', 1);
INSERT INTO document (id, partner_id, kkt_id, seq, gateway, operation, direction, at_ms, mark, key_id, nonce, cipher)
  VALUES ({7}, {1}, {4}, 1, 'fns', 'X', 'RECEIVED', 1, X'00', 'k', X'00', X'00');
INSERT INTO fleet (id, partner_id, model, model_key, serial, serial_key, fn_serial, state, note, imported_ms, changed_ms)
  VALUES ({8}, {1}, 'm', 'm', '00106100000002', '00106100000002', '9999078902000002', 'FREE', '', 1, 1);
INSERT INTO device (id, partner_id, hub, hub_device, note, created_ms) VALUES ({10}, {1}, 'http://127.0.0.1:1', 'd', '', 1);
";

impl Somebodys {
    /// On SQLite.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("t.db").display());
        let db = Db::connect(&DatabaseConfig { url: url.into(), ..DatabaseConfig::default() }).await.unwrap();
        db.migrate().await.unwrap();
        let id = Uuid::from_u128;
        let literal = |sql: String, n: u128| sql.replace(&format!("{{{n}}}"), &format!("X'{}'", id(n).simple()));
        db.direct().execute_unprepared(&(1..=10).fold(ROWS.to_owned(), literal)).await.unwrap();
        Self {
            db,
            owner: PartnerScope::new(PartnerId::new(id(1))),
            stranger: PartnerScope::new(PartnerId::new(id(2))),
            client: ClientId::new(id(3)),
            kkt: KktId::new(id(4)),
            intended: EffectId::new(id(5)),
            unsent: EffectId::new(id(6)),
            _dir: dir,
        }
    }
}
