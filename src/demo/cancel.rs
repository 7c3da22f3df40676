//! The shop changes its mind before the burn.

use super::Failed;
use super::kkts::{quick_register, registered};
use super::orders::{self, Shop, request_id};
use super::partner::{Goal, Seen, part, told};
use super::screen::Screen;
use super::stage::Stage;
use super::trouble::can;
use crate::pb::kkt::{CancelRequest, Kkt, KktAction, KktState, TaxSystem};

/// Cancels a registration that is ready to be burnt, and registers the same register anew.
pub(super) async fn before_the_burn(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("Cancel before the burn: the register and its FN are free, and the answer says what FNS keeps");
    let register = stage.register(9)?;
    let order = orders::sale(shop, register, "FD13MM123464", TaxSystem::Osn);
    let id = quick_register(screen, stage, order).await?.id;
    stage.partner.follow(screen, &id, Goal::State(KktState::ReadyToFiscalize), Seen::default()).await?;
    let cancelled = cancel(screen, stage, &id).await?;
    let burns = stage.control.ledger("effect", &register.serial).await?;
    let burnt = burns.iter().any(|effect| effect["protocol"] == "device");
    screen.check("CANCELLED, and nothing is burnt", cancelled.state() == KktState::Cancelled && !burnt)?;
    screen.check("it can be registered again", can(&cancelled, KktAction::RegisterAgain))?;

    let mut order = orders::sale(shop, register, "FD13MM123465", TaxSystem::Osn);
    order.fiscalize_automatically = true;
    let id = quick_register(screen, stage, order).await?.id;
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), Seen::default()).await?;
    let kkt = registered(screen, stage, &id).await?;
    screen
        .check("the same register with the same FN, under another RNM", kkt.rnm != cancelled.rnm && !kkt.rnm.is_empty())
}

async fn cancel(screen: &Screen, stage: &Stage, id: &str) -> Result<Kkt, Failed> {
    let request = CancelRequest { request_id: request_id(), kkt_id: id.to_owned() };
    let answer = told(stage.partner.kkts.clone().cancel(request).await)?;
    let kkt = part(answer.kkt, "kkt")?;
    screen.event(&format!("Cancel: {}", kkt.state().as_str_name().trim_start_matches("KKT_STATE_")));
    screen.fact("what is left", &answer.left_at_fns);
    let told = answer.left_at_fns.contains("номер") && answer.left_at_fns.contains("код активации");
    screen.check("it tells that FNS keeps the number without a report, and that the code is used", told)?;
    // The drive was asked: one that could not be would stay taken until support decides.
    screen.check("the FN is proven unburnt, so it is free", !answer.left_at_fns.contains("Накопитель"))?;
    Ok(kkt)
}
