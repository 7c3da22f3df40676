//! The registration task on a virtual register: every check of the driver, then the burn.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::kkt::{Kkt, Phase, Registration, Shift};
use super::task::{self, DriverError};
use crate::sandbox::checks;

/// What the registration would write into the FN, or the driver's code when it refuses.
///
/// # Errors
/// 133 bad parameters, 2 no link, 44 paper, 45 cover, 68 and 83 shift, 117 phase of the FN, 122 clock, 88 RNM and INN.
pub fn registration(kkt: &Kkt, task: &Value, now_ms: i64) -> Result<Registration, DriverError> {
    let order = task::Registration::read(task).ok().filter(task::Registration::fits).ok_or(DriverError::new(133))?;
    ready(kkt)?;
    if !checks::rnm_fits(order.rnm(), order.inn(), &kkt.serial) || !checks::inn(order.inn()) {
        return Err(DriverError::new(88));
    }
    let clock = kkt.clock(now_ms);
    let params = json!({
        "fiscalDocumentDateTime": clock,
        "fiscalDocumentNumber": 1,
        "fiscalDocumentSign": sign(&kkt.fn_serial, order.rnm(), &clock),
        "fnNumber": kkt.fn_serial,
        "registrationNumber": order.rnm(),
        "shiftNumber": 0,
        "fnsUrl": "www.nalog.gov.ru",
    });
    Ok(Registration { params, task: task.clone() })
}

fn ready(kkt: &Kkt) -> Result<(), DriverError> {
    let code = match kkt {
        Kkt { online: false, .. } => 2,
        Kkt { paper: false, .. } => 44,
        Kkt { cover_open: true, .. } => 45,
        Kkt { shift: Shift::Opened, .. } => 83,
        Kkt { shift: Shift::Expired, .. } => 68,
        Kkt { phase, .. } if *phase != Phase::Configured => 117,
        Kkt { clock_offset_s, .. } if clock_offset_s.abs() >= 86_400 => 122,
        _ => return Ok(()),
    };
    Err(DriverError::new(code))
}

/// Ten digits, the first of which are often zeros, as on paper.
fn sign(fn_serial: &str, rnm: &str, clock: &str) -> String {
    let digest = Sha256::digest(format!("{fn_serial}{rnm}{clock}"));
    format!("{:010}", u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A registration task that the register `kkt-1` takes.
    pub fn task() -> Value {
        json!({
            "type": "registration", "electronically": false,
            "operator": { "name": "Иванов И.И.", "vatin": "500100732259" },
            "organization": { "name": "ООО Ромашка", "vatin": "7707083893", "email": "shop@example.ru",
                "address": "117997, г. Москва, ул. Вавилова, д. 19", "taxationTypes": ["osn"], "agents": [] },
            "device": { "registrationNumber": "0000000001055823", "fnsUrl": "www.nalog.gov.ru",
                "paymentsAddress": "Магазин 1", "ffdVersion": "1.2", "ofdChannel": "proto", "defaultTaxationType": "osn",
                "offlineMode": false, "encryption": false, "autoMode": false, "machineInstallation": false,
                "machineNumber": "", "bso": false, "internet": false, "service": false, "excise": false,
                "gambling": false, "lottery": false, "marking": false, "pawnShop": false, "insurance": false,
                "catering": false, "wholesale": false, "vending": false },
            "ofd": { "name": "АО «ЭСК»", "vatin": "7709364346", "host": "k-server.1-ofd.ru", "port": 7777,
                "dns": "0.0.0.0" },
        })
    }

    fn code(change: &Value, task: &Value) -> u32 {
        let kkt = Kkt::described("kkt-1").unwrap().patched(change).unwrap();
        registration(&kkt, task, 0).map_or_else(|e| e.code, |_| 0)
    }

    #[test]
    fn a_ready_register_burns_once() {
        let mut kkt = Kkt::described("kkt-1").unwrap();
        let made = registration(&kkt, &task(), 0).unwrap();
        assert_eq!(made.params["fiscalDocumentNumber"], 1);
        assert_eq!(made.params["fiscalDocumentSign"].as_str().unwrap().len(), 10);
        kkt.burn(made);
        assert_eq!((kkt.phase, kkt.last_fd), (Phase::FiscalMode, 1));
        assert_eq!(registration(&kkt, &task(), 0), Err(DriverError::new(117)));
        let stored = kkt.tell("getFnDocument", &json!({ "fiscalDocumentNumber": 1 }), 0).unwrap();
        assert_eq!(stored["vatin"], "7707083893");
    }

    #[test]
    fn every_state_that_forbids_the_burn_has_its_code() {
        let cases = [
            (json!({ "online": false }), 2),
            (json!({ "paper": false }), 44),
            (json!({ "cover_open": true }), 45),
            (json!({ "shift": "expired" }), 68),
            (json!({ "shift": "opened" }), 83),
            (json!({ "serial": "00106100000002" }), 88),
            (json!({ "phase": "init" }), 117),
            (json!({ "phase": "accessArchive" }), 117),
            (json!({ "clock_offset_s": -86_400 }), 122),
        ];
        for (change, expected) in cases {
            assert_eq!(code(&change, &task()), expected, "{change}");
        }
    }

    #[test]
    fn bad_parameters_are_refused_before_the_register_is_looked_at() {
        let edits: [fn(&mut Value); 6] = [
            |t| t["organization"]["taxationTypes"] = json!([]),
            |t| t["organization"]["taxationTypes"] = json!(["envd"]),
            |t| t["device"]["offlineMode"] = json!(true),
            |t| t["device"]["autoMode"] = json!(true),
            |t| t["colour"] = json!("red"),
            |t| drop(t["device"].as_object_mut().unwrap().remove("bso")),
        ];
        for edit in edits {
            let mut task = task();
            edit(&mut task);
            assert_eq!(code(&json!({ "online": false }), &task), 133, "{task}");
        }
    }
}
