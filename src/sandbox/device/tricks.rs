//! Magic device ids: what the words after the dots of `kkt-7.offline` make of a register.

use serde_json::{Value, json};

use super::kkt::{Kkt, Phase, Registration, Shift};

/// The register with this trick; `None` for a word that means nothing.
pub fn play(mut kkt: Kkt, trick: &str) -> Option<Kkt> {
    match trick {
        "offline" => kkt.online = false,
        "no-paper" => kkt.paper = false,
        "cover-open" => kkt.cover_open = true,
        "shift-open" => kkt.shift = Shift::Opened,
        "shift-expired" => kkt.shift = Shift::Expired,
        "clock-slow" => kkt.clock_offset_s = -86_400,
        "clock-fast" => kkt.clock_offset_s = 86_400,
        "fn-init" => kkt.phase = Phase::Init,
        "fn-burnt" => kkt.burn(strangers(&kkt.fn_serial)),
        "fn-closed" => kkt.phase = Phase::PostFiscalMode,
        "fn-archive" => kkt.phase = Phase::AccessArchive,
        "fn-unknown" => kkt.phase = Phase::Unknown,
        "paused" => kkt.paused = true,
        "document-lost" => kkt.document_lost = true,
        "forgets" => kkt.forgets = true,
        "undriven" => kkt.driven = false,
        "other-kkt" => kkt.serial = "00106100999999".to_owned(),
        "other-fn" => kkt.fn_serial = "9999078902999999".to_owned(),
        _ => coded(&mut kkt, trick)?,
    }
    Some(kkt)
}

/// `refuse-44`: a trick with a code of the driver.
fn coded(kkt: &mut Kkt, trick: &str) -> Option<()> {
    let (name, code) = trick.split_once('-')?;
    let slot = match name {
        "refuse" => &mut kkt.refuse,
        "once" => &mut kkt.refuse_once,
        "burn" => &mut kkt.burn_error,
        "mute" => &mut kkt.mute,
        _ => return None,
    };
    *slot = Some(code.parse().ok().filter(|code| *code > 0)?);
    Some(())
}

/// What somebody else's registration left in a fiscal drive.
fn strangers(fn_serial: &str) -> Registration {
    let (rnm, inn) = ("0149060006035849", "504404744207");
    let params: Value = json!({
        "fiscalDocumentDateTime": "2025-01-31T12:00:00+03:00", "fiscalDocumentNumber": 1,
        "fiscalDocumentSign": "0024109209", "fnNumber": fn_serial, "registrationNumber": rnm, "shiftNumber": 0,
        "fnsUrl": "www.nalog.gov.ru",
    });
    let task = json!({ "organization": { "vatin": inn }, "device": { "registrationNumber": rnm } });
    Registration { params, task }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(tricks: &str) -> Option<Kkt> {
        Kkt::described(&format!("kkt-7{tricks}"))
    }

    #[test]
    fn tricks_follow_the_id_and_can_be_combined() {
        let kkt = register(".no-paper.cover-open.once-83").unwrap();
        assert_eq!((kkt.paper, kkt.cover_open, kkt.refuse_once), (false, true, Some(83)));
        assert_eq!((kkt.id.as_str(), kkt.serial.as_str()), ("kkt-7.no-paper.cover-open.once-83", "00106100000007"));
        assert_eq!(register(".fn-closed").unwrap().phase, Phase::PostFiscalMode);
        assert_eq!(
            Kkt::described("kkt-199036000123-9999078902000123.offline").map(|k| (k.online, k.driven)),
            Some((false, false))
        );
    }

    #[test]
    fn a_word_that_means_nothing_describes_no_register() {
        for bad in [".", ".rain", ".refuse-", ".refuse-0", ".refuse-x", ".refuse", ".no-paper."] {
            assert_eq!(register(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_drive_burnt_by_others_tells_their_numbers() {
        let told = register(".fn-burnt").unwrap().tell("getRegistrationInfo", &Value::Null, 0).unwrap();
        assert_eq!(told["device"]["registrationNumber"].as_str().unwrap().trim(), "0149060006035849");
    }
}
