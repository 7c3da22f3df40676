//! The steps about clients: look-up, registration, a known client, a sign-in.

use tonic::Code;

use super::Failed;
use super::orders::{self, Shop};
use super::partner::{part, refused, told};
use super::screen::Screen;
use super::stage::Stage;
use crate::pb::client::{
    Address, ClientAction, ClientState, LookupTaxpayerRequest, RegisterRequest, Taxpayer, TaxpayerKind, TaxpayerStatus,
};

const COMPANY: &str = "7707083893";
const ENTREPRENEUR: &str = "500100732259";

/// Looks the company up and registers it as a client.
pub(super) async fn company(screen: &Screen, stage: &Stage) -> Result<Shop, Failed> {
    screen.step("Look a company up by its tax number");
    let taxpayer = look_up(screen, stage, COMPANY).await?;
    let known = taxpayer.ogrn == "1027700132195" && taxpayer.kpp == "773601001";
    screen.check("it is the public company with its public OGRN and KPP", known)?;
    screen.check("an organization in business", is_active(&taxpayer, TaxpayerKind::Organization))?;

    screen.step("Register it as a client, with its administrator account in LiteBox");
    let address = part(taxpayer.address.clone(), "taxpayer.address")?;
    let order = orders::client(COMPANY, address, "shop@example.ru", &stage.password);
    let shop = register(screen, stage, taxpayer, order.clone()).await?;
    let again = told(stage.partner.clients.clone().register(order).await)?;
    let same = again.client.is_some_and(|client| client.id == shop.client.id);
    screen.check("the same request sent again answers the same client", same)?;
    Ok(shop)
}

/// Looks the entrepreneur up and registers him as a client.
pub(super) async fn entrepreneur(screen: &Screen, stage: &Stage) -> Result<Shop, Failed> {
    screen.step("Look an entrepreneur up and register him");
    let taxpayer = look_up(screen, stage, ENTREPRENEUR).await?;
    let fits = is_active(&taxpayer, TaxpayerKind::Entrepreneur) && taxpayer.kpp.is_empty();
    screen.check("an entrepreneur in business, without a KPP", fits)?;
    let address = Address {
        postal_code: "143000".to_owned(),
        region: "Московская обл".to_owned(),
        city: "г Одинцово".to_owned(),
        street: "ул Песочная".to_owned(),
        house: "5".to_owned(),
        ..Address::default()
    };
    let order = orders::client(ENTREPRENEUR, address, "ip@example.ru", &stage.password);
    register(screen, stage, taxpayer, order).await
}

/// Another partner, and the same one, come with a client that is there already.
pub(super) async fn known_elsewhere(screen: &Screen, stage: &Stage) -> Result<(), Failed> {
    screen.step("Another partner comes with the same company");
    let order = || orders::client(COMPANY, somewhere(), "other@example.ru", &stage.password);
    let refusal = refused(stage.rival.clients.clone().register(order()).await)?;
    refusal.must_be(screen, Code::AlreadyExists, "CLIENT_KNOWN_ELSEWHERE")?;
    let manager = refusal.metadata.get("manager_name").map_or("", String::as_str);
    let named = !manager.is_empty() && refusal.russian.contains(manager);
    screen.check("the answer names the regional manager, and nothing of the first partner", named)?;
    let own = refused(stage.partner.clients.clone().register(order()).await)?;
    own.must_be(screen, Code::AlreadyExists, "CLIENT_ALREADY_REGISTERED")
}

/// The shop's administrator signs in with what the partner handed over.
pub(super) async fn sign_in(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("The administrator signs in with the new account");
    let login = &shop.client.login;
    screen.fact("login", login);
    screen
        .check("the password that the partner chose opens it", stage.control.sign_in(login, &stage.password).await?)?;
    screen.check("another one does not", !stage.control.sign_in(login, "Wrong-123456").await?)
}

async fn look_up(screen: &Screen, stage: &Stage, inn: &str) -> Result<Taxpayer, Failed> {
    let request = LookupTaxpayerRequest { inn: inn.to_owned() };
    let answer = told(stage.partner.clients.clone().lookup_taxpayer(request).await)?;
    let taxpayer = part(answer.taxpayer, "taxpayer")?;
    screen.fact("ИНН", &taxpayer.inn);
    screen.fact("Компания", &taxpayer.company);
    let person = [&taxpayer.last_name, &taxpayer.first_name, &taxpayer.middle_name].map(String::as_str);
    screen.fact("ФИО", &person.join(" "));
    screen.fact("ОГРН", &taxpayer.ogrn);
    if !taxpayer.kpp.is_empty() {
        screen.fact("КПП", &taxpayer.kpp);
    }
    screen.fact("Адрес", &taxpayer.address_text);
    Ok(taxpayer)
}

fn is_active(taxpayer: &Taxpayer, kind: TaxpayerKind) -> bool {
    taxpayer.status() == TaxpayerStatus::Active && taxpayer.kind() == kind
}

async fn register(screen: &Screen, stage: &Stage, taxpayer: Taxpayer, order: RegisterRequest) -> Result<Shop, Failed> {
    let (email, address) = (order.email.clone(), part(order.address.clone(), "address")?);
    let client = part(told(stage.partner.clients.clone().register(order).await)?.client, "client")?;
    screen.fact("client", &client.id);
    screen.fact("login", &format!("{} at {}", client.login, client.sign_in_address));
    screen.fact("handover", &client.handover);
    for action in &client.next_actions {
        let name = action.action().as_str_name().trim_start_matches("CLIENT_ACTION_");
        let why_not = if action.available { String::new() } else { format!(": {}", action.why_not) };
        screen.fact(if action.available { "can be done now" } else { "not yet" }, &format!("{name}{why_not}"));
    }
    screen.check(
        "the client is ACTIVE, its login is the e-mail",
        client.state() == ClientState::Active && client.login == email,
    )?;
    let can = |wanted| client.next_actions.iter().any(|next| next.action() == wanted && next.available);
    let both = can(ClientAction::RegisterSaleKkt) && can(ClientAction::RegisterRentalKkt);
    screen.check("a cash register, sold or rented, can be registered next", both)?;
    Ok(Shop { client, taxpayer, address })
}

fn somewhere() -> Address {
    Address {
        postal_code: "117312".to_owned(),
        region: "г Москва".to_owned(),
        city: "Москва".to_owned(),
        street: "ул Вавилова".to_owned(),
        house: "19".to_owned(),
        ..Address::default()
    }
}
