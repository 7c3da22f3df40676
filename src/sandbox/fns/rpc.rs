//! The tax service on the wire: `proto/litebox/gateway/fns/v1`.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};

use super::document::{self, Filing, Objection};
use super::{Application, Event, Fns, Refused, Report, Standing, magic};
use crate::sandbox::engine::{Broken, Call, Desk, Engine};
use crate::sandbox::grpc::{Caller, answer, demand, effect_id, introduce, timestamp};
use crate::sandbox::ledger::Kind;
use crate::sandbox::pb::fns::fns_service_server::FnsService;
use crate::sandbox::pb::fns::{
    ApplicationAccepted, ApplicationState, FnsMessage, GetApplicationRequest, GetApplicationResponse, HandshakeRequest,
    HandshakeResponse, InProgress, Refusal, RefusalReason, RegistrationCard, ReportAccepted, ReportOrVoidRequest,
    ReportOrVoidResponse, SubmitApplicationRequest, SubmitApplicationResponse, SubmitReportRequest,
    SubmitReportResponse, Unknown, Voided, report_or_void_response, submit_application_response,
    submit_report_response,
};
use crate::sandbox::{checks, world};

/// The emulated tax service.
pub struct Service(pub Arc<Engine>);

#[tonic::async_trait]
impl FnsService for Service {
    async fn handshake(&self, request: Request<HandshakeRequest>) -> Result<Response<HandshakeResponse>, Status> {
        let environment = self.0.environment.number();
        let call = Call::question("fns.Handshake");
        introduce(&self.0, Caller::of(&request), call, move |_| Ok(HandshakeResponse { environment })).await
    }

    async fn submit_application(
        &self,
        request: Request<SubmitApplicationRequest>,
    ) -> Result<Response<SubmitApplicationResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let checked = document::check(&ask.file_id, &ask.document);
        let mut call = Call::command("fns.SubmitApplication", &ask.effect_id).fact("certificate", &ask.certificate_id);
        if let Ok(filing) = &checked {
            call = call.fact("inn", &filing.inn).fact("serial", &filing.serial).fact("fn", &filing.fn_serial);
        }
        answer(&self.0, caller, call, move |desk| submit(desk, &ask, checked)).await
    }

    async fn get_application(
        &self,
        request: Request<GetApplicationRequest>,
    ) -> Result<Response<GetApplicationResponse>, Status> {
        let caller = Caller::of(&request);
        let id = request.into_inner().application_id;
        let call = Call::question("fns.GetApplication").fact("application_id", &id);
        let call = self.0.look(|world| with_filing(call, world.fns.application(&id)));
        answer(&self.0, caller, call, move |desk| tell(desk, &id)).await
    }

    async fn submit_report(
        &self,
        request: Request<SubmitReportRequest>,
    ) -> Result<Response<SubmitReportResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("fns.SubmitReport", &ask.effect_id)
            .fact("application_id", &ask.application_id)
            .fact("rnm", &ask.rnm);
        let call = self.0.look(|world| with_filing(call, world.fns.application(&ask.application_id)));
        answer(&self.0, caller, call, move |desk| report(desk, &ask)).await
    }

    async fn report_or_void(
        &self,
        request: Request<ReportOrVoidRequest>,
    ) -> Result<Response<ReportOrVoidResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("fns.ReportOrVoid", &ask.effect_id).asking(ask.only_report);
        answer(&self.0, caller, call, move |desk| report_or_void(desk, &ask)).await
    }
}

fn with_filing(call: Call, application: Option<&Application>) -> Call {
    let Some(filing) = application.map(|a| &a.filing) else { return call };
    call.fact("inn", &filing.inn).fact("serial", &filing.serial).fact("fn", &filing.fn_serial)
}

fn reason(name: &str) -> Option<RefusalReason> {
    RefusalReason::from_str_name(&format!("REFUSAL_REASON_{name}"))
}

/// The reason for which no application is refused: 9817 and 9917 are about the report.
const REPORT_MISMATCH: &str = "REPORT_MISMATCH";

/// The reason, without prefix, that a serial number of this kind orders.
fn ordered(serial: &str, kind: u8) -> Option<&'static str> {
    let (_, number) = magic(serial).filter(|(is, _)| *is == kind)?;
    let reason = RefusalReason::try_from(number).ok().filter(|r| *r != RefusalReason::Unspecified)?;
    Some(reason.as_str_name().trim_start_matches("REFUSAL_REASON_"))
}

fn refusal(name: &str, message: &str) -> Refusal {
    Refusal { reason: reason(name).unwrap_or(RefusalReason::Other).into(), message: message.to_owned() }
}

fn text(name: &str) -> String {
    format!("ФНС: отказ, основание {name} (песочница)")
}

/// Refuses, and remembers it.
fn refuse(desk: &mut Desk<'_>, id: &str, content: String, against: Objection) -> Result<Refusal, Broken> {
    let (name, message) = against;
    let known = reason(name).ok_or_else(|| Broken::Error("INTERNAL".into()))?;
    let refused = Refused { effect_id: id.to_owned(), content, reason: name.to_owned(), message: message.clone() };
    desk.commit(Kind::Refusal, world::Event::Fns(Event::Refused(refused)))?;
    Ok(Refusal { reason: known.into(), message })
}

/// The refusal of a command whose effect id is void, was refused before or is known with other content.
fn settled(fns: &Fns, id: &str, content: &str, known: Option<&str>) -> Option<Refusal> {
    let refused = fns.refusals.get(id);
    match known.or(refused.map(|r| r.content.as_str())) {
        _ if fns.voided.contains(id) => Some(refusal("VOIDED", "Команда аннулирована")),
        Some(old) if old != content => {
            Some(refusal("CONTENT_DIFFERS", "Команда с этим номером имела другое содержание"))
        }
        _ => refused.map(|r| refusal(&r.reason, &r.message)),
    }
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

fn submit(
    desk: &mut Desk<'_>,
    ask: &SubmitApplicationRequest,
    checked: Result<Filing, Objection>,
) -> Result<SubmitApplicationResponse, Broken> {
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("file_id", !ask.file_id.is_empty()),
        ("document", !ask.document.is_empty()),
        ("certificate_id", !ask.certificate_id.is_empty()),
    ])?;
    use submit_application_response::Outcome;
    let content = digest(&[ask.file_id.as_bytes(), &ask.document, ask.certificate_id.as_bytes()]);
    let fns = &desk.world.fns;
    let known = fns.by_effect(&ask.effect_id);
    let before = settled(fns, &ask.effect_id, &content, known.map(|a| a.content.as_str()).or(other_kind(fns, ask)));
    let outcome = match (before, known) {
        (Some(refused), _) => Outcome::Refused(refused),
        (None, Some(application)) => Outcome::Accepted(accepted(application)),
        (None, None) => match judge(desk, ask, checked) {
            Err(against) => Outcome::Refused(refuse(desk, &ask.effect_id, content, against)?),
            Ok(filing) => Outcome::Accepted(file(desk, ask, content, filing)?),
        },
    };
    Ok(SubmitApplicationResponse { outcome: Some(outcome) })
}

/// The content of a report under the same effect id: it differs from any application.
fn other_kind<'a>(fns: &'a Fns, ask: &SubmitApplicationRequest) -> Option<&'a str> {
    fns.reports.get(&ask.effect_id).map(|report| report.content.as_str())
}

fn judge(
    desk: &Desk<'_>,
    ask: &SubmitApplicationRequest,
    checked: Result<Filing, Objection>,
) -> Result<Filing, Objection> {
    if let Some(name) = desk.verdict.refuse.as_deref() {
        let known = reason(name).map_or("OTHER", |r| r.as_str_name().trim_start_matches("REFUSAL_REASON_"));
        return Err((known, text(known)));
    }
    let filing = checked?;
    if ask.certificate_id.starts_with("cert-bad") {
        return Err(("SIGNATURE_INVALID", "Подпись недействительна".to_owned()));
    }
    if let Some(name) = ordered(&filing.serial, 98).filter(|name| *name != REPORT_MISMATCH) {
        return Err((name, text(name)));
    }
    if excluded(&filing.fn_serial) {
        return Err(("FN_EXCLUDED", "Фискальный накопитель исключён из реестра".to_owned()));
    }
    if desk.world.taxpayers.find(&filing.inn).is_none_or(|t| t.status == "LIQUIDATED") {
        return Err(("TAXPAYER_NOT_ACTIVE", "Налогоплательщик не состоит на учёте".to_owned()));
    }
    match desk.world.fns.occupied(&filing, desk.now_ms) {
        Some(name) => Err((name, text(name))),
        None => Ok(filing),
    }
}

/// First generations of fiscal drives, no longer in the registry.
fn excluded(fn_serial: &str) -> bool {
    let prefix: u32 = fn_serial[..4].parse().unwrap_or(0);
    (8710..=8716).contains(&prefix) || (9251..=9289).contains(&prefix)
}

fn file(
    desk: &mut Desk<'_>,
    ask: &SubmitApplicationRequest,
    content: String,
    filing: Filing,
) -> Result<ApplicationAccepted, Broken> {
    let (number, now_ms) = (desk.world.fns.next(), desk.now_ms);
    let trick = magic(&filing.serial);
    let delay = i64::try_from(desk.delays().rnm.as_millis()).unwrap_or(i64::MAX);
    let rnm_inn = if trick == Some((97, 3)) { "7700000070" } else { filing.inn.as_str() };
    let refusal = ordered(&filing.serial, 99).filter(|name| *name != REPORT_MISMATCH).map(str::to_owned);
    let application = Application {
        effect_id: ask.effect_id.clone(),
        application_id: format!("app-{number:06}"),
        content,
        document: encoding_rs::WINDOWS_1251.decode_without_bom_handling(&ask.document).0.into_owned(),
        rnm: checks::rnm(number, rnm_inn, &filing.serial),
        filing,
        filed_ms: now_ms,
        decided_ms: (trick != Some((97, 0))).then_some(now_ms.saturating_add(delay)),
        unsigned: trick == Some((97, 1)) || ask.certificate_id.starts_with("cert-wait"),
        refusal,
        reports: Vec::new(),
        annulled: false,
    };
    let answer = accepted(&application);
    desk.commit(Kind::Effect, world::Event::Fns(Event::Filed(Box::new(application))))?;
    Ok(answer)
}

fn accepted(application: &Application) -> ApplicationAccepted {
    let received_time = Some(timestamp(application.filed_ms));
    ApplicationAccepted { application_id: application.application_id.clone(), received_time }
}

fn tell(desk: &Desk<'_>, id: &str) -> Result<GetApplicationResponse, Broken> {
    demand(&[("application_id", !id.is_empty())])?;
    let application = desk.world.fns.application(id).ok_or(Broken::NotFound("application"))?;
    let trick = magic(&application.filing.serial);
    let stale = desk.verdict.stale || (trick == Some((97, 5)) && desk.asked_before("application_id").is_multiple_of(2));
    let standing = if stale { application.earlier(desk.now_ms) } else { application.standing(desk.now_ms) };
    let mut told = GetApplicationResponse { messages: messages(application, &standing), ..Default::default() };
    let state = match standing {
        Standing::InReview => ApplicationState::InReview,
        Standing::AwaitingSignature => ApplicationState::AwaitingSignature,
        Standing::RnmAssigned(_) => ApplicationState::RnmAssigned,
        Standing::ReportInReview(_) => ApplicationState::ReportInReview,
        Standing::ReportRefused(name) => {
            told.refused = Some(refusal(name, &text(name)));
            ApplicationState::ReportRefused
        }
        Standing::Registered(report) => {
            let issue_time = report.decided_ms.map(timestamp);
            told.card = Some(RegistrationCard { number: report.card.clone(), issue_time });
            ApplicationState::Registered
        }
        Standing::Refused(name) => {
            told.refused = Some(refusal(name, &text(name)));
            ApplicationState::Refused
        }
    };
    told.state = state.into();
    let numberless = matches!(standing, Standing::InReview | Standing::AwaitingSignature | Standing::Refused(_));
    if !numberless || !application.reports.is_empty() {
        told.rnm.clone_from(&application.rnm);
        told.rnm_time = application.decided_ms.map(timestamp);
    }
    Ok(told)
}

fn messages(application: &Application, standing: &Standing<'_>) -> Vec<FnsMessage> {
    let message = |ms: i64, text: &str| FnsMessage { time: Some(timestamp(ms)), text: text.to_owned() };
    let mut said = vec![message(application.filed_ms, "Заявление получено")];
    let decided = application.decided_ms.unwrap_or(application.filed_ms);
    match standing {
        Standing::InReview => {}
        Standing::AwaitingSignature => said.push(message(application.filed_ms, "Ожидается подпись заявителя")),
        Standing::Refused(_) => said.push(message(decided, "В регистрации отказано")),
        _ => said.push(message(decided, "Присвоен регистрационный номер ККТ")),
    }
    match standing {
        Standing::ReportInReview(report) => said.push(message(report.filed_ms, "Отчёт о регистрации получен")),
        Standing::ReportRefused(_) => said.push(message(decided, "Отчёт о регистрации не принят")),
        Standing::Registered(report) => {
            said.push(message(report.decided_ms.unwrap_or(decided), "Карточка регистрации ККТ сформирована"));
        }
        _ => {}
    }
    said
}

fn report(desk: &mut Desk<'_>, ask: &SubmitReportRequest) -> Result<SubmitReportResponse, Broken> {
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("application_id", !ask.application_id.is_empty()),
        ("rnm", checks::digits(&ask.rnm, 16)),
        ("fn_serial", checks::digits(&ask.fn_serial, 16)),
        ("fd_number", (1..=i64::from(u32::MAX)).contains(&ask.fd_number)),
        ("local_time", checks::local_time(&ask.local_time)),
        (
            "fiscal_sign",
            (1..=10).contains(&ask.fiscal_sign.len()) && checks::digits(&ask.fiscal_sign, ask.fiscal_sign.len()),
        ),
        ("certificate_id", !ask.certificate_id.is_empty()),
    ])?;
    use submit_report_response::Outcome;
    let number = ask.fd_number.to_string();
    let parts = [&ask.application_id, &ask.rnm, &ask.fn_serial, &number, &ask.local_time, &ask.fiscal_sign];
    let content = parts.map(String::as_str).join("|");
    let fns = &desk.world.fns;
    let known = fns.reports.get(&ask.effect_id);
    let application = fns.by_effect(&ask.effect_id).map(|a| a.content.as_str());
    let before = settled(fns, &ask.effect_id, &content, known.map(|r| r.content.as_str()).or(application));
    let outcome = match (before, known) {
        (Some(refused), _) => Outcome::Refused(refused),
        (None, Some(report)) => Outcome::Accepted(received(report)),
        (None, None) => match report_objection(desk, ask) {
            Some(against) => Outcome::Refused(refuse(desk, &ask.effect_id, content, against)?),
            None => Outcome::Accepted(file_report(desk, ask, content)?),
        },
    };
    Ok(SubmitReportResponse { outcome: Some(outcome) })
}

fn report_objection(desk: &Desk<'_>, ask: &SubmitReportRequest) -> Option<Objection> {
    if let Some(name) = desk.verdict.refuse.as_deref() {
        let known = reason(name).map_or("OTHER", |r| r.as_str_name().trim_start_matches("REFUSAL_REASON_"));
        return Some((known, text(known)));
    }
    let mismatch = (REPORT_MISMATCH, "Сведения отчёта не соответствуют заявлению".to_owned());
    let Some(application) = desk.world.fns.application(&ask.application_id) else {
        return Some(("WRONG_STATE", "Заявление не найдено".to_owned()));
    };
    let first = !desk.world.fns.refusals.values().any(|r| r.content.starts_with(&format!("{}|", ask.application_id)));
    match application.standing(desk.now_ms) {
        Standing::RnmAssigned(_) | Standing::ReportRefused(_) if application.annulled => {
            Some(("WRONG_STATE", "Регистрация аннулирована".to_owned()))
        }
        Standing::RnmAssigned(_) | Standing::ReportRefused(_) => {
            let fits = ask.rnm == application.rnm && ask.fn_serial == application.filing.fn_serial;
            let serial = &application.filing.serial;
            let told = ordered(serial, 95).or((magic(serial) == Some((98, 17))).then_some(REPORT_MISMATCH));
            match told.filter(|_| first) {
                _ if !fits => Some(mismatch),
                Some(REPORT_MISMATCH) => Some(mismatch),
                other => other.map(|name| (name, text(name))),
            }
        }
        _ => Some(("WRONG_STATE", "Отчёт сейчас не ожидается".to_owned())),
    }
}

fn file_report(desk: &mut Desk<'_>, ask: &SubmitReportRequest, content: String) -> Result<ReportAccepted, Broken> {
    let now_ms = desk.now_ms;
    let delay = i64::try_from(desk.delays().card.as_millis()).unwrap_or(i64::MAX);
    let application = desk.world.fns.application(&ask.application_id).ok_or(Broken::NotFound("application"))?;
    let trick = magic(&application.filing.serial);
    let refused = ordered(&application.filing.serial, 96).or((trick == Some((99, 17))).then_some(REPORT_MISMATCH));
    let report = Report {
        effect_id: ask.effect_id.clone(),
        application_id: ask.application_id.clone(),
        content,
        filed_ms: now_ms,
        decided_ms: (trick != Some((97, 2))).then_some(now_ms.saturating_add(delay)),
        card: format!("{}{}", application.filing.office, &ask.application_id["app-".len()..]),
        refusal: refused.filter(|_| application.reports.is_empty()).map(str::to_owned),
        unsigned: trick == Some((97, 4)),
    };
    let answer = received(&report);
    desk.commit(Kind::Effect, world::Event::Fns(Event::Reported(report)))?;
    Ok(answer)
}

fn received(report: &Report) -> ReportAccepted {
    ReportAccepted { received_time: Some(timestamp(report.filed_ms)) }
}

fn report_or_void(desk: &mut Desk<'_>, ask: &ReportOrVoidRequest) -> Result<ReportOrVoidResponse, Broken> {
    let id = ask.effect_id.as_str();
    demand(&[("effect_id", effect_id(id))])?;
    use report_or_void_response::Outcome;
    let fns = &desk.world.fns;
    let outcome = match (fns.by_effect(id), fns.reports.get(id), fns.refusals.get(id)) {
        (Some(application), ..) => Outcome::Application(accepted(application)),
        (_, Some(report), _) => Outcome::Report(received(report)),
        (.., Some(refused)) => Outcome::Refused(refusal(&refused.reason, &refused.message)),
        _ if desk.in_progress(id) => Outcome::InProgress(InProgress {}),
        _ if ask.only_report && !fns.voided.contains(id) => Outcome::Unknown(Unknown {}),
        _ => {
            if !fns.voided.contains(id) {
                desk.commit(Kind::Effect, world::Event::Fns(Event::Voided { effect_id: id.to_owned() }))?;
            }
            Outcome::Voided(Voided {})
        }
    };
    Ok(ReportOrVoidResponse { outcome: Some(outcome) })
}
