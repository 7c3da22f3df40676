//! A rented register: the partner's fleet comes from a file, and the service chooses from it.

use serde_json::Value;

use super::Failed;
use super::kkts::{quick_register, registered};
use super::operator::{ALPHA, serials};
use super::orders::{self, MODEL, Shop};
use super::partner::{Goal, Seen, part};
use super::screen::Screen;
use super::stage::Stage;
use crate::pb::kkt::{EquipmentKind, KktState, TaxSystem};

/// The register that can be driven.
const DRIVEN: u32 = 5;
/// One that nobody has connected to a hub.
const IN_THE_BOX: u32 = 6;
const MONTHS: i32 = 6;

/// Imports a fleet, and registers one of it for the client, who names a model only.
pub(super) async fn hired(screen: &Screen, stage: &Stage, shop: &Shop) -> Result<(), Failed> {
    screen
        .step("Rental: bring in the partner's fleet from a CSV file, then order a model; a register is chosen from it");
    import(screen, stage).await?;
    let order = orders::rental(shop, MONTHS, "FD13MM123459", TaxSystem::UsnIncome);
    let kkt = quick_register(screen, stage, order).await?;
    let equipment = part(kkt.equipment.as_ref(), "kkt.equipment")?;
    let rented = equipment.kind() == EquipmentKind::Rental && equipment.rental_months == MONTHS;
    let chosen = rented && equipment.serial == serials(DRIVEN).0;
    screen.check(&format!("the one that can be driven was chosen, for {MONTHS} months"), chosen)?;
    stage.partner.follow(screen, &kkt.id, Goal::State(KktState::Registered), Seen::default()).await?;
    registered(screen, stage, &kkt.id).await?;

    let fleet = fleet(screen, stage).await?;
    let state = |number| fleet.iter().find(|device| device["serial"] == serials(number).0.as_str());
    let taken = state(DRIVEN).is_some_and(|device| device["state"] == "TAKEN" && device["kkt_id"] == kkt.id.as_str());
    let free = state(IN_THE_BOX).is_some_and(|device| device["state"] == "FREE");
    screen.check("in the fleet it is with this registration now, and the other one is free", taken && free)
}

async fn import(screen: &Screen, stage: &Stage) -> Result<(), Failed> {
    let path = stage.folder().join("fleet.csv");
    let line = |number, device_id: &str| {
        let (serial, fn_serial) = serials(number);
        format!("{MODEL},{serial},{fn_serial},{device_id}")
    };
    let driven = &stage.register(DRIVEN)?.device_id;
    let lines = ["model,serial,fn,device_id".to_owned(), line(IN_THE_BOX, ""), line(DRIVEN, driven)];
    std::fs::write(&path, lines.join("\n"))?;
    lines.iter().for_each(|line| screen.note(line));
    let file = path.display().to_string();
    let told = stage.operate(&["fleet", "import", ALPHA, &file, "--reason", "поставка 17"]).await?;
    screen.event(&format!("litebox-partner fleet import «{ALPHA}» fleet.csv: {told}"));
    screen.check("both registers of the file are in the fleet", told == "added 2, updated 0, unchanged 0")
}

/// The fleet as the operator's command lists it.
async fn fleet(screen: &Screen, stage: &Stage) -> Result<Vec<Value>, Failed> {
    let listed = stage.operate(&["fleet", "list", "--json"]).await?;
    let fleet: Vec<Value> = serde_json::from_str(&listed).map_err(Failed::new)?;
    for device in &fleet {
        let word = |key: &str| device[key].as_str().unwrap_or_default();
        let whole = format!("{} {} {:<5} {}", word("model"), word("serial"), word("state"), word("kkt_id"));
        screen.fact("fleet", whole.trim_end());
    }
    Ok(fleet)
}
