//! The account service on the wire: `proto/litebox/gateway/accounts/v1`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Account, Event, password};
use crate::sandbox::engine::{Broken, Call, Desk, Engine};
use crate::sandbox::grpc::{Caller, answer, demand, effect_id, introduce};
use crate::sandbox::ledger::Kind;
use crate::sandbox::pb::accounts::accounts_service_server::AccountsService;
use crate::sandbox::pb::accounts::{
    Account as WireAccount, AccountRefusal, AccountRefusalReason, EnsureAccountRequest, EnsureAccountResponse,
    FindByInnRequest, FindByInnResponse, HandshakeRequest, HandshakeResponse, InProgress, PasswordAcknowledged,
    PasswordRefusal, PasswordRefusalReason, ReportOrVoidRequest, ReportOrVoidResponse, SetInitialPasswordRequest,
    SetInitialPasswordResponse, Voided, ensure_account_response, report_or_void_response,
    set_initial_password_response,
};
use crate::sandbox::{checks, world};

/// The emulated account service.
pub struct Service(pub Arc<Engine>);

#[tonic::async_trait]
impl AccountsService for Service {
    async fn handshake(&self, request: Request<HandshakeRequest>) -> Result<Response<HandshakeResponse>, Status> {
        let environment = self.0.environment.number();
        let call = Call::question("accounts.Handshake");
        introduce(&self.0, Caller::of(&request), call, move |_| Ok(HandshakeResponse { environment })).await
    }

    async fn find_by_inn(&self, request: Request<FindByInnRequest>) -> Result<Response<FindByInnResponse>, Status> {
        let caller = Caller::of(&request);
        let inn = request.into_inner().inn;
        let call = Call::question("accounts.FindByInn").fact("inn", &inn);
        answer(&self.0, caller, call, move |desk| find(desk, &inn)).await
    }

    async fn ensure_account(
        &self,
        request: Request<EnsureAccountRequest>,
    ) -> Result<Response<EnsureAccountResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call =
            Call::command("accounts.EnsureAccount", &ask.effect_id).fact("inn", &ask.inn).fact("login", &ask.login);
        answer(&self.0, caller, call, move |desk| ensure(desk, &ask)).await
    }

    async fn set_initial_password(
        &self,
        request: Request<SetInitialPasswordRequest>,
    ) -> Result<Response<SetInitialPasswordResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call =
            Call::command("accounts.SetInitialPassword", &ask.effect_id).fact("version", &ask.version.to_string());
        let (text, slow, ids) = (ask.password.clone(), self.0.argon2, self.0.ids.clone());
        let hash = tokio::task::spawn_blocking(move || password::hash(&text, slow, &ids)).await;
        let hash = hash.ok().flatten().ok_or_else(|| Status::internal("hashing failed"))?;
        answer(&self.0, caller, call, move |desk| set_password(desk, &ask, hash)).await
    }

    async fn report_or_void(
        &self,
        request: Request<ReportOrVoidRequest>,
    ) -> Result<Response<ReportOrVoidResponse>, Status> {
        let (caller, ask) = (Caller::of(&request), request.into_inner());
        let call = Call::command("accounts.ReportOrVoid", &ask.effect_id);
        answer(&self.0, caller, call, move |desk| report_or_void(desk, &ask.effect_id)).await
    }
}

fn find(desk: &Desk<'_>, inn: &str) -> Result<FindByInnResponse, Broken> {
    demand(&[("inn", checks::inn(inn))])?;
    if desk.verdict.stale {
        return Ok(FindByInnResponse::default());
    }
    let account = desk.world.accounts.by_inn(inn);
    Ok(FindByInnResponse {
        has_account: account.is_some(),
        in_inventory: desk.world.accounts.in_inventory(inn),
        account_effect_id: account.map(|a| a.effect_id.clone()).unwrap_or_default(),
    })
}

fn phone(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [a, b, c] if checks::digits(a, 3) && checks::digits(b, 3) && checks::digits(c, 4))
}

fn ensure(desk: &mut Desk<'_>, ask: &EnsureAccountRequest) -> Result<EnsureAccountResponse, Broken> {
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("inn", checks::inn(&ask.inn)),
        ("login", ask.login.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))),
        ("company", !ask.company.is_empty() || !ask.last_name.is_empty()),
        ("phone", phone(&ask.phone)),
    ])?;
    if let Some(reason) = objection(desk, ask)? {
        return Ok(refused(reason));
    }
    if let Some(account) = desk.world.accounts.by_effect(&ask.effect_id) {
        return Ok(granted(account));
    }
    let account = Account {
        effect_id: ask.effect_id.clone(),
        account_id: desk.world.accounts.next_id(),
        inn: ask.inn.clone(),
        login: ask.login.clone(),
        password_version: 0,
        password_hash: None,
        in_use: false,
    };
    desk.commit(Kind::Effect, world::Event::Accounts(Event::Created(account.clone())))?;
    Ok(granted(&account))
}

/// Why there will be no account. Nothing of it is remembered: the contract knows no refused effect here.
fn objection(desk: &Desk<'_>, ask: &EnsureAccountRequest) -> Result<Option<AccountRefusalReason>, Broken> {
    let accounts = &desk.world.accounts;
    if accounts.is_void(&ask.effect_id) {
        return Ok(Some(AccountRefusalReason::Voided));
    }
    if let Some(known) = accounts.by_effect(&ask.effect_id) {
        let same = known.inn == ask.inn && super::login_key(&known.login) == super::login_key(&ask.login);
        return Ok((!same).then_some(AccountRefusalReason::ContentDiffers));
    }
    if let Some(name) = &desk.verdict.refuse {
        return named(name).map(Some);
    }
    if accounts.by_inn(&ask.inn).is_some() || accounts.in_inventory(&ask.inn) {
        return Ok(Some(AccountRefusalReason::InnKnown));
    }
    let taken = accounts.by_login(&ask.login).is_some();
    Ok(taken.then_some(AccountRefusalReason::LoginTaken).or(magic(&ask.login)))
}

/// Logins that get no account.
fn magic(login: &str) -> Option<AccountRefusalReason> {
    Some(match login.split_once('@')?.0 {
        "taken" => AccountRefusalReason::LoginTaken,
        "inn-known" => AccountRefusalReason::InnKnown,
        "voided" => AccountRefusalReason::Voided,
        "differs" => AccountRefusalReason::ContentDiffers,
        _ => return None,
    })
}

/// Logins whose account gets no password.
fn magic_password(login: &str) -> Option<PasswordRefusalReason> {
    Some(match login.split_once('@')?.0 {
        "stale-version" => PasswordRefusalReason::StaleVersion,
        "other-password" => PasswordRefusalReason::OtherPassword,
        "in-use" => PasswordRefusalReason::InUse,
        "no-account" => PasswordRefusalReason::NoAccount,
        "voided-password" => PasswordRefusalReason::Voided,
        _ => return None,
    })
}

fn named(name: &str) -> Result<AccountRefusalReason, Broken> {
    AccountRefusalReason::from_str_name(&format!("ACCOUNT_REFUSAL_REASON_{name}"))
        .ok_or_else(|| Broken::Error("INTERNAL".into()))
}

fn wire(account: &Account) -> WireAccount {
    WireAccount {
        account_id: account.account_id.clone(),
        login: account.login.clone(),
        password_version: account.password_version,
    }
}

fn granted(account: &Account) -> EnsureAccountResponse {
    EnsureAccountResponse { outcome: Some(ensure_account_response::Outcome::Account(wire(account))) }
}

fn refused(reason: AccountRefusalReason) -> EnsureAccountResponse {
    let detail = reason.as_str_name().to_owned();
    let refusal = AccountRefusal { reason: reason.into(), detail };
    EnsureAccountResponse { outcome: Some(ensure_account_response::Outcome::Refused(refusal)) }
}

fn set_password(
    desk: &mut Desk<'_>,
    ask: &SetInitialPasswordRequest,
    hash: String,
) -> Result<SetInitialPasswordResponse, Broken> {
    demand(&[
        ("effect_id", effect_id(&ask.effect_id)),
        ("version", ask.version >= 1),
        ("password", !ask.password.is_empty()),
    ])?;
    use set_initial_password_response::Outcome;
    let outcome = match password_objection(desk, ask)? {
        Some(reason) => {
            let detail = reason.as_str_name().to_owned();
            Outcome::Refused(PasswordRefusal { reason: reason.into(), detail })
        }
        None => {
            let (effect_id, version) = (ask.effect_id.clone(), ask.version);
            if desk.world.accounts.by_effect(&effect_id).is_some_and(|a| a.password_version < version) {
                let event = Event::PasswordSet { effect_id, version, hash };
                desk.commit(Kind::Effect, world::Event::Accounts(event))?;
            }
            Outcome::Acknowledged(PasswordAcknowledged { version })
        }
    };
    Ok(SetInitialPasswordResponse { outcome: Some(outcome) })
}

fn password_objection(
    desk: &Desk<'_>,
    ask: &SetInitialPasswordRequest,
) -> Result<Option<PasswordRefusalReason>, Broken> {
    use PasswordRefusalReason as Reason;
    if desk.world.accounts.is_void(&ask.effect_id) {
        return Ok(Some(Reason::Voided));
    }
    let Some(account) = desk.world.accounts.by_effect(&ask.effect_id) else { return Ok(Some(Reason::NoAccount)) };
    if let Some(name) = &desk.verdict.refuse {
        let reason = Reason::from_str_name(&format!("PASSWORD_REFUSAL_REASON_{name}"));
        return reason.map(Some).ok_or_else(|| Broken::Error("INTERNAL".into()));
    }
    let same = || account.password_hash.as_deref().is_some_and(|hash| password::verify(&ask.password, hash));
    Ok(match account.password_version {
        _ if account.in_use => Some(Reason::InUse),
        current if ask.version < current => Some(Reason::StaleVersion),
        current if ask.version == current && !same() => Some(Reason::OtherPassword),
        _ => magic_password(&account.login),
    })
}

fn report_or_void(desk: &mut Desk<'_>, id: &str) -> Result<ReportOrVoidResponse, Broken> {
    demand(&[("effect_id", effect_id(id))])?;
    use report_or_void_response::Outcome;
    let outcome = match desk.world.accounts.by_effect(id) {
        Some(account) if account.password_version > 0 => Outcome::Done(wire(account)),
        _ if desk.in_progress(id) => Outcome::InProgress(InProgress {}),
        _ => {
            if !desk.world.accounts.is_void(id) {
                desk.commit(Kind::Effect, world::Event::Accounts(Event::Voided { effect_id: id.to_owned() }))?;
            }
            Outcome::Voided(Voided {})
        }
    };
    Ok(ReportOrVoidResponse { outcome: Some(outcome) })
}
