//! What a registration tells people: where it stands, what is missing, what can be done next. Pure.

use super::advice;
use super::model::{Block, Equipment, WaitingFor};
use super::state::{DriveFate, State};
use super::view::View;
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
pub fn status_text(kkt: &View) -> String {
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
        State::Cancelled(_) => return cancelled(&kkt.state),
    };
    text.to_owned()
}

fn cancelled(state: &State) -> String {
    match left_behind(state) {
        rest if rest.is_empty() => "Регистрация отменена".into(),
        rest => format!("Регистрация отменена. {rest}"),
    }
}

/// The report should have reached FNS before `now_ms` and has not. It warns; it changes nothing.
pub fn overdue(state: &State, now_ms: i64) -> bool {
    let due = REPORT_IS_DUE.contains(&state.name().as_str());
    due && state.numbers().is_some_and(|n| n.report_by_ms < now_ms)
}

/// What is missing before it goes on, each with the field of the call that brings it.
pub fn requirements(kkt: &View) -> Vec<Requirement> {
    let fiscalize = kkt.awaits_call().then(|| Requirement {
        code: "FISCALIZE_CALL",
        subject: "fiscalize".into(),
        text: "call Fiscalize: nothing is burnt without it".into(),
        russian: "Вызовите Fiscalize: без этого фискализация не начнётся".into(),
    });
    let held_up = kkt.block.as_ref().and_then(|block| {
        let (code, subject, text) = missing(block)?;
        Some(Requirement { code, subject: subject.into(), text: text.into(), russian: block.advice.clone() })
    });
    fiscalize.into_iter().chain(held_up).collect()
}

/// What a block asks for: a word for programs, the field of the call that brings it, a sentence.
fn missing(block: &Block) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match (block.waiting_for, block.reason.as_str()) {
        (_, reason) if reason.starts_with("OFD_CODE_") || reason == "OFD_REFUSED" => {
            ("ACTIVATION_CODE", "activation_code", "call Amend with another activation code")
        }
        (_, advice::REPORT_REFUSED) => ("CORRECTED_REPORT", "report", "call Amend with the corrected report"),
        (_, "REPORT_UNREADABLE") => ("MANUAL_REPORT", "manual", "call Fiscalize with the values of the printed report"),
        (_, advice::TASK_WITHDRAWN) => ("FISCALIZE_CALL", "fiscalize", "call Fiscalize again, or Cancel"),
        (_, advice::MISMATCH) => ("RIGHT_DEVICE", "device_id", "connect the device that was registered, or call Amend"),
        (WaitingFor::Device, _) => ("DEVICE_READY", "", "make the device ready"),
        (WaitingFor::Signer, _) => ("SIGNATURE", "", "the signer has to sign at FNS"),
        (WaitingFor::Partner, _) => ("NEW_REGISTRATION", "", "call Cancel and start anew with corrected data"),
        (WaitingFor::Fns | WaitingFor::Ofd | WaitingFor::Operator, _) => return None,
    })
}

const NO_REREGISTRATION: &str = "Перерегистрация (смена ОФД, ФН, адреса) через этот сервис пока не поддерживается";
const NO_REMOVAL: &str = "Снятие с учёта через этот сервис пока не поддерживается";
const NO_RETURN: &str = "Возврат кассы из проката через этот сервис пока не поддерживается";
const NO_PAYMENT: &str = "Оплата кассы через этот сервис пока не поддерживается";

/// What can be done next, and why the rest cannot.
pub fn next_actions(kkt: &View) -> Vec<NextAction> {
    let rental = matches!(kkt.spec.equipment, Equipment::Rental { .. });
    let mut actions = match kkt.state {
        State::Rejected { .. } | State::Cancelled(_) => return vec![can(Action::RegisterAgain)],
        State::Registered { .. } => {
            vec![cannot(Action::Reregister, NO_REREGISTRATION), cannot(Action::Remove, NO_REMOVAL)]
        }
        _ => vec![
            NextAction { action: Action::Fiscalize, unavailable: why_not_fiscalize(kkt) },
            NextAction { action: Action::Amend, unavailable: why_not_amend(kkt) },
            NextAction { action: Action::Cancel, unavailable: why_not_cancel(kkt) },
        ],
    };
    if rental {
        actions.push(cannot(Action::ReturnRental, NO_RETURN));
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

/// By hand it is possible without a device too; while the device is at it, a report made by hand ends that.
fn why_not_fiscalize(kkt: &View) -> Option<String> {
    match kkt.state {
        State::ReadyToFiscalize { .. } => None,
        State::Fiscalizing { .. } if kkt.block.is_some() => None,
        State::Fiscalizing { .. } => Some("Фискализация уже идёт".into()),
        _ if kkt.state.report().is_some() => Some("Отчёт о регистрации уже сформирован".into()),
        _ => Some("Сначала нужно получить регистрационный номер и подключить кассу к ОФД".into()),
    }
}

fn why_not_amend(kkt: &View) -> Option<String> {
    let refused = kkt.block.as_ref().is_some_and(|block| block.reason == advice::REPORT_REFUSED);
    match kkt.state {
        _ if kkt.state.may_be_unburnt() || refused => None,
        _ => Some("Исправлять нечего: отчёт сформирован, и ФНС его не отклонила".into()),
    }
}

fn why_not_cancel(kkt: &View) -> Option<String> {
    (!kkt.state.may_be_unburnt()).then(|| "Накопитель фискализирован: регистрация будет завершена".into())
}

/// What FNS and the operator still keep of a cancelled registration, and what to do about it; empty when nothing.
pub fn left_behind(state: &State) -> String {
    let State::Cancelled(ending) = state else { return String::new() };
    let filed = match (&ending.application_id, &ending.rnm) {
        (_, Some(_)) => Some(
            "В ФНС осталось заявление с присвоенным регистрационным номером: без отчёта о регистрации номер не действует",
        ),
        (Some(_), None) => {
            Some("В ФНС осталось поданное заявление: если номер будет присвоен, он останется без отчёта")
        }
        (None, None) => None,
    };
    let contract = ending.connected.then_some("Касса подключена у ОФД: код активации использован и не возвращается");
    let drive = match ending.drive {
        DriveFate::Unburnt => None,
        DriveFate::InDoubt => Some(
            "Накопитель не удалось проверить, он остаётся занят этой регистрацией: чтобы использовать его снова, \
             обратитесь в поддержку LiteBox",
        ),
        DriveFate::Lost => Some("Накопитель использовать повторно нельзя: установите новый"),
    };
    [filed, contract, drive].into_iter().flatten().collect::<Vec<_>>().join(". ")
}

#[cfg(test)]
mod tests;
