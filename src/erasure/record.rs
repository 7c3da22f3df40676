//! The signed record of an erasure, and what is wrong with records that were changed. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::key::{Key, PublicKey};
use crate::storage::crossing::erasure::Counts;
use crate::storage::entity::erasure::Model;

/// Version of the form below.
pub const VERSION: i32 = 1;

/// A record: the row, with what is signed of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(pub Model);

crate::values::discreet::discreet!(Record);

/// What a record is about, before it is signed.
pub struct Fact {
    /// Id of the record.
    pub id: Uuid,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Whose client.
    pub partner: Uuid,
    /// The client.
    pub client: Uuid,
    /// Keyed hash of its tax number.
    pub inn_hash: String,
    /// What was removed.
    pub counts: Counts,
}

impl Record {
    /// Signs a fact as the one after `last`.
    pub fn sign(fact: Fact, last: Option<&Self>, key: &Key) -> Self {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut record = Self(Model {
            id: fact.id,
            seq: last.map_or(1, |last| last.0.seq + 1),
            version: VERSION,
            at_ms: fact.at_ms,
            actor: fact.actor,
            reason: fact.reason,
            partner_id: fact.partner,
            client_id: fact.client,
            inn_hash: fact.inn_hash,
            registrations: signed(fact.counts.registrations),
            documents: signed(fact.counts.documents),
            requests: signed(fact.counts.requests),
            previous: last.map(Self::digest).unwrap_or_default(),
            public_key: key.public().as_str().to_owned(),
            signature: String::new(),
        });
        record.0.signature = key.sign(&record.bytes());
        record
    }

    /// What is signed: each part as text, with its length in bytes before it as 8 bytes, the highest first.
    fn bytes(&self) -> Vec<u8> {
        let row = &self.0;
        let numbers = [row.seq, row.at_ms, row.registrations, row.documents, row.requests].map(|n| n.to_string());
        let ids = [row.id, row.partner_id, row.client_id].map(|id| id.to_string());
        let head = format!("litebox-partner erasure {}", row.version);
        let [seq, at_ms, registrations, documents, requests] = &numbers;
        let [id, partner, client] = &ids;
        let parts = [
            &head,
            seq,
            id,
            at_ms,
            &row.actor,
            &row.reason,
            partner,
            client,
            &row.inn_hash,
            registrations,
            documents,
            requests,
            &row.previous,
            &row.public_key,
        ];
        parts.into_iter().flat_map(|part| [&(part.len() as u64).to_be_bytes(), part.as_bytes()].concat()).collect()
    }

    /// What the next record carries as `previous`: SHA-256 over what was signed and the signature's text, base64.
    pub fn digest(&self) -> String {
        let hash = Sha256::new().chain_update(self.bytes()).chain_update(&self.0.signature);
        STANDARD.encode(hash.finalize())
    }
}

/// What is found of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// As it was signed, after the one it was signed after.
    Good,
    /// It was changed, or never signed by the key that it names.
    Changed,
    /// Signed by a key that is not among the given ones.
    UnknownKey,
    /// The record before it was changed, removed or put in between.
    Unchained,
}

impl Verdict {
    /// `GOOD`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "GOOD",
            Self::Changed => "CHANGED",
            Self::UnknownKey => "UNKNOWN_KEY",
            Self::Unchained => "UNCHAINED",
        }
    }
}

/// Verifies records, the oldest first, with the public keys that are believed.
pub fn verify(records: &[Record], keys: &[PublicKey]) -> Vec<Verdict> {
    let mut before: Option<&Record> = None;
    let judged = |record| {
        let verdict = judge(record, before, keys);
        before = Some(record);
        verdict
    };
    records.iter().map(judged).collect()
}

fn judge(record: &Record, before: Option<&Record>, keys: &[PublicKey]) -> Verdict {
    let Some(key) = keys.iter().find(|key| key.as_str() == record.0.public_key) else { return Verdict::UnknownKey };
    if record.0.version != VERSION || !key.signed(&record.bytes(), &record.0.signature) {
        return Verdict::Changed;
    }
    let (seq, previous) = before.map_or((1, String::new()), |before| (before.0.seq + 1, before.digest()));
    if (record.0.seq, &record.0.previous) == (seq, &previous) { Verdict::Good } else { Verdict::Unchained }
}
