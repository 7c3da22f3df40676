//! Registrations into `litebox.kkt.v1`.

use super::{instant, or_empty};
use crate::catalogue::Catalogue;
use crate::kkt::model::{Block, Equipment, Step, WaitingFor};
use crate::kkt::state::{Name, Report, Source, State};
use crate::kkt::view::View;
use crate::kkt::{deadlines, guide, refusal};
use crate::pb::kkt as pb;

/// Path prefix of the methods that next actions name.
const SERVICE: &str = "litebox.kkt.v1.KktService/";

/// A registration as it stands at `now_ms`; without its history.
pub fn kkt(kkt: &View, catalogue: &Catalogue, now_ms: i64) -> pb::Kkt {
    let numbers = kkt.state.numbers();
    pb::Kkt {
        id: kkt.id.to_string(),
        client_id: kkt.client_id.to_string(),
        inn: kkt.inn.to_string(),
        external_ref: or_empty(kkt.external_ref.as_ref()),
        equipment: Some(equipment(kkt)),
        state: state(kkt.state.name()).into(),
        status_text: guide::status_text(kkt),
        blocked: kkt.block.as_ref().map(blocked),
        rejection: rejection(&kkt.state),
        since: Some(instant(kkt.since_ms)),
        expected_by: deadlines::expected_by(kkt, catalogue).map(instant),
        next_attempt_time: kkt.next_attempt_ms.map(instant),
        requirements: guide::requirements(kkt).into_iter().map(requirement).collect(),
        next_actions: guide::next_actions(kkt).into_iter().map(next_action).collect(),
        rnm: or_empty(kkt.state.rnm()),
        report: kkt.state.report().map(report),
        card: kkt.state.card().map(|c| pb::Card { number: c.number.clone(), issue_time: Some(instant(c.issued_ms)) }),
        report_by: numbers.map(|n| instant(n.report_by_ms)),
        overdue: guide::overdue(&kkt.state, now_ms),
        fiscalize_automatically: kkt.spec.fiscalize_automatically,
        revision: kkt.revision,
        history: Vec::new(),
        create_time: Some(instant(kkt.created_ms)),
        update_time: Some(instant(kkt.updated_ms)),
        waiting_for: kkt.waiting_for().map_or(pb::WaitingFor::Unspecified, waiting_for).into(),
    }
}

/// One entry of the history.
pub fn transition(step: &Step) -> pb::Transition {
    pb::Transition {
        from_state: step.from.map_or(pb::KktState::Unspecified, state).into(),
        to_state: state(step.to).into(),
        time: Some(instant(step.at_ms)),
        attempt: step.attempt,
        actor: step.actor.clone(),
        effect_id: or_empty(step.effect),
        detail: step.detail.clone(),
        revision: step.revision,
    }
}

fn equipment(kkt: &View) -> pb::KktEquipment {
    let register = &kkt.facts.register;
    let (kind, rental_months) = match &kkt.spec.equipment {
        Equipment::Sale(_) => (pb::EquipmentKind::Sale, 0),
        Equipment::Rental { months, .. } => (pb::EquipmentKind::Rental, i32::try_from(*months).unwrap_or(i32::MAX)),
    };
    pb::KktEquipment {
        kind: kind.into(),
        model: register.model.clone(),
        serial: register.serial.to_string(),
        fn_serial: register.fn_serial.to_string(),
        device_id: or_empty(register.device_id),
        rental_months,
    }
}

fn blocked(block: &Block) -> pb::Blocked {
    pb::Blocked {
        reason: block.reason.clone(),
        advice: block.advice.clone(),
        waiting_for: waiting_for(block.waiting_for).into(),
    }
}

const fn waiting_for(who: WaitingFor) -> pb::WaitingFor {
    match who {
        WaitingFor::Fns => pb::WaitingFor::Fns,
        WaitingFor::Ofd => pb::WaitingFor::Ofd,
        WaitingFor::Device => pb::WaitingFor::Device,
        WaitingFor::Partner => pb::WaitingFor::Partner,
        WaitingFor::Signer => pb::WaitingFor::Signer,
        WaitingFor::Operator => pb::WaitingFor::Operator,
    }
}

fn rejection(state: &State) -> Option<pb::Rejection> {
    let State::Rejected { refusal: told, .. } = state else { return None };
    Some(pb::Rejection {
        reason: refusal::name(told.reason).to_owned(),
        advice: refusal::advice(told.reason).to_owned(),
        message: told.text.clone(),
    })
}

pub(super) fn requirement(one: crate::failure::Requirement) -> pb::Requirement {
    pb::Requirement { code: one.code.to_owned(), subject: one.subject, text: one.russian }
}

fn next_action(next: guide::NextAction) -> pb::NextAction {
    let (action, method) = match next.action {
        guide::Action::Fiscalize => (pb::KktAction::Fiscalize, "Fiscalize"),
        guide::Action::Amend => (pb::KktAction::Amend, "Amend"),
        guide::Action::Cancel => (pb::KktAction::Cancel, "Cancel"),
        guide::Action::RegisterAgain => (pb::KktAction::RegisterAgain, "QuickRegister"),
        guide::Action::Pay => (pb::KktAction::PayKkt, ""),
        guide::Action::Reregister => (pb::KktAction::Reregister, ""),
        guide::Action::Remove => (pb::KktAction::Remove, ""),
        guide::Action::ReturnRental => (pb::KktAction::ReturnRental, ""),
    };
    pb::NextAction {
        action: action.into(),
        available: next.unavailable.is_none(),
        why_not: next.unavailable.unwrap_or_default(),
        method: if method.is_empty() { String::new() } else { format!("{SERVICE}{method}") },
    }
}

fn report(told: &Report) -> pb::Report {
    let report = &told.values;
    let source = match told.source {
        Source::Automatic => pb::ReportSource::Automatic,
        Source::Manual => pb::ReportSource::Manual,
    };
    pb::Report {
        fn_serial: report.fn_serial.to_string(),
        rnm: report.rnm.to_string(),
        fd_number: report.fd_number.into(),
        local_time: report.local_time.clone(),
        fiscal_sign: report.fiscal_sign.to_string(),
        source: source.into(),
    }
}

fn state(name: Name) -> pb::KktState {
    match name {
        Name::Reserving => pb::KktState::Reserving,
        Name::Submitting => pb::KktState::Submitting,
        Name::AwaitingRnm => pb::KktState::AwaitingRnm,
        Name::ConnectingOfd => pb::KktState::ConnectingOfd,
        Name::ReadyToFiscalize => pb::KktState::ReadyToFiscalize,
        Name::Fiscalizing => pb::KktState::Fiscalizing,
        Name::Reporting => pb::KktState::Reporting,
        Name::AwaitingCard => pb::KktState::AwaitingCard,
        Name::Registered => pb::KktState::Registered,
        Name::Rejected => pb::KktState::Rejected,
        Name::Cancelled => pb::KktState::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_name_in_the_contract_and_the_domain() {
        for name in Name::ALL {
            assert_eq!(state(name).as_str_name(), format!("KKT_STATE_{}", name.as_str()));
        }
    }
}
