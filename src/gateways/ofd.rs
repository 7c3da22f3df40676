//! Fiscal data operators: `proto/litebox/gateway/ofd/v1`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use client::OfdClient;

use super::{Outcome, Setback, Told};
use crate::values::{ActivationCode, EffectId, FnSerial, Inn, KktSerial, Rnm};

mod client;

/// The operators, as this service uses them.
#[async_trait]
pub trait Ofd: Send + Sync {
    /// Holds an activation code.
    async fn reserve(&self, effect: EffectId, order: &CodeOrder) -> Outcome<Reserved, OfdRefusal>;
    /// Connects a registered KKT and uses the code up.
    async fn connect(&self, effect: EffectId, order: &ConnectOrder) -> Outcome<Contract, OfdRefusal>;
    /// Frees a held code.
    async fn release(&self, reservation: EffectId) -> Outcome<(), OfdRefusal>;
    /// How a code stands; `None` when the operator does not know it.
    async fn code(&self, ofd: &Inn, code: &ActivationCode) -> Result<Option<CodeStanding>, Setback>;
    /// What became of a reservation, or its voiding.
    async fn reservation_or_void(&self, effect: EffectId) -> Result<Told<Reserved, OfdRefusal>, Setback>;
    /// Tells what became of a reservation without voiding it; `None` when its effect id has never been seen.
    async fn reservation_told(&self, effect: EffectId) -> Result<Option<Told<Reserved, OfdRefusal>>, Setback>;
    /// Tells what became of a connection without voiding it; `None` when its effect id has never been seen.
    async fn connection_told(&self, effect: EffectId) -> Result<Option<Told<Contract, OfdRefusal>>, Setback>;
    /// What became of a connection, or its voiding.
    async fn connection_or_void(&self, effect: EffectId) -> Result<Told<Contract, OfdRefusal>, Setback>;
}

/// A code to hold.
#[derive(Debug, Clone)]
pub struct CodeOrder {
    /// INN of the operator.
    pub ofd: Inn,
    /// The code.
    pub code: ActivationCode,
    /// INN of the shop.
    pub inn: Inn,
    /// Model as in the registry.
    pub kkt_model: String,
    /// Serial of the KKT.
    pub kkt_serial: KktSerial,
}

/// A KKT to connect.
#[derive(Debug, Clone)]
pub struct ConnectOrder {
    /// The effect that holds the code.
    pub reservation: EffectId,
    /// INN of the operator.
    pub ofd: Inn,
    /// The code.
    pub code: ActivationCode,
    /// INN of the shop.
    pub inn: Inn,
    /// RNM.
    pub rnm: Rnm,
    /// Serial of the KKT.
    pub kkt_serial: KktSerial,
    /// FN.
    pub fn_serial: FnSerial,
}

/// A held code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved;

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Number of the contract with the operator.
    pub number: String,
}

/// How a code stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeStanding {
    /// Nobody holds it.
    Free,
    /// Held by an effect.
    Reserved(EffectId),
    /// Used by an effect.
    Used(EffectId),
    /// Too late.
    Expired,
}

/// Why an operator refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfdRefusal {
    /// Reason.
    pub reason: OfdRefusalReason,
    /// The operator's own text, Russian; for the partner and the operator, not for logs.
    pub text: String,
}

crate::values::discreet::discreet!(OfdRefusal { reason });

/// Reasons of operators; the names are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name says it, and the contract explains it")]
pub enum OfdRefusalReason {
    Other,
    Voided,
    ContentDiffers,
    CodeUnknown,
    CodeUsed,
    CodeExpired,
    CodeWithoutMarking,
    OfdUnknown,
    KktAlreadyConnected,
    NotReserved,
}
