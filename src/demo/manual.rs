//! A register that no program can drive: a person makes the report and types what is printed.

use tonic::Code;

use super::Failed;
use super::kkts::{quick_register, registered};
use super::orders::{self, AUTOMATIC, Shop};
use super::partner::{Goal, Seen, part, refused, told};
use super::screen::Screen;
use super::stage::Stage;
use crate::clock::{Clock, from_ms};
use crate::pb::kkt::fiscalize_request::How;
use crate::pb::kkt::{Kkt, KktState, ManualReport, ReportSource};

/// As the shop's paper has it.
const FISCAL_SIGN: &str = "0024109209";
const MOSCOW_MS: i64 = 3 * 3_600_000;

/// Registers it with the values of the printed report.
pub(super) async fn fiscalized_by_hand(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen.step(
        "A cash register that cannot be driven (MSPOS-K): a person makes the report, the partner sends its values",
    );
    let id = quick_register(screen, stage, orders::undriven(shop, "FD13MM123460")).await?.id;
    let ready = Goal::State(KktState::ReadyToFiscalize);
    let seen = stage.partner.follow(screen, &id, ready, Seen::default()).await?;
    let automatic = stage.partner.kkts.clone().fiscalize(orders::fiscalize(&id, AUTOMATIC)).await;
    refused(automatic)?.must_be(screen, Code::FailedPrecondition, "AUTOMATIC_UNSUPPORTED")?;

    let report = printed(&seen.kkt)?;
    screen.event(&format!("typed: FD {} of {}, sign {}", report.fd_number, report.local_time, report.fiscal_sign));
    told(stage.partner.kkts.clone().fiscalize(orders::fiscalize(&id, How::Manual(report))).await)?;
    stage.partner.follow(screen, &id, Goal::State(KktState::Registered), seen).await?;
    let report = part(registered(screen, stage, &id).await?.report, "kkt.report")?;
    let by_hand = report.source() == ReportSource::Manual && report.fiscal_sign == FISCAL_SIGN;
    screen.check("the report is marked MANUAL and has the printed values", by_hand)
}

/// What a person reads off the paper.
fn printed(kkt: &Kkt) -> Result<ManualReport, Failed> {
    let now = from_ms(Clock::system().now_ms() + MOSCOW_MS);
    Ok(ManualReport {
        fn_serial: part(kkt.equipment.as_ref(), "kkt.equipment")?.fn_serial.clone(),
        rnm: kkt.rnm.clone(),
        fd_number: 1,
        local_time: format!("{}T{:02}:{:02}", now.date(), now.hour(), now.minute()),
        fiscal_sign: FISCAL_SIGN.to_owned(),
    })
}
