//! The steps about cash registers: a refusal before anything is filed, and two registrations to the card.

use tonic::Code;

use super::Failed;
use super::orders::{self, AUTOMATIC, OFD, Shop, WITHDRAWN_OFD};
use super::partner::{Goal, Seen, part, refused, told};
use super::screen::Screen;
use super::stage::Stage;
use crate::pb::kkt::{GetRequest, Kkt, KktState, Ofd, QuickRegisterRequest, TaxSystem};

/// An application that FNS would not accept is stopped here.
pub(super) async fn refused_before_filing(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step("A registration that FNS would refuse: the operator's permit has been withdrawn");
    let register = stage.register(7)?;
    let mut order = orders::sale(shop, register, "FD13MM123456", TaxSystem::Osn);
    order.ofd = Some(Ofd { inn: WITHDRAWN_OFD.to_owned(), activation_code: "FD13MM123456".to_owned() });
    let refusal = refused(stage.partner.kkts.clone().quick_register(order).await)?;
    refusal.must_be(screen, Code::FailedPrecondition, "KKT_REQUIREMENTS_NOT_MET")?;
    screen.check("it says which rule", refusal.rules.iter().any(|(rule, _)| rule == "OFD_PERMIT_WITHDRAWN"))?;
    let commands = stage.control.ledger("command", &register.serial).await?;
    screen.check("nothing was sent to anybody", commands.is_empty())
}

/// The company's register, fiscalized when the partner says so.
pub(super) async fn fiscalized_by_call(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<Kkt, Failed> {
    screen.step("Register the company's cash register: QuickRegister, then Fiscalize");
    let order = orders::sale(shop, stage.register(1)?, "FD13MM123456", TaxSystem::Osn);
    let id = quick_register(screen, stage, order).await?.id;
    let seen = stage.partner.follow(screen, &id, Goal::State(KktState::ReadyToFiscalize), Seen::default()).await?;
    screen.fact("РНМ", &seen.kkt.rnm);
    screen.check(
        "it has an RNM and waits for the partner's word",
        seen.kkt.rnm.len() == 16 && seen.kkt.report.is_none(),
    )?;
    told(stage.partner.kkts.clone().fiscalize(orders::fiscalize(&id, AUTOMATIC)).await)?;
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), seen).await?;
    registered(screen, stage, &id).await
}

/// The entrepreneur's register, fiscalized as soon as it can be.
pub(super) async fn fiscalized_by_itself(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<Kkt, Failed> {
    screen.step("Register the entrepreneur's cash register with fiscalize_automatically: one call");
    let mut order = orders::sale(shop, stage.register(3)?, "FD13MM123457", TaxSystem::UsnIncome);
    order.fiscalize_automatically = true;
    let id = quick_register(screen, stage, order).await?.id;
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), Seen::default()).await?;
    registered(screen, stage, &id).await
}

/// Orders a registration; acknowledges warnings when the server asks for that.
pub(super) async fn quick_register(screen: &Screen, stage: &Stage, order: QuickRegisterRequest) -> Result<Kkt, Failed> {
    let order = checked(screen, stage, order).await?;
    let kkt = part(told(stage.partner.kkts.clone().quick_register(order).await)?.kkt, "kkt")?;
    let equipment = part(kkt.equipment.as_ref(), "kkt.equipment")?;
    screen.fact("registration", &kkt.id);
    screen.fact("cash register", &format!("{} {}, FN {}", equipment.model, equipment.serial, equipment.fn_serial));
    screen.fact("OFD", OFD);
    Ok(kkt)
}

/// The order as the server would take it now, its warnings acknowledged. Nothing is ordered yet.
pub(super) async fn checked(
    screen: &Screen,
    stage: &Stage,
    mut order: QuickRegisterRequest,
) -> Result<QuickRegisterRequest, Failed> {
    order.validate_only = true;
    if let Err(status) = stage.partner.kkts.clone().quick_register(order.clone()).await {
        let refusal = refused::<()>(Err(status))?;
        if refusal.reason != "WARNINGS_NOT_ACKNOWLEDGED" {
            return Err(Failed::new(refusal));
        }
        for (rule, text) in &refusal.rules {
            screen.fact("acknowledged", &format!("{rule}: {text}"));
        }
        order.acknowledged_warnings = refusal.rules.into_iter().map(|(rule, _)| rule).collect();
    }
    order.validate_only = false;
    Ok(order)
}

/// The registration as Get tells it, which must be complete.
pub(super) async fn registered(screen: &Screen, stage: &Stage, id: &str) -> Result<Kkt, Failed> {
    let request = GetRequest { kkt_id: id.to_owned() };
    let kkt = part(told(stage.partner.kkts.clone().get(request).await)?.kkt, "kkt")?;
    let card = part(kkt.card.as_ref(), "kkt.card")?;
    let report = part(kkt.report.as_ref(), "kkt.report")?;
    screen.fact("card", &card.number);
    screen.fact("report", &format!("FD {} of {}, sign {}", report.fd_number, report.local_time, report.fiscal_sign));
    let fits = report.rnm == kkt.rnm && report.fd_number == 1 && !report.fiscal_sign.is_empty();
    screen.check("REGISTERED, with a card and the report of the FN's first document under its RNM", fits)?;
    Ok(kkt)
}
