//! Requests of `litebox.client.v1` into commands, clients and taxpayers into answers.

use super::{
    Fields, address, address_out, instant, instant_in, or_empty, page_size, parts_out, required, unknown, words,
};
use crate::clients::card::{Action, Card, NextAction};
use crate::clients::model::{Filter, ListQuery, Order, Register, StateName};
use crate::failure::Failure;
use crate::gateways::taxpayers::{RegisteredAddress, Taxpayer, TaxpayerKind, TaxpayerStatus};
use crate::pb::client as pb;
use crate::values::{ClientId, Email, Inn, Invalid, Password, Phone, RequestId};

/// Parses a question about a taxpayer.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn lookup(request: &pb::LookupTaxpayerRequest) -> Result<Inn, Failure> {
    Fields::of(|f| f.text("inn", &request.inn, Inn::parse))
}

/// Parses a question about a client.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn get(request: &pb::GetRequest) -> Result<ClientId, Failure> {
    Fields::of(|f| f.text("client_id", &request.client_id, ClientId::parse))
}

/// Parses an order for a client; a password has at least `password_min` characters.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn register(request: pb::RegisterRequest, password_min: usize) -> Result<Register, Failure> {
    Fields::of(|f| {
        let request_id = f.text("request_id", &request.request_id, RequestId::parse);
        let client_type = f.take("client_type", client_type(request.client_type));
        let inn = f.text("inn", &request.inn, Inn::parse);
        let address = f.present("address", request.address).and_then(|parts| address(f, "address", parts));
        let phone = f.text("phone", &request.phone, Phone::parse);
        let email = f.text("email", &request.email, Email::parse);
        let password = f.text("password", &request.password, |text| Password::parse(text, password_min));
        let last_name = f.optional("last_name", &request.last_name, words(60));
        let first_name = f.optional("first_name", &request.first_name, words(60));
        let company = f.optional("company", &request.company, words(256));
        let external_ref = f.optional("external_ref", &request.external_ref, words(128));
        client_type?;
        Some(Register {
            request_id: request_id?,
            inn: inn?,
            address: address?,
            phone: phone?,
            email: email?,
            password: password?,
            last_name: last_name?,
            first_name: first_name?,
            company: company?,
            external_ref: external_ref?,
            validate_only: request.validate_only,
        })
    })
}

fn client_type(number: i32) -> Result<(), Invalid> {
    match pb::ClientType::try_from(number).map_err(|_| unknown())? {
        pb::ClientType::Unspecified => Err(required()),
        pb::ClientType::Litebox => Ok(()),
    }
}

/// Parses a question for a page of clients.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn list(request: pb::ListRequest) -> Result<ListQuery, Failure> {
    Fields::of(|f| {
        let size = page_size(f, request.page_size);
        let filter = filter(f, &request);
        let order = f.take("order_by", order(request.order_by));
        let token = Some(request.page_token).filter(|token| !token.is_empty());
        Some(ListQuery { filter: filter?, order: order?, size: size?, token })
    })
}

fn filter(f: &mut Fields, request: &pb::ListRequest) -> Option<Filter> {
    let inn = f.optional("inn", &request.inn, Inn::parse);
    let text = f.optional("text", &request.text, words(100));
    let external_ref = f.optional("external_ref", &request.external_ref, words(128));
    let states = f.each("states", request.states.iter().copied(), state_in);
    let from = request.created_from.as_ref().map(instant_in).transpose();
    let before = request.created_before.as_ref().map(instant_in).transpose();
    let (from, before) = (f.take("created_from", from), f.take("created_before", before));
    Some(Filter {
        inn: inn?,
        text: text?,
        external_ref: external_ref?,
        states: states?,
        created_from_ms: from?,
        created_before_ms: before?,
    })
}

fn state_in(number: i32) -> Result<StateName, Invalid> {
    match pb::ClientState::try_from(number).map_err(|_| unknown())? {
        pb::ClientState::Unspecified => Err(required()),
        pb::ClientState::AccountPending => Ok(StateName::AccountPending),
        pb::ClientState::Active => Ok(StateName::Active),
        pb::ClientState::Abandoned => Ok(StateName::Abandoned),
    }
}

fn order(number: i32) -> Result<Order, Invalid> {
    Ok(match pb::ClientOrder::try_from(number).map_err(|_| unknown())? {
        pb::ClientOrder::Unspecified | pb::ClientOrder::CreateTimeDesc => Order::Newest,
        pb::ClientOrder::CreateTimeAsc => Order::Oldest,
        pb::ClientOrder::CompanyAsc => Order::Company,
    })
}

/// The card of a client.
pub fn client(card: Card) -> pb::Client {
    let Card { client, sign_in_address, handover, next_actions } = card;
    pb::Client {
        id: client.id.to_string(),
        state: state(client.state.name()).into(),
        client_type: pb::ClientType::Litebox.into(),
        inn: client.inn.to_string(),
        last_name: client.names.last,
        first_name: client.names.first,
        company: client.names.company,
        address: Some(address_out(&client.address)),
        phone: client.phone.to_string(),
        email: client.email.to_string(),
        login: client.email.to_string(),
        sign_in_address,
        handover,
        next_actions: next_actions.into_iter().map(next_action).collect(),
        external_ref: or_empty(client.external_ref),
        create_time: Some(instant(client.created_ms)),
        update_time: Some(instant(client.updated_ms)),
    }
}

const fn state(name: StateName) -> pb::ClientState {
    match name {
        StateName::AccountPending => pb::ClientState::AccountPending,
        StateName::Active => pb::ClientState::Active,
        StateName::Abandoned => pb::ClientState::Abandoned,
    }
}

fn next_action(next: NextAction) -> pb::NextAction {
    let action = match next.action {
        Action::OpenCard => pb::ClientAction::OpenCard,
        Action::RegisterSaleKkt => pb::ClientAction::RegisterSaleKkt,
        Action::RegisterRentalKkt => pb::ClientAction::RegisterRentalKkt,
        Action::PayKkt => pb::ClientAction::PayKkt,
        Action::ContinueRegistration => pb::ClientAction::ContinueRegistration,
        Action::Edit => pb::ClientAction::Edit,
    };
    pb::NextAction {
        action: action.into(),
        available: next.why_not.is_none(),
        why_not: or_empty(next.why_not),
        method: or_empty(next.action.method()),
    }
}

/// A taxpayer of the state register.
pub fn taxpayer(taxpayer: &Taxpayer) -> pb::Taxpayer {
    let (kind, kpp) = match &taxpayer.kind {
        TaxpayerKind::Organization { kpp, .. } => (pb::TaxpayerKind::Organization, kpp.as_ref()),
        TaxpayerKind::Entrepreneur { .. } => (pb::TaxpayerKind::Entrepreneur, None),
    };
    let person = taxpayer.person();
    pb::Taxpayer {
        inn: taxpayer.inn.to_string(),
        kind: kind.into(),
        status: status(taxpayer.status).into(),
        last_name: or_empty(person.map(|p| &p.last)),
        first_name: or_empty(person.map(|p| &p.first)),
        middle_name: or_empty(person.and_then(|p| p.middle.as_ref())),
        company: taxpayer.company(),
        ogrn: or_empty(taxpayer.ogrn.as_ref()),
        kpp: or_empty(kpp),
        address: taxpayer.address.as_ref().map(registered),
        address_text: or_empty(taxpayer.address.as_ref().map(|a| &a.text)),
    }
}

const fn status(status: TaxpayerStatus) -> pb::TaxpayerStatus {
    match status {
        TaxpayerStatus::Active => pb::TaxpayerStatus::Active,
        TaxpayerStatus::Liquidating => pb::TaxpayerStatus::Liquidating,
        TaxpayerStatus::Liquidated => pb::TaxpayerStatus::Liquidated,
        TaxpayerStatus::Bankrupt => pb::TaxpayerStatus::Bankrupt,
        TaxpayerStatus::Reorganizing => pb::TaxpayerStatus::Reorganizing,
    }
}

/// An address of the register in the parts of the form. A city that is a region of its own stands as both: the form wants
/// a city.
fn registered(address: &RegisteredAddress) -> pb::Address {
    let mut parts = address.parts();
    let city_region = address.region.as_ref().is_some_and(|region| region.kind == "г");
    if city_region && parts.city.is_empty() && parts.settlement.is_empty() {
        parts.city.clone_from(&parts.region);
    }
    parts_out(parts)
}

#[cfg(test)]
mod tests;
