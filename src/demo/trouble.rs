//! What goes wrong outside: FNS refuses, the operator refuses, the register is not ready.

use serde_json::json;

use super::Failed;
use super::kkts::{checked, quick_register, registered};
use super::operator::UNKNOWN_TO_FNS;
use super::orders::{self, Shop, request_id};
use super::partner::{Goal, Seen, is_russian, part, told};
use super::screen::Screen;
use super::stage::Stage;
use crate::pb::kkt::amend_request::Change;
use crate::pb::kkt::{AmendRequest, Kkt, KktAction, KktState, QuickRegisterRequest, TaxSystem, WaitingFor};

/// A code of the sandbox that somebody else has used meanwhile; the operator notices when it connects the register.
const USED_CODE: &str = "FD13MM000011";

/// FNS examines the application and refuses it.
pub(super) async fn refused_by_fns(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("FNS refuses an application: the reason, what to do, and all that was held is free again");
    let register = stage.register(UNKNOWN_TO_FNS)?;
    let order = orders::sale(shop, register, "FD13MM123461", TaxSystem::Osn);
    let id = quick_register(screen, stage, order.clone()).await?.id;
    let kkt = stage.partner.follow(screen, &id, Goal::State(KktState::Rejected), Seen::default()).await?.kkt;
    let rejection = part(kkt.rejection.as_ref(), "kkt.rejection")?;
    screen.fact("FNS says", &rejection.message);
    screen.fact("advice", &rejection.advice);
    let advised = rejection.reason == "KKT_SERIAL_UNKNOWN" && is_russian(&rejection.advice);
    screen.check("REJECTED with KKT_SERIAL_UNKNOWN and advice in Russian", advised)?;
    screen.check("the activation code is free at the OFD", stage.control.code_is_free(&register.serial).await?)?;
    let again = QuickRegisterRequest { request_id: request_id(), ..order };
    let taken = checked(screen, stage, again).await.is_ok();
    screen.check(
        "register, FN and code could be ordered anew (validate_only)",
        taken && can(&kkt, KktAction::RegisterAgain),
    )
}

/// The operator refuses the activation code; another one goes on from there.
pub(super) async fn code_is_used(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("The OFD refuses the activation code after FNS gave the RNM: Amend, and it goes on from there");
    let mut order = orders::sale(shop, stage.register(7)?, USED_CODE, TaxSystem::Osn);
    order.fiscalize_automatically = true;
    let id = quick_register(screen, stage, order).await?.id;
    let seen = stage.partner.follow(screen, &id, Goal::Blocked("OFD_CODE_USED"), Seen::default()).await?;
    must_wait(screen, &seen.kkt, WaitingFor::Partner, "ACTIVATION_CODE")?;
    screen.check("Amend can be called now", can(&seen.kkt, KktAction::Amend))?;

    let rnm = seen.kkt.rnm.clone();
    let change = Some(Change::ActivationCode("FD13MM123462".to_owned()));
    let amend = AmendRequest { request_id: request_id(), kkt_id: id.clone(), change };
    told(stage.partner.kkts.clone().amend(amend).await)?;
    screen.event("Amend: activation code FD13MM123462");
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), seen).await?;
    let done = registered(screen, stage, &id).await?;
    screen.check("under the RNM that it had", !rnm.is_empty() && done.rnm == rnm)
}

/// The register has no paper; nobody calls anything, somebody puts paper in.
pub(super) async fn without_paper(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("The register has no paper: it waits, says so, and goes on by itself");
    let register = stage.register(8)?;
    stage.control.change(&register.hub_device, json!({ "paper": false })).await?;
    let mut order = orders::sale(shop, register, "FD13MM123463", TaxSystem::Osn);
    order.fiscalize_automatically = true;
    let id = quick_register(screen, stage, order).await?.id;
    let seen = stage.partner.follow(screen, &id, Goal::Blocked("DEVICE_NO_PAPER"), Seen::default()).await?;
    must_wait(screen, &seen.kkt, WaitingFor::Device, "DEVICE_READY")?;
    let commands = stage.control.ledger("command", &register.serial).await?;
    let sent = commands.iter().any(|command| command["facts"]["type"] == "registration");
    screen.check("the task was not sent to the register", !sent)?;

    stage.control.change(&register.hub_device, json!({ "paper": true })).await?;
    screen.event("paper is put in; nobody calls the server");
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), seen).await?;
    registered(screen, stage, &id).await.map(drop)
}

/// Shows what is missing and who has to act, and holds it against what was expected.
fn must_wait(screen: &Screen, kkt: &Kkt, whom: WaitingFor, requirement: &str) -> Result<(), Failed> {
    let missing = part(kkt.requirements.first(), "kkt.requirements")?;
    let name = |waiting_for: WaitingFor| waiting_for.as_str_name().trim_start_matches("WAITING_FOR_").to_owned();
    screen.fact("waiting for", &name(kkt.waiting_for()));
    screen.fact("missing", format!("{} {}", missing.code, missing.subject).trim_end());
    screen.fact("to do", &missing.text);
    let fits = kkt.waiting_for() == whom && missing.code == requirement && is_russian(&missing.text);
    screen.check(&format!("it waits for {} with the requirement {requirement}", name(whom)), fits)
}

/// True when the registration offers this.
pub(super) fn can(kkt: &Kkt, action: KktAction) -> bool {
    kkt.next_actions.iter().any(|next| next.action() == action && next.available)
}
