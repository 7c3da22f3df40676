//! The client of the OFD contract.

use async_trait::async_trait;

use super::super::breaker::Breakers;
use super::super::config::RpcConfig;
use super::super::pb::ofd as pb;
use super::super::rpc::Line;
use super::super::traced::Traced;
use super::super::words::plain;
use super::super::{Gateway, Mishap, Outcome, Setback, SetupError, Told, World};
use super::{CodeOrder, CodeStanding, ConnectOrder, Contract, Ofd, OfdRefusal, OfdRefusalReason, Reserved};
use crate::values::{ActivationCode, EffectId, Inn};

use pb::report_or_void_response::Outcome as Said;

type Stub = pb::ofd_service_client::OfdServiceClient<Traced>;

/// The operators over gRPC.
pub struct OfdClient {
    line: Line,
}

impl OfdClient {
    /// Builds the client; it connects with the first call.
    ///
    /// # Errors
    /// An address that is not a URL.
    pub fn new(config: &RpcConfig, world: World) -> Result<Self, SetupError> {
        Ok(Self { line: Line::new(Gateway::Ofd, world, config)? })
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

    async fn reserved(&self, effect: EffectId, order: &CodeOrder) -> Result<pb::ReserveCodeResponse, Mishap> {
        let mut stub = self.stub().await?;
        let request = self.line.named(
            "ReserveCode",
            pb::ReserveCodeRequest {
                effect_id: effect.to_string(),
                ofd_inn: order.ofd.to_string(),
                activation_code: order.code.to_string(),
                inn: order.inn.to_string(),
                kkt_model: order.kkt_model.clone(),
                kkt_serial: order.kkt_serial.to_string(),
            },
        );
        self.line.hear("ReserveCode", stub.reserve_code(request)).await
    }

    async fn connected(&self, effect: EffectId, order: &ConnectOrder) -> Result<pb::ConnectResponse, Mishap> {
        let mut stub = self.stub().await?;
        let request = self.line.named(
            "Connect",
            pb::ConnectRequest {
                effect_id: effect.to_string(),
                reservation_effect_id: order.reservation.to_string(),
                ofd_inn: order.ofd.to_string(),
                activation_code: order.code.to_string(),
                inn: order.inn.to_string(),
                rnm: order.rnm.to_string(),
                kkt_serial: order.kkt_serial.to_string(),
                fn_serial: order.fn_serial.to_string(),
            },
        );
        self.line.hear("Connect", stub.connect(request)).await
    }

    async fn released(&self, reservation: EffectId) -> Result<pb::ReleaseCodeResponse, Mishap> {
        let mut stub = self.stub().await?;
        let request = self.line.named("ReleaseCode", pb::ReleaseCodeRequest { effect_id: reservation.to_string() });
        self.line.hear("ReleaseCode", stub.release_code(request)).await
    }

    async fn told(&self, effect: EffectId, only_report: bool) -> Result<Said, Setback> {
        let mut stub = self.stub().await?;
        let question = pb::ReportOrVoidRequest { effect_id: effect.to_string(), only_report };
        let request = self.line.named("ReportOrVoid", question);
        let answer = self.line.hear("ReportOrVoid", stub.report_or_void(request)).await?;
        answer.outcome.ok_or_else(|| self.line.garbled("outcome"))
    }

    fn reservation_of(&self, said: Said) -> Result<Option<Told<Reserved, OfdRefusal>>, Setback> {
        match said {
            Said::Reserved(_) => Ok(Some(Told::Done(Reserved))),
            Said::Connected(_) => Err(self.line.garbled("a connection under the effect of a reservation")),
            other => self.undone(other),
        }
    }

    fn connection_of(&self, said: Said) -> Result<Option<Told<Contract, OfdRefusal>>, Setback> {
        match said {
            Said::Connected(told) => {
                Ok(Some(Told::Done(contract(told).ok_or_else(|| self.line.garbled("connected"))?)))
            }
            Said::Reserved(_) => Err(self.line.garbled("a reservation under the effect of a connection")),
            other => self.undone(other),
        }
    }

    fn undone<T>(&self, said: Said) -> Result<Option<Told<T, OfdRefusal>>, Setback> {
        Ok(match said {
            Said::Refused(told) => {
                Some(Told::Refused(refusal(told).ok_or_else(|| self.line.garbled("refused.reason"))?))
            }
            Said::InProgress(_) => Some(Told::InProgress),
            Said::Voided(_) => Some(Told::Void),
            Said::Unknown(_) => None,
            Said::Reserved(_) | Said::Connected(_) => return Err(self.line.garbled("outcome")),
        })
    }

    fn refusal<T>(&self, told: pb::Refusal) -> Outcome<T, OfdRefusal> {
        match refusal(told) {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::Unknown(self.line.garbled("refused.reason")),
        }
    }

    fn standing(&self, told: &pb::GetCodeResponse) -> Result<CodeStanding, Setback> {
        let effect = || EffectId::parse(&told.effect_id).map_err(|_| self.line.garbled("effect_id"));
        match told.state() {
            pb::CodeState::Unspecified => Err(self.line.garbled("state")),
            pb::CodeState::Free => Ok(CodeStanding::Free),
            pb::CodeState::Reserved => effect().map(CodeStanding::Reserved),
            pb::CodeState::Used => effect().map(CodeStanding::Used),
            pb::CodeState::Expired => Ok(CodeStanding::Expired),
        }
    }
}

#[async_trait]
impl Ofd for OfdClient {
    async fn reserve(&self, effect: EffectId, order: &CodeOrder) -> Outcome<Reserved, OfdRefusal> {
        use pb::reserve_code_response::Outcome as Said;
        match self.reserved(effect, order).await.map(|answer| answer.outcome) {
            Ok(Some(Said::Reserved(_))) => Outcome::Done(Reserved),
            Ok(Some(Said::Refused(told))) => self.refusal(told),
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn connect(&self, effect: EffectId, order: &ConnectOrder) -> Outcome<Contract, OfdRefusal> {
        use pb::connect_response::Outcome as Said;
        match self.connected(effect, order).await.map(|answer| answer.outcome) {
            Ok(Some(Said::Connected(told))) => match contract(told) {
                Some(contract) => Outcome::Done(contract),
                None => Outcome::Unknown(self.line.garbled("connected.contract_number")),
            },
            Ok(Some(Said::Refused(told))) => self.refusal(told),
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn release(&self, reservation: EffectId) -> Outcome<(), OfdRefusal> {
        use pb::release_code_response::Outcome as Said;
        match self.released(reservation).await.map(|answer| answer.outcome) {
            Ok(Some(Said::Released(_))) => Outcome::Done(()),
            Ok(Some(Said::Refused(told))) => self.refusal(told),
            Ok(None) => Outcome::Unknown(self.line.garbled("outcome")),
            Err(mishap) => mishap.into(),
        }
    }

    async fn code(&self, ofd: &Inn, code: &ActivationCode) -> Result<Option<CodeStanding>, Setback> {
        let question = pb::GetCodeRequest { ofd_inn: ofd.to_string(), activation_code: code.to_string() };
        let mut stub = self.stub().await?;
        let request = self.line.named("GetCode", question);
        let told = self.line.find("GetCode", stub.get_code(request)).await?;
        told.map(|told| self.standing(&told)).transpose()
    }

    async fn reservation_or_void(&self, effect: EffectId) -> Result<Told<Reserved, OfdRefusal>, Setback> {
        let said = self.told(effect, false).await?;
        self.reservation_of(said)?.ok_or_else(|| self.line.garbled("unknown, without being asked only to report"))
    }

    async fn reservation_told(&self, effect: EffectId) -> Result<Option<Told<Reserved, OfdRefusal>>, Setback> {
        self.reservation_of(self.told(effect, true).await?)
    }

    async fn connection_or_void(&self, effect: EffectId) -> Result<Told<Contract, OfdRefusal>, Setback> {
        let said = self.told(effect, false).await?;
        self.connection_of(said)?.ok_or_else(|| self.line.garbled("unknown, without being asked only to report"))
    }

    async fn connection_told(&self, effect: EffectId) -> Result<Option<Told<Contract, OfdRefusal>>, Setback> {
        self.connection_of(self.told(effect, true).await?)
    }
}

fn contract(told: pb::Connected) -> Option<Contract> {
    (!told.contract_number.is_empty()).then_some(Contract { number: told.contract_number })
}

fn refusal(told: pb::Refusal) -> Option<OfdRefusal> {
    Some(OfdRefusal { reason: reason(told.reason())?, text: plain(&told.message) })
}

const fn reason(told: pb::RefusalReason) -> Option<OfdRefusalReason> {
    use {OfdRefusalReason as To, pb::RefusalReason as From};
    Some(match told {
        From::Unspecified => return None,
        From::Other => To::Other,
        From::Voided => To::Voided,
        From::ContentDiffers => To::ContentDiffers,
        From::CodeUnknown => To::CodeUnknown,
        From::CodeUsed => To::CodeUsed,
        From::CodeExpired => To::CodeExpired,
        From::CodeWithoutMarking => To::CodeWithoutMarking,
        From::OfdUnknown => To::OfdUnknown,
        From::KktAlreadyConnected => To::KktAlreadyConnected,
        From::NotReserved => To::NotReserved,
    })
}

#[cfg(test)]
mod tests;
