//! The tax service: `proto/litebox/gateway/fns/v1`.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use client::FnsClient;

use super::{Outcome, Setback, Told};
use crate::values::{EffectId, FiscalSign, FnSerial, Rnm};

mod client;

/// The tax service, as this service uses it.
#[async_trait]
pub trait Fns: Send + Sync {
    /// Files an application for registration.
    async fn submit(&self, effect: EffectId, document: &SignedDocument) -> Outcome<Filed, FnsRefusal>;
    /// How an application stands; `None` when it is not known there.
    async fn application(&self, application_id: &str) -> Result<Option<Application>, Setback>;
    /// Files the registration report.
    async fn submit_report(&self, effect: EffectId, report: &ReportToFile) -> Outcome<ReportFiled, FnsRefusal>;
    /// What became of a filing of an application, or its voiding.
    async fn application_or_void(&self, effect: EffectId) -> Result<Told<Filed, FnsRefusal>, Setback>;
    /// Tells what became of an application without voiding it; `None` when its effect id has never been seen.
    async fn application_told(&self, effect: EffectId) -> Result<Option<Told<Filed, FnsRefusal>>, Setback>;
    /// The number of an application and when it was assigned, in whatever state it is now; `None` before.
    async fn number(&self, application_id: &str) -> Result<Option<(Rnm, OffsetDateTime)>, Setback>;
    /// Tells what became of a report without voiding it; `None` when its effect id has never been seen.
    async fn report_told(&self, effect: EffectId) -> Result<Option<Told<ReportFiled, FnsRefusal>>, Setback>;
    /// What became of a filing of a report, or its voiding.
    async fn report_or_void(&self, effect: EffectId) -> Result<Told<ReportFiled, FnsRefusal>, Setback>;
}

/// A document to sign and file. `Debug` does not show its content.
#[derive(Clone)]
pub struct SignedDocument {
    /// File name without extension.
    pub file_id: String,
    /// XML in windows-1251.
    pub xml: Vec<u8>,
    /// Certificate in the gateway's key storage.
    pub certificate_id: String,
}

impl fmt::Debug for SignedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedDocument({} bytes)", self.xml.len())
    }
}

/// A filed application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// Id at FNS.
    pub application_id: String,
}

/// A filed report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFiled;

/// The data of a registration report.
#[derive(Clone)]
pub struct ReportToFile {
    /// Application it belongs to.
    pub application_id: String,
    /// RNM in the FN.
    pub rnm: Rnm,
    /// FN.
    pub fn_serial: FnSerial,
    /// Number of the fiscal document.
    pub fd_number: u32,
    /// Printed date and time without a zone: `2026-11-23T13:12:00`.
    pub local_time: String,
    /// Fiscal sign.
    pub fiscal_sign: FiscalSign,
    /// Certificate in the gateway's key storage.
    pub certificate_id: String,
}

crate::values::discreet::discreet!(ReportToFile { application_id, rnm });

/// How an application stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Application {
    /// FNS examines it.
    InReview,
    /// Waits for the signer.
    AwaitingSignature,
    /// The RNM is there; FNS waits for the report.
    RnmAssigned {
        /// The number, not yet checked against INN and serial.
        rnm: Rnm,
        /// When FNS assigned it.
        assigned: OffsetDateTime,
    },
    /// FNS examines the report.
    ReportInReview,
    /// FNS refused the report.
    ReportRefused(FnsRefusal),
    /// Registered.
    Registered {
        /// The card.
        card: Card,
    },
    /// FNS refused the application.
    Refused(FnsRefusal),
}

/// The registration card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Number.
    pub number: String,
    /// When it was issued, Unix milliseconds.
    pub issued_ms: i64,
}

/// Why FNS refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FnsRefusal {
    /// Reason.
    pub reason: FnsRefusalReason,
    /// FNS's own text, Russian; for the partner and the operator, not for logs.
    pub text: String,
}

crate::values::discreet::discreet!(FnsRefusal { reason });

/// Reasons of FNS; the names are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name says it, and the contract explains it")]
pub enum FnsRefusalReason {
    Other,
    Voided,
    ContentDiffers,
    MalformedDocument,
    KktModelUnknown,
    KktSerialUnknown,
    KktAlreadyRegistered,
    FnUnknown,
    FnInUse,
    FnExcluded,
    FnNotPermitted,
    OfdNotPermitted,
    SignatureInvalid,
    TaxpayerNotActive,
    AddressUnknown,
    TaxOfficeWrong,
    ReportMismatch,
    WrongState,
}
