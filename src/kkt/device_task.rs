//! The `registration` task of ATOL driver v10: what the device writes into the fiscal drive. It cannot be undone.
//!
//! Which attribute belongs to which FFD follows the table of the registration report (order ЕД-7-20/662@, appendix 2, as a
//! public program has it; unconfirmed): signs of an agent, tag 1057, up to FFD 1.1; marked goods, pawnshop, insurance,
//! catering, wholesale and vending, bits of tag 1290, from FFD 1.2. What a version lacks is not sent. Modes that the driver
//! has no field for stand in the application alone: delivery, casino, and the two signs of a payment agent.

use serde_json::{Value, json};

use super::application::{Incomplete, head};
use super::model::{Agent, Capacity, Facts, Ffd, Modes, Signer, Spec, TaxSystem};
use crate::catalogue::Catalogue;
use crate::gateways::taxpayers::{PersonName, Taxpayer, TaxpayerKind};
use crate::values::{Inn, Rnm};

/// Site where buyers check receipts, tag 1060.
const FNS_SITE: &str = "www.nalog.gov.ru";
/// Most characters of the user's name, tag 1048.
const USER_NAME_MAX: usize = 256;
/// Most characters of the operator's name, tag 1021.
const OPERATOR_NAME_MAX: usize = 64;

/// Builds the task. The same arguments give the same task; name and INN of the user come from the state register.
pub fn registration(spec: &Spec, facts: &Facts, rnm: &Rnm, catalogue: &Catalogue) -> Result<Value, Incomplete> {
    let mut task = json!({
        "type": "registration",
        "electronically": false,
        "operator": operator(spec, &facts.taxpayer),
        "organization": {
            "name": user_name(&facts.taxpayer),
            "vatin": facts.taxpayer.inn.as_str(),
            "email": facts.sender_email.as_str(),
            "address": facts.address.text,
            "taxationTypes": spec.tax_systems.iter().map(|system| tax_system(*system)).collect::<Vec<_>>(),
            "agents": agents(spec),
        },
        "device": device(spec, facts, rnm, catalogue),
    });
    if let Some(choice) = &spec.ofd {
        let ofd = catalogue.ofd(&choice.inn).ok_or(Incomplete::Ofd)?;
        let server = ofd.receipts.as_ref().ok_or(Incomplete::Ofd)?;
        task["ofd"] = json!({
            "name": ofd.name,
            "vatin": ofd.inn.as_str(),
            "host": server.host,
            "port": server.port,
            "dns": "0.0.0.0",
        });
        if let Some(server) = ofd.marking.as_ref().filter(|_| spec.modes.marking) {
            task["ism"] = json!({"host": server.host, "port": server.port});
        }
    }
    Ok(task)
}

/// Tag 1057, which FFD 1.2 does not have in the report: there every receipt tells its agent.
fn agents(spec: &Spec) -> Vec<&'static str> {
    let kinds = spec.agents.iter().filter(|_| spec.ffd < Ffd::V1_2);
    kinds.map(|kind| agent(*kind)).collect()
}

fn device(spec: &Spec, facts: &Facts, rnm: &Rnm, catalogue: &Catalogue) -> Value {
    let modes = &spec.modes;
    let automatic = spec.automatic_device.as_ref();
    let channel = catalogue.model(&facts.register.model).map(|model| model.ofd_channel).unwrap_or_default();
    let mut device = json!({
        "registrationNumber": rnm.as_str(),
        "fnsUrl": FNS_SITE,
        "paymentsAddress": spec.place.name,
        "ffdVersion": ffd(spec.ffd),
        "ofdChannel": channel.name(),
        "defaultTaxationType": tax_system(spec.default_tax_system),
        "offlineMode": modes.autonomous,
        "encryption": modes.encryption,
        "autoMode": automatic.is_some(),
        "machineInstallation": automatic.is_some_and(|device| device.printer),
        "machineNumber": automatic.map(|device| device.numbers.join(",")).unwrap_or_default(),
        "bso": modes.bso,
        "internet": modes.internet,
        "service": modes.services,
        "excise": modes.excise,
        "gambling": modes.gambling,
        "lottery": modes.lottery,
    });
    if spec.ffd >= Ffd::V1_2 {
        from_1_2(modes).into_iter().for_each(|(field, set)| device[field] = json!(set));
    }
    device
}

/// Modes that the report has from FFD 1.2, by the driver's field.
pub const fn from_1_2(modes: &Modes) -> [(&'static str, bool); 6] {
    [
        ("marking", modes.marking),
        ("pawnShop", modes.pawnshop),
        ("insurance", modes.insurance),
        ("catering", modes.catering),
        ("wholesale", modes.wholesale),
        ("vending", modes.vending),
    ]
}

/// Name of the user, tag 1048: in full, and short only where the full one does not fit.
pub(super) fn user_name(taxpayer: &Taxpayer) -> String {
    match &taxpayer.kind {
        TaxpayerKind::Organization { full_name, .. } if full_name.chars().count() <= USER_NAME_MAX => full_name.clone(),
        TaxpayerKind::Organization { short_name, .. } => short_name.clone(),
        TaxpayerKind::Entrepreneur { name } => {
            let parts = [Some(name.last.as_str()), Some(name.first.as_str()), name.middle.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

/// Who works the device, tags 1021 and 1203; the signer when nobody is named.
fn operator(spec: &Spec, taxpayer: &Taxpayer) -> Value {
    let (name, inn) = match &spec.operator {
        Some(operator) => (operator.name.clone(), operator.inn.as_ref()),
        None => signer(&spec.signer, taxpayer),
    };
    let mut value = json!({"name": name});
    if let Some(inn) = inn {
        value["vatin"] = json!(inn.as_str());
    }
    value
}

/// The signer's short name, and the INN when he is the entrepreneur himself.
fn signer<'a>(signer: &Signer, taxpayer: &'a Taxpayer) -> (String, Option<&'a Inn>) {
    match (&signer.capacity, &taxpayer.kind) {
        (Capacity::Head, TaxpayerKind::Entrepreneur { name }) => (short(name), Some(&taxpayer.inn)),
        (Capacity::Head, TaxpayerKind::Organization { .. }) => (short(head(taxpayer).unwrap_or(&signer.name)), None),
        (Capacity::Representative { .. }, _) => (short(&signer.name), None),
    }
}

/// "Иванов И.И."
fn short(name: &PersonName) -> String {
    let initial = |name: &str| name.chars().next().map(|letter| format!("{letter}.")).unwrap_or_default();
    let initials = initial(&name.first) + &name.middle.as_deref().map(initial).unwrap_or_default();
    let last: String = name.last.chars().take(OPERATOR_NAME_MAX - initials.chars().count() - 1).collect();
    format!("{last} {initials}").trim_end().to_owned()
}

/// The driver's name of a version, also that of the catalogue.
pub const fn ffd(version: Ffd) -> &'static str {
    match version {
        Ffd::V1_05 => "1.05",
        Ffd::V1_1 => "1.1",
        Ffd::V1_2 => "1.2",
    }
}

const fn tax_system(system: TaxSystem) -> &'static str {
    match system {
        TaxSystem::Osn => "osn",
        TaxSystem::UsnIncome => "usnIncome",
        TaxSystem::UsnIncomeOutcome => "usnIncomeOutcome",
        TaxSystem::Esn => "esn",
        TaxSystem::Patent => "patent",
    }
}

const fn agent(kind: Agent) -> &'static str {
    match kind {
        Agent::BankPayingAgent => "bankPayingAgent",
        Agent::BankPayingSubagent => "bankPayingSubagent",
        Agent::PayingAgent => "payingAgent",
        Agent::PayingSubagent => "payingSubagent",
        Agent::Attorney => "attorney",
        Agent::CommissionAgent => "commissionAgent",
        Agent::Another => "another",
    }
}

#[cfg(test)]
mod tests;
