//! The operators on the wire: `proto/litebox/gateway/ofd/v1`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Code, Connection, Event, Ofd, PERMITTED, Refused, Reservation, magic, well_formed};
use crate::sandbox::engine::{Broken, Call, Desk, Engine};
use crate::sandbox::grpc::{Caller, answer, demand, effect_id, introduce, timestamp};
use crate::sandbox::ledger::Kind;
use crate::sandbox::pb::ofd::ofd_service_server::OfdService;
use crate::sandbox::pb::ofd::{
    CodeReleased, CodeReserved, CodeState, ConnectRequest, ConnectResponse, Connected, GetCodeRequest, GetCodeResponse,
    HandshakeRequest, HandshakeResponse, InProgress, Refusal, RefusalReason, ReleaseCodeRequest, ReleaseCodeResponse,
    ReportOrVoidRequest, ReportOrVoidResponse, ReserveCodeRequest, ReserveCodeResponse, Unknown, Voided,
    connect_response, release_code_response, report_or_void_response, reserve_code_response,
};
use crate::sandbox::{checks, world};

/// The emulated operators.
pub struct Service(pub Arc<Engine>);

#[tonic::async_trait]
impl OfdService for Service {
    async fn handshake(&self, request: Request<HandshakeRequest>) -> Result<Response<HandshakeResponse>, Status> {
        let environment = self.0.environment.number();
        let call = Call::question("ofd.Handshake");
        introduce(&self.0, Caller::of(&request), call, move |_| Ok(HandshakeResponse { environment })).await
    }

    async fn reserve_code(
        &self,
        request: Request<ReserveCodeRequest>,
    ) -> Result<Response<ReserveCodeResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("ofd.ReserveCode", &ask.effect_id)
            .fact("inn", &ask.inn)
            .fact("ofd_inn", &ask.ofd_inn)
            .fact("code", &ask.activation_code)
            .fact("serial", &ask.kkt_serial);
        answer(&self.0, caller, call, move |desk| reserve(desk, &ask)).await
    }

    async fn connect(&self, request: Request<ConnectRequest>) -> Result<Response<ConnectResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("ofd.Connect", &ask.effect_id)
            .fact("inn", &ask.inn)
            .fact("ofd_inn", &ask.ofd_inn)
            .fact("code", &ask.activation_code)
            .fact("serial", &ask.kkt_serial)
            .fact("fn", &ask.fn_serial)
            .fact("rnm", &ask.rnm);
        answer(&self.0, caller, call, move |desk| connect(desk, &ask)).await
    }

    async fn release_code(
        &self,
        request: Request<ReleaseCodeRequest>,
    ) -> Result<Response<ReleaseCodeResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("ofd.ReleaseCode", &ask.effect_id);
        answer(&self.0, caller, call, move |desk| release(desk, &ask.effect_id)).await
    }

    async fn get_code(&self, request: Request<GetCodeRequest>) -> Result<Response<GetCodeResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::question("ofd.GetCode").fact("ofd_inn", &ask.ofd_inn).fact("code", &ask.activation_code);
        answer(&self.0, caller, call, move |desk| code(desk, ask)).await
    }

    async fn report_or_void(
        &self,
        request: Request<ReportOrVoidRequest>,
    ) -> Result<Response<ReportOrVoidResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("ofd.ReportOrVoid", &ask.effect_id).asking(ask.only_report);
        answer(&self.0, caller, call, move |desk| report_or_void(desk, &ask)).await
    }
}

/// The effect that used the magic codes up.
const STRANGER: &str = "00000000-0000-8000-8000-000000000001";

/// A command that was executed or refused before, or may go on.
enum Before {
    Reserved,
    Connected(Connection),
    Refused(String),
    New,
}

fn before(ofd: &Ofd, id: &str, content: &str) -> Before {
    let differs = |old: &str| old != content;
    let other = || Before::Refused("CONTENT_DIFFERS".into());
    if ofd.voided.contains(id) {
        return Before::Refused("VOIDED".into());
    }
    match (ofd.reservations.get(id), ofd.connections.get(id), ofd.refusals.get(id)) {
        (Some(held), ..) if differs(&held.content) => other(),
        (_, Some(made), _) if differs(&made.content) => other(),
        (.., Some(refused)) if differs(&refused.content) => other(),
        (Some(_), ..) => Before::Reserved,
        (_, Some(made), _) => Before::Connected(made.clone()),
        (.., Some(refused)) => Before::Refused(refused.reason.clone()),
        _ => Before::New,
    }
}

fn refuse(desk: &mut Desk<'_>, id: &str, content: String, reason: &str) -> Result<(), Broken> {
    if RefusalReason::from_str_name(&format!("REFUSAL_REASON_{reason}")).is_none() {
        return Err(Broken::Error("INTERNAL".into()));
    }
    let refused = Refused { effect_id: id.to_owned(), content, reason: reason.to_owned() };
    desk.commit(Kind::Refusal, world::Event::Ofd(Event::Refused(refused)))
}

fn refusal(reason: &str) -> Refusal {
    let number = RefusalReason::from_str_name(&format!("REFUSAL_REASON_{reason}")).unwrap_or(RefusalReason::Other);
    let message = match number {
        RefusalReason::CodeUnknown => "Код активации не найден",
        RefusalReason::CodeUsed => "Код активации уже использован",
        RefusalReason::CodeExpired => "Срок активации кода истёк",
        RefusalReason::CodeWithoutMarking => "Тариф кода не включает маркировку",
        RefusalReason::OfdUnknown => "Оператор не найден",
        RefusalReason::KktAlreadyConnected => "ККТ уже подключена",
        RefusalReason::NotReserved => "Код не зарезервирован за этой ККТ",
        RefusalReason::Voided => "Команда аннулирована",
        RefusalReason::ContentDiffers => "Команда с этим номером имела другое содержание",
        _ => "Оператор отказал",
    };
    Refusal { reason: number.into(), message: message.to_owned() }
}

fn ofd_and_code(ofd_inn: &str, code: &str) -> [(&'static str, bool); 2] {
    [("ofd_inn", ofd_inn.len() == 10 && checks::inn(ofd_inn)), ("activation_code", !code.is_empty())]
}

fn reserve(desk: &mut Desk<'_>, ask: &ReserveCodeRequest) -> Result<ReserveCodeResponse, Broken> {
    demand(&ofd_and_code(&ask.ofd_inn, &ask.activation_code))?;
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("inn", checks::inn(&ask.inn)),
        ("kkt_model", !ask.kkt_model.is_empty()),
        ("kkt_serial", (1..=20).contains(&ask.kkt_serial.chars().count())),
    ])?;
    let content =
        [&ask.ofd_inn, &ask.activation_code, &ask.inn, &ask.kkt_model, &ask.kkt_serial].map(String::as_str).join("|");
    let reason = match before(&desk.world.ofd, &ask.effect_id, &content) {
        Before::Reserved => None,
        Before::Refused(reason) => Some(reason),
        Before::Connected(_) => Some("CONTENT_DIFFERS".into()),
        Before::New => hold(desk, ask, content)?,
    };
    use reserve_code_response::Outcome;
    let outcome =
        reason.map_or(Outcome::Reserved(CodeReserved::default()), |reason| Outcome::Refused(refusal(&reason)));
    Ok(ReserveCodeResponse { outcome: Some(outcome) })
}

fn hold(desk: &mut Desk<'_>, ask: &ReserveCodeRequest, content: String) -> Result<Option<String>, Broken> {
    let code = (ask.ofd_inn.clone(), ask.activation_code.clone());
    if let Some(reason) = desk.verdict.refuse.clone().or_else(|| objection(&desk.world.ofd, &code).map(str::to_owned)) {
        refuse(desk, &ask.effect_id, content, &reason)?;
        return Ok(Some(reason));
    }
    let (ofd_inn, code) = code;
    let (effect_id, inn, serial) = (ask.effect_id.clone(), ask.inn.clone(), ask.kkt_serial.clone());
    let held = Reservation { effect_id, ofd_inn, code, content, inn, serial };
    desk.commit(Kind::Effect, world::Event::Ofd(Event::Reserved(held)))?;
    Ok(None)
}

fn objection(ofd: &Ofd, code: &Code) -> Option<&'static str> {
    match () {
        () if !PERMITTED.contains(&code.0.as_str()) => Some("OFD_UNKNOWN"),
        () if !well_formed(&code.1) => Some("CODE_UNKNOWN"),
        () if ofd.held.contains_key(code) || ofd.used.contains_key(code) => Some("CODE_USED"),
        () => magic(&code.1, false),
    }
}

fn connect(desk: &mut Desk<'_>, ask: &ConnectRequest) -> Result<ConnectResponse, Broken> {
    demand(&ofd_and_code(&ask.ofd_inn, &ask.activation_code))?;
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("reservation_effect_id", effect_id(&ask.reservation_effect_id)),
        ("inn", checks::inn(&ask.inn)),
        ("rnm", checks::digits(&ask.rnm, 16)),
        ("kkt_serial", (1..=20).contains(&ask.kkt_serial.chars().count())),
        ("fn_serial", checks::digits(&ask.fn_serial, 16)),
    ])?;
    let parts = [&ask.reservation_effect_id, &ask.ofd_inn, &ask.activation_code, &ask.inn, &ask.rnm, &ask.kkt_serial];
    let content = format!("{}|{}", parts.map(String::as_str).join("|"), ask.fn_serial);
    use connect_response::Outcome;
    let outcome = match before(&desk.world.ofd, &ask.effect_id, &content) {
        Before::Connected(made) => Outcome::Connected(wire(&made)),
        Before::Refused(reason) => Outcome::Refused(refusal(&reason)),
        Before::Reserved => Outcome::Refused(refusal("CONTENT_DIFFERS")),
        Before::New => join(desk, ask, content)?,
    };
    Ok(ConnectResponse { outcome: Some(outcome) })
}

fn join(desk: &mut Desk<'_>, ask: &ConnectRequest, content: String) -> Result<connect_response::Outcome, Broken> {
    let against = desk.verdict.refuse.clone().or_else(|| connect_objection(&desk.world.ofd, ask).map(str::to_owned));
    if let Some(reason) = against {
        refuse(desk, &ask.effect_id, content, &reason)?;
        return Ok(connect_response::Outcome::Refused(refusal(&reason)));
    }
    let made = Connection {
        effect_id: ask.effect_id.clone(),
        content,
        ofd_inn: ask.ofd_inn.clone(),
        code: ask.activation_code.clone(),
        rnm: ask.rnm.clone(),
        contract: desk.world.ofd.next_contract(),
        time_ms: desk.now_ms,
    };
    desk.commit(Kind::Effect, world::Event::Ofd(Event::Connected(made.clone())))?;
    Ok(connect_response::Outcome::Connected(wire(&made)))
}

fn connect_objection(ofd: &Ofd, ask: &ConnectRequest) -> Option<&'static str> {
    let fits = |held: &Reservation| {
        (&held.ofd_inn, &held.code, &held.inn, &held.serial)
            == (&ask.ofd_inn, &ask.activation_code, &ask.inn, &ask.kkt_serial)
    };
    let code = (ask.ofd_inn.clone(), ask.activation_code.clone());
    match () {
        () if ofd.used.contains_key(&code) => Some("CODE_USED"),
        () if !ofd.reservations.get(&ask.reservation_effect_id).is_some_and(fits) => Some("NOT_RESERVED"),
        () if ofd.by_rnm.contains_key(&ask.rnm) => Some("KKT_ALREADY_CONNECTED"),
        () if !checks::rnm_fits(&ask.rnm, &ask.inn, &ask.kkt_serial) => Some("OTHER"),
        () => magic(&ask.activation_code, true),
    }
}

fn wire(made: &Connection) -> Connected {
    Connected { contract_number: made.contract.clone(), connect_time: Some(timestamp(made.time_ms)) }
}

fn release(desk: &mut Desk<'_>, id: &str) -> Result<ReleaseCodeResponse, Broken> {
    demand(&[("effect_id", effect_id(id))])?;
    let held = desk.world.ofd.reservations.get(id).map(|held| (held.ofd_inn.clone(), held.code.clone()));
    let used = held.is_some_and(|code| desk.world.ofd.is_used(&code));
    let reason = desk.verdict.refuse.clone().or_else(|| used.then(|| "CODE_USED".to_owned()));
    if reason.is_none() && !desk.world.ofd.voided.contains(id) {
        desk.commit(Kind::Effect, world::Event::Ofd(Event::Released { effect_id: id.to_owned() }))?;
    }
    use release_code_response::Outcome;
    let outcome = reason.map_or(Outcome::Released(CodeReleased {}), |reason| Outcome::Refused(refusal(&reason)));
    Ok(ReleaseCodeResponse { outcome: Some(outcome) })
}

fn code(desk: &Desk<'_>, ask: GetCodeRequest) -> Result<GetCodeResponse, Broken> {
    demand(&ofd_and_code(&ask.ofd_inn, &ask.activation_code))?;
    let (ofd, code) = (&desk.world.ofd, (ask.ofd_inn, ask.activation_code));
    let standing = |state: CodeState, effect: Option<&String>| GetCodeResponse {
        state: state.into(),
        effect_id: effect.cloned().unwrap_or_default(),
    };
    if desk.verdict.stale || (super::reads_stale(&code.1) && !ofd.is_used(&code)) {
        return Ok(standing(CodeState::Free, None));
    }
    Ok(match (ofd.used.get(&code), ofd.held.get(&code), objection(ofd, &code)) {
        (Some(effect), ..) => standing(CodeState::Used, Some(effect)),
        (_, Some(effect), _) => standing(CodeState::Reserved, Some(effect)),
        (.., Some("CODE_EXPIRED")) => standing(CodeState::Expired, None),
        (.., Some("CODE_USED")) => standing(CodeState::Used, Some(&STRANGER.to_owned())),
        (.., Some("CODE_UNKNOWN")) => return Err(Broken::NotFound("code")),
        (.., Some("OFD_UNKNOWN")) if !PERMITTED.contains(&code.0.as_str()) => return Err(Broken::NotFound("code")),
        _ => standing(CodeState::Free, None),
    })
}

fn report_or_void(desk: &mut Desk<'_>, ask: &ReportOrVoidRequest) -> Result<ReportOrVoidResponse, Broken> {
    let id = ask.effect_id.as_str();
    demand(&[("effect_id", effect_id(id))])?;
    use report_or_void_response::Outcome;
    let ofd = &desk.world.ofd;
    let outcome = match (ofd.reservations.get(id), ofd.connections.get(id), ofd.refusals.get(id)) {
        (Some(_), ..) => Outcome::Reserved(CodeReserved::default()),
        (_, Some(made), _) => Outcome::Connected(wire(made)),
        (.., Some(refused)) => Outcome::Refused(refusal(&refused.reason)),
        _ if desk.in_progress(id) => Outcome::InProgress(InProgress {}),
        _ if ask.only_report && !ofd.voided.contains(id) => Outcome::Unknown(Unknown {}),
        _ => {
            if !ofd.voided.contains(id) {
                desk.commit(Kind::Effect, world::Event::Ofd(Event::Voided { effect_id: id.to_owned() }))?;
            }
            Outcome::Voided(Voided {})
        }
    };
    Ok(ReportOrVoidResponse { outcome: Some(outcome) })
}
