//! Made-up ledgers: a registration from order to card as it should be, to be spoiled in one place.

use litebox_partner::sandbox::ledger::{Entry, Facts, Kind};
use litebox_partner::storage::entity::{client, document, effect, kkt, kkt_history, request};
use litebox_partner::values::{ClientId, EffectId};
use uuid::Uuid;

use super::steps::{BURN, STEPS, Step};
use super::{Evidence, Rows};
use crate::chaos::load::book::{Answer, Asked, Told};

pub const PARTNER: Uuid = Uuid::from_u128(1);
pub const CLIENT: Uuid = Uuid::from_u128(2);
pub const KKT: Uuid = Uuid::from_u128(3);
const REGISTERED_BY: Uuid = Uuid::from_u128(4);
const ORDERED_BY: Uuid = Uuid::from_u128(5);
const SERIAL: &str = "00106100000001";
const INN: &str = "7736050003";

/// The way of a registration that is burnt by itself.
const WAY: [&str; 9] = [
    "RESERVING",
    "SUBMITTING",
    "AWAITING_RNM",
    "CONNECTING_OFD",
    "READY_TO_FISCALIZE",
    "FISCALIZING",
    "REPORTING",
    "AWAITING_CARD",
    "REGISTERED",
];

/// The ledgers, ready to be spoiled.
pub struct Made {
    pub evidence: Evidence,
}

/// One client and one registration that went well.
pub fn registered() -> Made {
    let mut made = Made { evidence: Evidence::default() };
    made.evidence.rows = Rows {
        clients: vec![client_row()],
        kkts: vec![kkt_row("REGISTERED")],
        history: Vec::new(),
        effects: Vec::new(),
        documents: vec![document_row()],
        requests: vec![request_row("Register", REGISTERED_BY, CLIENT), request_row("QuickRegister", ORDERED_BY, KKT)],
    };
    made.walk(&WAY);
    let account = EffectId::of_client(ClientId::new(CLIENT)).uuid();
    made.note(Kind::Effect, "accounts.EnsureAccount", account, &[("inn", INN)]);
    made.note(Kind::Effect, "accounts.SetInitialPassword", account, &[("version", "1")]);
    for step in STEPS {
        made.effect_row(step, 0, "DONE");
        made.send_again(step);
        made.happen(step, 0);
    }
    made.answered("Register", REGISTERED_BY, INN, told(CLIENT, INN, "ACTIVE", 0));
    made.answered("QuickRegister", ORDERED_BY, SERIAL, told(KKT, SERIAL, "RESERVING", 1));
    made
}

/// The same, given up after the code was held.
pub fn cancelled() -> Made {
    let mut made = registered();
    let rows = &mut made.evidence.rows;
    rows.kkts = vec![kkt::Model { held: false, ..kkt_row("CANCELLED") }];
    rows.history.clear();
    rows.effects.truncate(1);
    made.evidence.entries.retain(|entry| entry.protocol == "accounts" || entry.operation == "ReserveCode");
    made.walk(&["RESERVING", "SUBMITTING", "CANCELLED", "CANCELLED"]);
    made.note(Kind::Effect, "ofd.ReleaseCode", effect_id(STEPS[0], 0), &[]);
    made
}

/// The id of a made-up effect.
pub fn effect_id(step: Step, generation: i32) -> Uuid {
    let at = STEPS.iter().position(|one| *one == step).unwrap() as u128;
    Uuid::from_u128(100 + at * 10 + u128::try_from(generation).unwrap())
}

pub fn told(id: Uuid, subject: &str, state: &str, revision: i64) -> Told {
    Told { id, subject: subject.to_owned(), state: state.to_owned(), revision }
}

impl Made {
    pub fn evidence(self) -> Evidence {
        self.evidence
    }

    /// Writes the history of these states.
    pub fn walk(&mut self, states: &[&str]) {
        let from = std::iter::once(None).chain(states.iter().copied().map(Some));
        for ((from, to), revision) in from.zip(states).zip(1..) {
            self.evidence.rows.history.push(line(revision, from, to));
        }
        self.evidence.rows.kkts[0].revision = i64::try_from(states.len()).unwrap();
    }

    pub fn answered(&mut self, method: &'static str, request_id: Uuid, subject: &str, told: Told) {
        let (subject, content) = (subject.to_owned(), String::new());
        let asked = Asked { partner: PARTNER, method, request_id, subject, content };
        self.evidence.calls.push((asked, vec![Answer::Unclear("UNAVAILABLE".into()), Answer::Told(told)]));
    }

    pub fn effect_row(&mut self, step: Step, generation: i32, state: &str) {
        self.evidence.rows.effects.push(effect::Model {
            id: effect_id(step, generation),
            partner_id: PARTNER,
            kkt_id: KKT,
            step: step.name.to_owned(),
            generation,
            state: state.to_owned(),
            detail: String::new(),
            created_ms: 1,
            settled_ms: None,
        });
    }

    /// The command of the first generation arrives, again.
    pub fn send_again(&mut self, step: Step) {
        self.send(step, 0);
    }

    pub fn send(&mut self, step: Step, generation: i32) {
        let kind = if step == BURN { "registration" } else { "" };
        self.note(Kind::Command, step.command, effect_id(step, generation), &[("type", kind)]);
    }

    pub fn happen(&mut self, step: Step, generation: i32) {
        self.note(Kind::Effect, step.effect, effect_id(step, generation), &[]);
    }

    /// Somebody asks what became of the first generation, and voids nothing.
    pub fn ask_about(&mut self, step: Step) {
        let protocol = step.command.split('.').next().unwrap();
        self.note(Kind::Command, &format!("{protocol}.ReportOrVoid"), effect_id(step, 0), &[]);
    }

    /// Adds a line to the ledger of the outer systems.
    pub fn note(&mut self, kind: Kind, operation: &str, id: Uuid, facts: &[(&str, &str)]) {
        let (protocol, operation) = operation.split_once('.').unwrap();
        let facts: Facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (protocol, operation, seq) =
            (protocol.to_owned(), operation.to_owned(), self.evidence.entries.len() as u64);
        let effect_id = Some(id.to_string());
        self.evidence.entries.push(Entry { seq, time_ms: 1, kind, protocol, operation, effect_id, facts, event: None });
    }
}

pub fn line(revision: i64, from: Option<&str>, to: &str) -> kkt_history::Model {
    kkt_history::Model {
        partner_id: PARTNER,
        kkt_id: KKT,
        revision,
        from_state: from.map(str::to_owned),
        to_state: to.to_owned(),
        at_ms: 1,
        attempt: 1,
        actor: "worker".into(),
        effect_id: None,
        detail: "X".into(),
    }
}

pub fn request_row(method: &str, request_id: Uuid, resource_id: Uuid) -> request::Model {
    let (partner_id, method) = (PARTNER, method.to_owned());
    request::Model { partner_id, method, request_id, fingerprint: Vec::new(), resource_id, created_ms: 1 }
}

fn document_row() -> document::Model {
    document::Model {
        id: Uuid::from_u128(6),
        partner_id: PARTNER,
        kkt_id: KKT,
        seq: 1,
        effect_id: None,
        gateway: "fns".into(),
        operation: "SubmitApplication".into(),
        direction: "SENT".into(),
        at_ms: 1,
        mark: Vec::new(),
        key_id: "k".into(),
        nonce: Vec::new(),
        cipher: Vec::new(),
    }
}

fn client_row() -> client::Model {
    client::Model {
        id: CLIENT,
        partner_id: PARTNER,
        inn: INN.into(),
        state: "ACTIVE".into(),
        login: "shop@example.ru".into(),
        phone: String::new(),
        company: String::new(),
        last_name: String::new(),
        first_name: String::new(),
        middle_name: String::new(),
        address: String::new(),
        taxpayer: String::new(),
        search: String::new(),
        external_ref: None,
        account_id: Some("1".into()),
        password_version: 1,
        created_ms: 1,
        updated_ms: 1,
        due_ms: None,
        lease_until_ms: 0,
        fence: 0,
        erased_ms: None,
    }
}

fn kkt_row(state: &str) -> kkt::Model {
    kkt::Model {
        id: KKT,
        partner_id: PARTNER,
        client_id: CLIENT,
        request_id: ORDERED_BY,
        external_ref: None,
        inn: INN.into(),
        model: "АТОЛ 30Ф".into(),
        serial: SERIAL.into(),
        serial_key: SERIAL.into(),
        fn_serial: "9999078902000001".into(),
        spec: String::new(),
        facts: String::new(),
        state: state.into(),
        state_data: String::new(),
        block: None,
        waiting_for: None,
        rnm: None,
        report_by_ms: None,
        held: true,
        fn_held: true,
        revision: 1,
        since_ms: 1,
        created_ms: 1,
        updated_ms: 1,
        changed_ms: 1,
        due_ms: None,
        lease_until_ms: 0,
        fence: 1,
        attempts: 0,
        failures: 0,
        failing_since_ms: None,
        origin: None,
        erased_ms: None,
    }
}
