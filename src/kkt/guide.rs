//! What a registration tells people: where it stands, what is missing, what can be done next. Pure.

use super::model::{Equipment, Kkt, WaitingFor};
use super::state::State;
use crate::failure::Requirement;

/// Names of the states in which FNS waits for the report, as in the database.
pub const REPORT_IS_DUE: [&str; 4] = ["CONNECTING_OFD", "READY_TO_FISCALIZE", "FISCALIZING", "REPORTING"];

/// Something that may be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextAction {
    /// Which.
    pub action: Action,
    /// Why not now, Russian; absent when it can be done.
    pub unavailable: Option<String>,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Burn the FN.
    Fiscalize,
    /// Correct what was given.
    Amend,
    /// Give the registration up.
    Cancel,
    /// Start anew with corrected data.
    RegisterAgain,
    /// Pay for the register.
    Pay,
    /// Change operator, FN or address of a registered register.
    Reregister,
    /// Take it off the register of FNS.
    Remove,
    /// Give a rented one back.
    ReturnRental,
}

/// Where it stands, one Russian sentence.
pub fn status_text(kkt: &Kkt) -> String {
    if let Some(block) = &kkt.block {
        return block.advice.clone();
    }
    let text = match &kkt.state {
        State::Reserving => "Резервируем код активации ОФД",
        State::Submitting { .. } => "Подаём заявление о регистрации ККТ в ФНС",
        State::AwaitingRnm { .. } => "ФНС рассматривает заявление и присваивает регистрационный номер",
        State::ConnectingOfd { .. } => "Регистрационный номер получен, подключаем кассу к ОФД",
        State::ReadyToFiscalize { .. } => "Касса готова к фискализации",
        State::Fiscalizing { .. } => "Касса формирует отчёт о регистрации",
        State::Reporting { .. } => "Отчёт сформирован, передаём его данные в ФНС",
        State::AwaitingCard { .. } => "ФНС оформляет карточку регистрации",
        State::Registered { .. } => "Касса зарегистрирована, карточка получена",
        State::Rejected { .. } => "ФНС отказала в регистрации. Исправьте данные и подайте новую заявку",
        State::Cancelled { .. } => "Регистрация отменена",
    };
    text.to_owned()
}

/// Who must act now; absent while the service itself is at work and when all is done.
pub fn waiting_for(kkt: &Kkt) -> Option<WaitingFor> {
    if let Some(block) = &kkt.block {
        return Some(block.waiting_for);
    }
    match kkt.state {
        State::AwaitingRnm { .. } | State::AwaitingCard { .. } => Some(WaitingFor::Fns),
        State::ReadyToFiscalize { .. } => Some(WaitingFor::Partner),
        State::Fiscalizing { .. } => Some(WaitingFor::Device),
        _ => None,
    }
}

/// The report should have reached FNS before `now_ms` and has not. It warns; it changes nothing.
pub fn overdue(kkt: &Kkt, now_ms: i64) -> bool {
    let due = REPORT_IS_DUE.contains(&kkt.state.name().as_str());
    due && kkt.state.numbers().is_some_and(|n| n.report_by_ms < now_ms)
}

/// What is missing before it goes on: the block, as a requirement.
pub fn requirements(kkt: &Kkt) -> Vec<Requirement> {
    let waits = matches!(kkt.state, State::ReadyToFiscalize { .. }) && !kkt.spec.fiscalize_automatically;
    waits
        .then(|| Requirement {
            code: "FISCALIZE_CALL",
            subject: "fiscalize".into(),
            text: "call Fiscalize: nothing is burnt without it".into(),
            russian: "Вызовите Fiscalize: без этого фискализация не начнётся".into(),
        })
        .into_iter()
        .collect()
}

const NOT_YET: &str = "Пока недоступно в этой версии сервиса";
const NO_PAYMENT: &str = "Оплата кассы через этот сервис пока не поддерживается";

/// What can be done next, and why the rest cannot.
pub fn next_actions(kkt: &Kkt) -> Vec<NextAction> {
    let rental = matches!(kkt.spec.equipment, Equipment::Rental { .. });
    let mut actions = match kkt.state {
        State::Rejected { .. } | State::Cancelled { .. } => return vec![can(Action::RegisterAgain)],
        State::Registered { .. } => vec![cannot(Action::Reregister, NOT_YET), cannot(Action::Remove, NOT_YET)],
        _ if kkt.state.report().is_some() => Vec::new(),
        _ => vec![
            NextAction { action: Action::Fiscalize, unavailable: why_not_fiscalize(kkt) },
            cannot(Action::Amend, NOT_YET),
            cannot(Action::Cancel, NOT_YET),
        ],
    };
    if rental {
        actions.push(cannot(Action::ReturnRental, NOT_YET));
    }
    actions.push(cannot(Action::Pay, NO_PAYMENT));
    actions
}

const fn can(action: Action) -> NextAction {
    NextAction { action, unavailable: None }
}

fn cannot(action: Action, why: &str) -> NextAction {
    NextAction { action, unavailable: Some(why.to_owned()) }
}

fn why_not_fiscalize(kkt: &Kkt) -> Option<String> {
    match kkt.state {
        State::ReadyToFiscalize { .. } if kkt.facts.register.device_id.is_some() => None,
        State::ReadyToFiscalize { .. } => Some("Касса не подключена к сервису: устройство не указано".into()),
        State::Fiscalizing { .. } => Some("Фискализация уже идёт".into()),
        _ => Some("Сначала нужно получить регистрационный номер и подключить кассу к ОФД".into()),
    }
}
