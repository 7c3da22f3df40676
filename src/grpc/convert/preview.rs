//! What an order that was only checked would become, into `litebox.kkt.v1`.

use super::{or_empty, parts_out};
use crate::catalogue::Catalogue;
use crate::kkt::model::SoldRegister;
use crate::kkt::preview::Preview;
use crate::kkt::zone;
use crate::pb::kkt as pb;

/// The preview on the wire.
pub fn preview(of: &Preview, catalogue: &Catalogue) -> pb::Preview {
    pb::Preview {
        address: Some(address(of)),
        taxpayer: Some(pb::PreviewTaxpayer {
            inn: of.taxpayer.inn.to_string(),
            kpp: of.kpp(),
            filed_name: of.filed_name(),
            burnt_name: of.burnt_name(),
        }),
        register: of.register.as_ref().map(|register| self::register(register, catalogue)),
        rental_fits: of.register.is_none(),
        warnings: of.warnings.iter().cloned().map(super::kkt::requirement).collect(),
        summary: summary(of),
    }
}

fn address(of: &Preview) -> pb::ResolvedAddress {
    pb::ResolvedAddress {
        text: of.address.text.clone(),
        fias_id: or_empty(of.address.fias_id.as_ref()),
        parts: Some(parts_out(of.address.parts())),
        tax_office: of.tax_office().to_owned(),
        time_zone: zone::offset_of(&of.address).to_string(),
    }
}

fn register(register: &SoldRegister, catalogue: &Catalogue) -> pb::PreviewRegister {
    let drive = catalogue.fn_prefix(&register.fn_serial);
    pb::PreviewRegister {
        model: register.model.clone(),
        serial: register.serial.to_string(),
        fn_serial: register.fn_serial.to_string(),
        fn_model: drive.map(|drive| drive.name.clone()).unwrap_or_default(),
        fn_months: drive.and_then(|drive| i32::try_from(drive.months).ok()).unwrap_or_default(),
    }
}

/// What would be filed, in a sentence for people.
fn summary(of: &Preview) -> String {
    let kpp = Some(of.kpp()).filter(|kpp| !kpp.is_empty()).map(|kpp| format!(", КПП {kpp}")).unwrap_or_default();
    let register = match &of.register {
        Some(SoldRegister { model, serial, fn_serial, .. }) => format!("касса {model} № {serial}, ФН {fn_serial}"),
        None => "касса из прокатного парка".to_owned(),
    };
    let place = &of.spec.place.name;
    format!(
        "Заявление о регистрации ККТ в инспекцию {}: {}, ИНН {}{kpp}; {register}; место «{place}», {}.",
        of.tax_office(),
        of.filed_name(),
        of.taxpayer.inn,
        of.address.text,
    )
}
