//! The client of the FNS contract.

use async_trait::async_trait;
use prost_types::Timestamp;
use time::OffsetDateTime;

use super::super::breaker::Breakers;
use super::super::config::RpcConfig;
use super::super::pb::fns as pb;
use super::super::rpc::Line;
use super::super::traced::Traced;
use super::super::words::plain;
use super::super::{Gateway, Mishap, Outcome, Setback, SetupError, Told, World};
use super::{Application, Card, Filed, Fns, FnsRefusal, FnsRefusalReason, ReportFiled, ReportToFile, SignedDocument};
use crate::clock::to_ms;
use crate::values::{EffectId, Rnm};

use pb::report_or_void_response::Outcome as Said;

type Stub = pb::fns_service_client::FnsServiceClient<Traced>;

/// The tax service over gRPC.
pub struct FnsClient {
    line: Line,
}

impl FnsClient {
    /// Builds the client; it connects with the first call.
    ///
    /// # Errors
    /// An address that is not a URL.
    pub fn new(config: &RpcConfig, world: World) -> Result<Self, SetupError> {
        Ok(Self { line: Line::new(Gateway::Fns, world, config)? })
    }

    /// The same, which leaves the other side alone while it does not answer.
    pub fn guarded(mut self, breakers: &Breakers) -> Self {
        self.line.guard(breakers);
        self
    }

    async fn stub(&self) -> Result<Stub, Mishap> {
        let mut stub = Stub::new(self.line.channel());
        let hello = self.line.request(pb::HandshakeRequest { environment: self.line.environment() });
        let told = async { Ok(self.line.answer(stub.handshake(hello)).await?.environment) };
        self.line.meet(told).await?;
        Ok(Stub::new(self.line.channel()))
    }

    async fn submitted(
        &self,
        effect: EffectId,
        document: &SignedDocument,
    ) -> Result<pb::SubmitApplicationResponse, Mishap> {
        let mut stub = self.stub().await?;
        let request = self.line.named(
            "SubmitApplication",
            pb::SubmitApplicationRequest {
                effect_id: effect.to_string(),
                file_id: document.file_id.clone(),
                document: document.xml.clone(),
                certificate_id: document.certificate_id.clone(),
            },
        );
        self.line.hear("SubmitApplication", stub.submit_application(request)).await
    }

    async fn reported(&self, effect: EffectId, report: &ReportToFile) -> Result<pb::SubmitReportResponse, Mishap> {
        let mut stub = self.stub().await?;
        let request = self.line.named(
            "SubmitReport",
            pb::SubmitReportRequest {
                effect_id: effect.to_string(),
                application_id: report.application_id.clone(),
                rnm: report.rnm.to_string(),
                fn_serial: report.fn_serial.to_string(),
                fd_number: report.fd_number.into(),
                local_time: report.local_time.clone(),
                fiscal_sign: report.fiscal_sign.to_string(),
                certificate_id: report.certificate_id.clone(),
            },
        );
        self.line.hear("SubmitReport", stub.submit_report(request)).await
    }

    async fn told(&self, effect: EffectId, only_report: bool) -> Result<Said, Setback> {
        let mut stub = self.stub().await?;
        let question = pb::ReportOrVoidRequest { effect_id: effect.to_string(), only_report };
        let request = self.line.named("ReportOrVoid", question);
        let answer = self.line.hear("ReportOrVoid", stub.report_or_void(request)).await?;
        answer.outcome.ok_or_else(|| self.line.garbled("outcome"))
    }

    fn application_of(&self, said: Said) -> Result<Option<Told<Filed, FnsRefusal>>, Setback> {
        let told = match said {
            Said::Application(told) => Told::Done(filed(told).ok_or_else(|| self.line.garbled("application"))?),
            Said::Report(_) => return Err(self.line.garbled("a report under the effect of an application")),
            other => return self.undone(other),
        };
        Ok(Some(told))
    }

    fn report_of(&self, said: Said) -> Result<Option<Told<ReportFiled, FnsRefusal>>, Setback> {
        match said {
            Said::Report(_) => Ok(Some(Told::Done(ReportFiled))),
            Said::Application(_) => Err(self.line.garbled("an application under the effect of a report")),
            other => self.undone(other),
        }
    }

    fn undone<T>(&self, said: Said) -> Result<Option<Told<T, FnsRefusal>>, Setback> {
        Ok(match said {
            Said::Refused(told) => {
                Some(Told::Refused(refusal(told).ok_or_else(|| self.line.garbled("refused.reason"))?))
            }
            Said::InProgress(_) => Some(Told::InProgress),
            Said::Voided(_) => Some(Told::Void),
            Said::Unknown(_) => None,
            Said::Application(_) | Said::Report(_) => return Err(self.line.garbled("outcome")),
        })
    }

    fn refusal<T>(&self, told: pb::Refusal) -> Outcome<T, FnsRefusal> {
        match refusal(told) {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::Unknown(self.line.garbled("refused.reason")),
        }
    }
}

#[async_trait]
impl Fns for FnsClient {
    async fn submit(&self, effect: EffectId, document: &SignedDocument) -> Outcome<Filed, FnsRefusal> {
        use pb::submit_application_response::Outcome as Said;
        match self.submitted(effect, document).await.map(|answer| answer.outcome) {
            Ok(Some(Said::Accepted(told))) => match filed(told) {
                Some(filed) => Outcome::Done(filed),
                None => Outcome::Unknown(self.line.garbled("accepted.application_id")),
            },
            Ok(Some(Said::Refused(told))) => self.refusal(told),
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn application(&self, application_id: &str) -> Result<Option<Application>, Setback> {
        let mut stub = self.stub().await?;
        let request =
            self.line.named("GetApplication", pb::GetApplicationRequest { application_id: application_id.to_owned() });
        let told = self.line.find("GetApplication", stub.get_application(request)).await?;
        told.map(application).transpose().map_err(|field| self.line.garbled(field))
    }

    async fn number(&self, application_id: &str) -> Result<Option<(Rnm, OffsetDateTime)>, Setback> {
        let mut stub = self.stub().await?;
        let request =
            self.line.named("GetApplication", pb::GetApplicationRequest { application_id: application_id.to_owned() });
        let told = self.line.find("GetApplication", stub.get_application(request)).await?;
        Ok(told.and_then(|told| Some((Rnm::parse(&told.rnm).ok()?, told.rnm_time.and_then(instant)?))))
    }

    async fn submit_report(&self, effect: EffectId, report: &ReportToFile) -> Outcome<ReportFiled, FnsRefusal> {
        use pb::submit_report_response::Outcome as Said;
        match self.reported(effect, report).await.map(|answer| answer.outcome) {
            Ok(Some(Said::Accepted(_))) => Outcome::Done(ReportFiled),
            Ok(Some(Said::Refused(told))) => self.refusal(told),
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn application_or_void(&self, effect: EffectId) -> Result<Told<Filed, FnsRefusal>, Setback> {
        let said = self.told(effect, false).await?;
        self.application_of(said)?.ok_or_else(|| self.line.garbled("unknown, without being asked only to report"))
    }

    async fn application_told(&self, effect: EffectId) -> Result<Option<Told<Filed, FnsRefusal>>, Setback> {
        self.application_of(self.told(effect, true).await?)
    }

    async fn report_or_void(&self, effect: EffectId) -> Result<Told<ReportFiled, FnsRefusal>, Setback> {
        let said = self.told(effect, false).await?;
        self.report_of(said)?.ok_or_else(|| self.line.garbled("unknown, without being asked only to report"))
    }

    async fn report_told(&self, effect: EffectId) -> Result<Option<Told<ReportFiled, FnsRefusal>>, Setback> {
        self.report_of(self.told(effect, true).await?)
    }
}

fn filed(told: pb::ApplicationAccepted) -> Option<Filed> {
    (!told.application_id.is_empty()).then_some(Filed { application_id: told.application_id })
}

/// The standing, or the field that is missing or malformed.
fn application(told: pb::GetApplicationResponse) -> Result<Application, &'static str> {
    use pb::ApplicationState as State;
    Ok(match told.state() {
        State::Unspecified => return Err("state"),
        State::InReview => Application::InReview,
        State::AwaitingSignature => Application::AwaitingSignature,
        State::RnmAssigned => Application::RnmAssigned {
            rnm: Rnm::parse(&told.rnm).map_err(|_| "rnm")?,
            assigned: told.rnm_time.and_then(instant).ok_or("rnm_time")?,
        },
        State::ReportInReview => Application::ReportInReview,
        State::ReportRefused => Application::ReportRefused(told.refused.and_then(refusal).ok_or("refused")?),
        State::Registered => Application::Registered { card: told.card.and_then(card).ok_or("card")? },
        State::Refused => Application::Refused(told.refused.and_then(refusal).ok_or("refused")?),
    })
}

fn card(told: pb::RegistrationCard) -> Option<Card> {
    let issued_ms = to_ms(told.issue_time.and_then(instant)?);
    let number = plain(&told.number);
    (!number.is_empty()).then_some(Card { number, issued_ms })
}

fn instant(at: Timestamp) -> Option<OffsetDateTime> {
    let nanos = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
}

fn refusal(told: pb::Refusal) -> Option<FnsRefusal> {
    Some(FnsRefusal { reason: reason(told.reason())?, text: plain(&told.message) })
}

const fn reason(told: pb::RefusalReason) -> Option<FnsRefusalReason> {
    use {FnsRefusalReason as To, pb::RefusalReason as From};
    Some(match told {
        From::Unspecified => return None,
        From::Other => To::Other,
        From::Voided => To::Voided,
        From::ContentDiffers => To::ContentDiffers,
        From::MalformedDocument => To::MalformedDocument,
        From::KktModelUnknown => To::KktModelUnknown,
        From::KktSerialUnknown => To::KktSerialUnknown,
        From::KktAlreadyRegistered => To::KktAlreadyRegistered,
        From::FnUnknown => To::FnUnknown,
        From::FnInUse => To::FnInUse,
        From::FnExcluded => To::FnExcluded,
        From::FnNotPermitted => To::FnNotPermitted,
        From::OfdNotPermitted => To::OfdNotPermitted,
        From::SignatureInvalid => To::SignatureInvalid,
        From::TaxpayerNotActive => To::TaxpayerNotActive,
        From::AddressUnknown => To::AddressUnknown,
        From::TaxOfficeWrong => To::TaxOfficeWrong,
        From::ReportMismatch => To::ReportMismatch,
        From::WrongState => To::WrongState,
    })
}

#[cfg(test)]
mod tests;
