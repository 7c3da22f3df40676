//! The card of a client: what people at the partner see and can do next.

use super::model::{Client, State};

/// The card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The client.
    pub client: Client,
    /// Where its administrator signs in.
    pub sign_in_address: String,
    /// What to record and hand over, Russian.
    pub handover: String,
    /// What can be done next, and what cannot and why.
    pub next_actions: Vec<NextAction>,
}

/// Something to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAction {
    /// What.
    pub action: Action,
    /// Why it cannot be done, Russian; absent when it can.
    pub why_not: Option<&'static str>,
}

/// What can be done with a client; the names are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each name says it, and the contract explains it")]
pub enum Action {
    OpenCard,
    RegisterSaleKkt,
    RegisterRentalKkt,
    PayKkt,
    ContinueRegistration,
    Edit,
}

impl Action {
    /// The method to call, where there is one.
    pub const fn method(self) -> Option<&'static str> {
        match self {
            Self::OpenCard => Some("litebox.client.v1.ClientService/Get"),
            Self::RegisterSaleKkt | Self::RegisterRentalKkt => Some("litebox.kkt.v1.KktService/QuickRegister"),
            Self::ContinueRegistration => Some("litebox.client.v1.ClientService/Register"),
            Self::PayKkt | Self::Edit => None,
        }
    }
}

const NO_PAYMENT_YET: &str = "Оплата кассы пока не поддерживается.";
const NO_EDIT_YET: &str = "Изменение данных клиента пока не поддерживается.";
const FINISH_FIRST: &str = "Сначала завершите регистрацию клиента: повторите её с тем же ИНН.";
const ABANDONED: &str = "Регистрация клиента не была завершена: зарегистрируйте его заново.";

/// Makes the card.
pub fn card(client: Client, sign_in_address: &str) -> Card {
    Card {
        handover: handover(&client.state, sign_in_address),
        next_actions: next_actions(&client.state),
        sign_in_address: sign_in_address.to_owned(),
        client,
    }
}

/// LiteBox's page demands that phone, e-mail and password be recorded and handed over.
fn handover(state: &State, sign_in_address: &str) -> String {
    let host = sign_in_address.split_once("://").map_or(sign_in_address, |(_, rest)| rest).trim_end_matches('/');
    match state {
        State::Active { .. } => format!(
            "Запишите и передайте клиенту телефон, e-mail и пароль: с ними он входит в сервис LiteBox ({host}). \
             Пароль здесь не хранится, узнать его позже нельзя."
        ),
        State::AccountPending => FINISH_FIRST.to_owned(),
        State::Abandoned => ABANDONED.to_owned(),
    }
}

fn next_actions(state: &State) -> Vec<NextAction> {
    let open = NextAction { action: Action::OpenCard, why_not: None };
    let blocked = |why| [(Action::RegisterSaleKkt, why), (Action::RegisterRentalKkt, why), (Action::PayKkt, why)];
    let rest = match state {
        State::Active { .. } => vec![
            (Action::RegisterSaleKkt, None),
            (Action::RegisterRentalKkt, None),
            (Action::PayKkt, Some(NO_PAYMENT_YET)),
            (Action::Edit, Some(NO_EDIT_YET)),
        ],
        State::AccountPending => {
            [vec![(Action::ContinueRegistration, None)], blocked(Some(FINISH_FIRST)).to_vec()].concat()
        }
        State::Abandoned => blocked(Some(ABANDONED)).to_vec(),
    };
    let rest = rest.into_iter().map(|(action, why_not)| NextAction { action, why_not });
    std::iter::once(open).chain(rest).collect()
}
