//! What remains: the card, the application, the device task, and lines to go on with.

use serde_json::Value;

use super::Failed;
use super::operator::SPARE;
use super::partner::part;
use super::screen::Screen;
use super::stage::Stage;
use crate::clock::from_ms;
use crate::pb::kkt::{Kkt, KktState};

/// Shows what was filed, what was sent to the register and what came of it.
pub(super) async fn documents(screen: &Screen, stage: &Stage, kkt: &Kkt) -> Result<(), Failed> {
    let serial = &stage.register(1)?.serial;
    card(screen, kkt)?;

    screen.step("The application as FNS received it (KND 1110061, here decoded from windows-1251)");
    let application = stage.control.application(serial).await?;
    let xml = application["document"].as_str().unwrap_or_default();
    screen.raw(xml.trim_end());
    screen.check(
        "it is about this taxpayer and this register",
        xml.contains(&kkt.inn) && xml.contains(serial.as_str()),
    )?;

    screen.step("The task as the register received it");
    let effects = stage.control.ledger("effect", serial).await?;
    let task = effects.iter().map(|entry| &entry["event"]["device"]["burnt"]["registration"]["task"]);
    let task: &Value = part(task.into_iter().find(|task| task.is_object()), "registration task")?;
    screen.raw(&serde_json::to_string_pretty(task).map_err(Failed::new)?);
    let burnt = task["device"]["registrationNumber"] == kkt.rnm.as_str();
    screen.check("it carries the RNM that FNS gave", burnt)
}

fn card(screen: &Screen, kkt: &Kkt) -> Result<(), Failed> {
    screen.step("The final card");
    let (card, report) = (part(kkt.card.as_ref(), "kkt.card")?, part(kkt.report.as_ref(), "kkt.report")?);
    let equipment = part(kkt.equipment.as_ref(), "kkt.equipment")?;
    screen.fact("state", kkt.state().as_str_name());
    screen.fact("status", &kkt.status_text);
    screen.fact("ИНН", &kkt.inn);
    screen.fact("касса", &format!("{} {}", equipment.model, equipment.serial));
    screen.fact("ФН", &equipment.fn_serial);
    screen.fact("РНМ", &kkt.rnm);
    screen.fact("отчёт", &format!("ФД {}, {}, ФПД {}", report.fd_number, report.local_time, report.fiscal_sign));
    screen.fact("карточка ФНС", &card.number);
    for row in &kkt.history {
        let state = |s: KktState| s.as_str_name().trim_start_matches("KKT_STATE_").to_owned();
        let at = row.time.as_ref().map(|t| from_ms(t.seconds * 1_000 + i64::from(t.nanos) / 1_000_000).time());
        let at = at.map(|t| format!("{:02}:{:02}:{:02}.{:03}", t.hour(), t.minute(), t.second(), t.millisecond()));
        let (from, to) = (state(row.from_state()), state(row.to_state()));
        screen.note(&format!("{} UTC {from:<18} → {to:<18} {:<8} {}", at.unwrap_or_default(), row.actor, row.detail));
    }
    let whole = kkt.state() == KktState::Registered && kkt.history.len() >= 9;
    screen.check("the history tells every state from the order to the card", whole)
}

/// Lines to go on with. Scripts read the exports and wait for the last line.
pub(super) fn stay_up(screen: &Screen, stage: &Stage, kkt: Option<&Kkt>) {
    screen.step("It is yours until Ctrl-C");
    let Ok(spare) = stage.register(SPARE) else { return };
    screen.raw(&format!("export ADDR={}", stage.address));
    screen.raw(&format!("export TOKEN={}", stage.partner.token));
    screen.raw(&format!("export DEVICE_ID={}", spare.device_id));
    screen.raw(&format!("export SANDBOX={}", stage.control.base()));
    screen.raw(&format!("export LITEBOX_DATABASE_URL={}", stage.database));
    if let Some(kkt) = kkt {
        screen.raw(&format!("export KKT_ID={}", kkt.id));
        screen.raw("");
        LINES.iter().for_each(|line| screen.raw(line));
    }
    screen.note(&format!("DEVICE_ID is the free register {}, FN {}", spare.serial, spare.fn_serial));
    screen.note("Ctrl-C ends it");
}

/// Calls for a shell with the exports above. Nothing in them has to be replaced.
const LINES: [&str; 7] = [
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" $ADDR list"#,
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" $ADDR describe litebox.kkt.v1.KktService"#,
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d '{"inn":"7707083893"}' $ADDR litebox.client.v1.ClientService/LookupTaxpayer"#,
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" $ADDR litebox.client.v1.ClientService/List"#,
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" $ADDR litebox.kkt.v1.KktService/List"#,
    r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d "{\"kkt_id\":\"$KKT_ID\"}" $ADDR litebox.kkt.v1.KktService/Get"#,
    r#"timeout 5 grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d "{\"kkt_ids\":[\"$KKT_ID\"]}" $ADDR litebox.kkt.v1.KktService/Watch || true"#,
];
