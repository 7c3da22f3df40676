//! The account contract: `proto/litebox/gateway/accounts/v1`.

use tonic::transport::Channel;
use tonic::{Code, Response};

use super::rpc::{Wire, outcome, same, status};
use super::{Case, Checked, Finding, Inputs, Trouble, Unchecked, broken, cases, run};
use crate::clock::Ids;
use crate::gateways::pb::accounts as pb;
use pb::AccountRefusalReason as Reason;
use pb::PasswordRefusalReason as Objection;
use pb::ensure_account_response::Outcome as Ensure;
use pb::report_or_void_response::Outcome as Told;
use pb::set_initial_password_response::Outcome as Set;

/// Passwords that this contract allows. They are set on accounts that the cases make themselves.
const PASSWORDS: [&str; 2] = ["aB1!_-conformance", "aB2!_-conformance"];

/// What the cases work with.
struct Bench<'a> {
    wire: Wire,
    inputs: &'a Inputs,
}

/// Tries the contract on the adapter at `url`.
pub(super) async fn check(url: &str, inputs: &Inputs, ids: &Ids) -> Result<Vec<Finding>, Unchecked> {
    let wire = Wire::new(url, ids)?;
    let hello = wire.ask(pb::HandshakeRequest { environment: wire.environment });
    let told = stub(&wire).handshake(hello).await.map(|told| Response::new(told.into_inner().environment));
    let bench = Bench { wire: wire.met(told)?, inputs };
    Ok(run(&all(), &bench, bench.wire.live()).await)
}

fn all<'a>() -> [Case<Bench<'a>>; 12] {
    cases! {
        Reads world "handshake" "the handshake tells the receiver's world"
        Reads unknown_inn "unknown INN" "FindByInn of an INN without an account tells none"
        Reads malformed_inn "malformed INN" "FindByInn of a malformed INN is INVALID_ARGUMENT"
        Changes missing_fields "missing fields" "a command with a missing or malformed field is INVALID_ARGUMENT"
        Changes ensured_once "repeated command" "the same command again answers the same account"
        Changes other_content "other content" "the same effect_id with other content is refused with CONTENT_DIFFERS"
        Changes occupied "occupied INN and login" "another account with this INN or login is refused: INN_KNOWN, LOGIN_TAKEN"
        Changes voided_before "report or void before" "an unknown effect_id is voided; its late command is refused with VOIDED"
        Changes unfinished "unfinished account" "an account without a first password is voided; its INN and login are free again"
        Changes no_account "password without account" "a password without an account is refused with NO_ACCOUNT"
        Changes voided_password "password after the void" "a password under a voided effect_id is refused with VOIDED"
        Changes passwords "password versions" "a higher version overwrites, a lower or other one is refused; then the account is reported"
    }
}

fn stub(wire: &Wire) -> pb::accounts_service_client::AccountsServiceClient<Channel> {
    pb::accounts_service_client::AccountsServiceClient::new(wire.channel())
}

impl Bench<'_> {
    fn order(&self, effect: &str, inn: &str) -> pb::EnsureAccountRequest {
        pb::EnsureAccountRequest {
            effect_id: effect.to_owned(),
            inn: inn.to_owned(),
            login: format!("conformance-{effect}@example.org"),
            last_name: "Проверочная".into(),
            first_name: "Анна".into(),
            company: "ООО «Проверка»".into(),
            phone: "911-111-1111".into(),
        }
    }

    async fn find(&self, inn: &str) -> Result<pb::FindByInnResponse, Trouble> {
        let question = self.wire.ask(pb::FindByInnRequest { inn: inn.to_owned() });
        Ok(stub(&self.wire).find_by_inn(question).await?.into_inner())
    }

    async fn ensure(&self, order: pb::EnsureAccountRequest) -> Result<Ensure, Trouble> {
        outcome(stub(&self.wire).ensure_account(self.wire.ask(order)).await?.into_inner().outcome)
    }

    async fn set(&self, effect: &str, version: i64, password: &str) -> Result<Set, Trouble> {
        let (effect_id, password) = (effect.to_owned(), password.to_owned());
        let order = self.wire.ask(pb::SetInitialPasswordRequest { effect_id, version, password });
        outcome(stub(&self.wire).set_initial_password(order).await?.into_inner().outcome)
    }

    async fn told(&self, effect: &str) -> Result<Told, Trouble> {
        let question = self.wire.ask(pb::ReportOrVoidRequest { effect_id: effect.to_owned() });
        outcome(stub(&self.wire).report_or_void(question).await?.into_inner().outcome)
    }

    /// An account of the case's own; whoever calls this voids it.
    async fn made(&self, inn: &str) -> Result<(String, pb::Account), Trouble> {
        if self.find(inn).await?.has_account {
            return Err(Trouble::Skipped(format!("{inn} has an account: name another INN")));
        }
        let effect = self.wire.effect();
        match self.ensure(self.order(&effect, inn)).await? {
            Ensure::Account(account) => Ok((effect, account)),
            other => Err(broken(format!("no account was made: {other:?}"))),
        }
    }

    async fn voided(&self, effect: &str) -> Checked {
        same("ReportOrVoid", &self.told(effect).await?, &Told::Voided(pb::Voided {}))
    }
}

fn refused(seen: &Ensure, expected: Reason) -> Checked {
    let reason = if let Ensure::Refused(why) = seen { Some(why.reason()) } else { None };
    same("refusal", &reason, &Some(expected))
}

fn objected(seen: &Set, expected: Objection) -> Checked {
    let reason = if let Set::Refused(why) = seen { Some(why.reason()) } else { None };
    same("refusal of the password", &reason, &Some(expected))
}

fn acknowledged(seen: &Set, version: i64) -> Checked {
    same("acknowledgement", seen, &Set::Acknowledged(pb::PasswordAcknowledged { version }))
}

async fn world(bench: &Bench<'_>) -> Checked {
    bench.wire.world_told()
}

async fn unknown_inn(bench: &Bench<'_>) -> Checked {
    same("account", &bench.find(&bench.inputs.unknown_inn).await?.has_account, &false)
}

async fn malformed_inn(bench: &Bench<'_>) -> Checked {
    for inn in ["", "7", "7707083894"] {
        let question = bench.wire.ask(pb::FindByInnRequest { inn: inn.to_owned() });
        status(&format!("the INN {inn:?}"), Code::InvalidArgument, stub(&bench.wire).find_by_inn(question).await)?;
    }
    Ok(())
}

async fn missing_fields(bench: &Bench<'_>) -> Checked {
    let (wire, effect) = (&bench.wire, bench.wire.effect());
    let whole = bench.order(&effect, &bench.inputs.inn);
    for (what, order) in [
        ("no effect_id", pb::EnsureAccountRequest { effect_id: String::new(), ..whole.clone() }),
        ("a malformed effect_id", pb::EnsureAccountRequest { effect_id: "7".into(), ..whole.clone() }),
        ("no INN", pb::EnsureAccountRequest { inn: String::new(), ..whole.clone() }),
        ("no login", pb::EnsureAccountRequest { login: String::new(), ..whole.clone() }),
        ("no phone", pb::EnsureAccountRequest { phone: String::new(), ..whole.clone() }),
    ] {
        status(what, Code::InvalidArgument, stub(wire).ensure_account(wire.ask(order)).await)?;
    }
    for (what, effect_id, version, password) in [
        ("a malformed effect_id", "7", 1, PASSWORDS[0]),
        ("no version", &*effect, 0, PASSWORDS[0]),
        ("no password", &*effect, 1, ""),
    ] {
        let (effect_id, password) = (effect_id.to_owned(), password.to_owned());
        let order = wire.ask(pb::SetInitialPasswordRequest { effect_id, version, password });
        status(what, Code::InvalidArgument, stub(wire).set_initial_password(order).await)?;
    }
    let question = wire.ask(pb::ReportOrVoidRequest { effect_id: "7".into() });
    status("a malformed ReportOrVoid", Code::InvalidArgument, stub(wire).report_or_void(question).await)
}

async fn ensured_once(bench: &Bench<'_>) -> Checked {
    let (effect, account) = bench.made(&bench.inputs.inn).await?;
    let again = bench.ensure(bench.order(&effect, &bench.inputs.inn)).await;
    let found = bench.find(&bench.inputs.inn).await;
    bench.voided(&effect).await?;
    same("password version", &account.password_version, &0)?;
    same("the second answer", &again?, &Ensure::Account(account))?;
    same("the effect of the account", &found?.account_effect_id, &effect)
}

async fn other_content(bench: &Bench<'_>) -> Checked {
    let (effect, _) = bench.made(&bench.inputs.inn).await?;
    let other = bench.ensure(bench.order(&effect, &bench.inputs.person_inn)).await;
    bench.voided(&effect).await?;
    refused(&other?, Reason::ContentDiffers)
}

async fn occupied(bench: &Bench<'_>) -> Checked {
    let (effect, account) = bench.made(&bench.inputs.inn).await?;
    let same_inn = bench.ensure(bench.order(&bench.wire.effect(), &bench.inputs.inn)).await;
    let other = bench.order(&bench.wire.effect(), &bench.inputs.person_inn);
    let same_login = bench.ensure(pb::EnsureAccountRequest { login: account.login.to_uppercase(), ..other }).await;
    bench.voided(&effect).await?;
    refused(&same_inn?, Reason::InnKnown)?;
    refused(&same_login?, Reason::LoginTaken)
}

async fn voided_before(bench: &Bench<'_>) -> Checked {
    let effect = bench.wire.effect();
    bench.voided(&effect).await?;
    bench.voided(&effect).await?;
    refused(&bench.ensure(bench.order(&effect, &bench.inputs.inn)).await?, Reason::Voided)
}

async fn unfinished(bench: &Bench<'_>) -> Checked {
    let (effect, _) = bench.made(&bench.inputs.inn).await?;
    bench.voided(&effect).await?;
    same("account", &bench.find(&bench.inputs.inn).await?.has_account, &false)?;
    let order = bench.order(&effect, &bench.inputs.inn);
    refused(&bench.ensure(order.clone()).await?, Reason::Voided)?;
    let effect_id = bench.wire.effect();
    let again = bench.ensure(pb::EnsureAccountRequest { effect_id: effect_id.clone(), ..order }).await?;
    super::expect(matches!(again, Ensure::Account(_)), || format!("INN and login are not free again: {again:?}"))?;
    bench.voided(&effect_id).await
}

async fn no_account(bench: &Bench<'_>) -> Checked {
    objected(&bench.set(&bench.wire.effect(), 1, PASSWORDS[0]).await?, Objection::NoAccount)
}

async fn voided_password(bench: &Bench<'_>) -> Checked {
    let (effect, _) = bench.made(&bench.inputs.inn).await?;
    bench.voided(&effect).await?;
    objected(&bench.set(&effect, 1, PASSWORDS[0]).await?, Objection::Voided)
}

async fn passwords(bench: &Bench<'_>) -> Checked {
    let inn = &bench.inputs.spend_inn;
    let (effect, account) = bench.made(inn).await?;
    let [first, second] = PASSWORDS;
    acknowledged(&bench.set(&effect, 1, first).await?, 1)?;
    acknowledged(&bench.set(&effect, 1, first).await?, 1)?;
    objected(&bench.set(&effect, 1, second).await?, Objection::OtherPassword)?;
    acknowledged(&bench.set(&effect, 2, second).await?, 2)?;
    objected(&bench.set(&effect, 1, first).await?, Objection::StaleVersion)?;
    let done = pb::Account { password_version: 2, ..account };
    same("ReportOrVoid", &bench.told(&effect).await?, &Told::Done(done))?;
    let found = bench.find(inn).await?;
    same("the account found", &(found.has_account, found.account_effect_id), &(true, effect))
}
