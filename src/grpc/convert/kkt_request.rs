//! Requests of `litebox.kkt.v1` into commands.

use uuid::Uuid;

use super::{Fields, address, required, unknown, words};
use crate::failure::Failure;
use crate::gateways::taxpayers::PersonName;
use crate::kkt::model::{
    Agent, AutomaticDevice, Capacity, Equipment, Ffd, Modes, OfdChoice, Operator, Place, PlaceAddress, QuickRegister,
    Signer, SoldRegister, Spec, TaxSystem,
};
use crate::pb::kkt as pb;
use crate::values::{
    ActivationCode, ClientId, DeviceId, Email, FnSerial, Inn, InnKind, Invalid, KktSerial, Kpp, RequestId,
};

/// Parses an order.
///
/// # Errors
/// [`Failure::Validation`] with every bad field.
pub fn quick_register(request: pb::QuickRegisterRequest) -> Result<QuickRegister, Failure> {
    Fields::of(|f| {
        let request_id = f.text("request_id", &request.request_id, RequestId::parse);
        let client_id = f.text("client_id", &request.client_id, ClientId::parse);
        let external_ref = f.optional("external_ref", &request.external_ref, words(128));
        let acknowledged = f.each("acknowledged_warnings", &request.acknowledged_warnings, |one| warning(one));
        let validate_only = request.validate_only;
        let spec = spec(f, request);
        Some(QuickRegister {
            request_id: request_id?,
            client_id: client_id?,
            external_ref: external_ref?,
            validate_only,
            acknowledged_warnings: acknowledged?,
            spec: spec?,
        })
    })
}

fn spec(f: &mut Fields, request: pb::QuickRegisterRequest) -> Option<Spec> {
    let equipment = f.present("equipment", request.equipment).and_then(|e| equipment(f, e));
    let signer = f.present("signer", request.signer).and_then(|s| signer(f, s));
    let place = f.present("place", request.place).and_then(|p| place(f, p));
    let agents = f.each("agents", request.agents, agent).and_then(|list| distinct(f, "agents", list));
    let automatic_device = request.automatic_device.map(|device| automatic_device(f, device));
    let default_tax = request.default_tax_system;
    let taxes = f.each("tax_systems", request.tax_systems, tax).and_then(|list| taxes(f, list, default_tax));
    let ffd = f.take("ffd_version", ffd(request.ffd_version));
    let ofd = request.ofd.map(|choice| ofd(f, &choice));
    let operator = request.operator.map(|person| operator(f, &person));
    let sender_email = f.optional("sender_email", &request.sender_email, Email::parse);
    let (tax_systems, default_tax_system) = taxes?;
    Some(Spec {
        equipment: equipment?,
        signer: signer?,
        place: place?,
        modes: modes(request.modes.unwrap_or_default()),
        agents: agents?,
        automatic_device: flip(automatic_device)?,
        tax_systems,
        default_tax_system,
        ffd: ffd?,
        ofd: flip(ofd)?,
        operator: flip(operator)?,
        sender_email: sender_email?,
        fiscalize_automatically: request.fiscalize_automatically,
    })
}

/// Absent stays absent; present and wrong is wrong.
fn flip<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    value.map_or(Some(None), |inner| inner.map(Some))
}

fn equipment(f: &mut Fields, equipment: pb::Equipment) -> Option<Equipment> {
    match f.present("equipment", equipment.kind)? {
        pb::equipment::Kind::Sale(sale) => {
            let model = f.text("equipment.sale.model", &sale.model, words(100));
            let serial = f.text("equipment.sale.serial", &sale.serial, KktSerial::parse);
            let fn_serial = f.text("equipment.sale.fn_serial", &sale.fn_serial, FnSerial::parse);
            let device_id = f.optional("equipment.sale.device_id", &sale.device_id, DeviceId::parse);
            let (model, serial) = (model?, serial?);
            Some(Equipment::Sale(SoldRegister { model, serial, fn_serial: fn_serial?, device_id: device_id? }))
        }
        pb::equipment::Kind::Rental(rental) => {
            let model = f.text("equipment.rental.model", &rental.model, words(100));
            let months = f.take("equipment.rental.months", months(rental.months));
            Some(Equipment::Rental { model: model?, months: months? })
        }
    }
}

fn months(months: i32) -> Result<u32, Invalid> {
    let wrong = || Invalid::new("MONTHS_RANGE", "must be 1 to 60", "Укажите срок проката от 1 до 60 месяцев");
    u32::try_from(months).ok().filter(|m| (1..=60).contains(m)).ok_or_else(wrong)
}

fn signer(f: &mut Fields, signer: pb::Signer) -> Option<Signer> {
    let capacity = f.present("signer.capacity", signer.capacity).and_then(|one| capacity(f, one));
    let last = f.text("signer.last_name", &signer.last_name, words(60));
    let first = f.text("signer.first_name", &signer.first_name, words(60));
    let middle = f.optional("signer.middle_name", &signer.middle_name, words(60));
    let position = f.optional("signer.position", &signer.position, words(128));
    let certificate_id = f.text("signer.certificate_id", &signer.certificate_id, certificate);
    let name = PersonName { last: last?, first: first?, middle: middle? };
    Some(Signer { capacity: capacity?, name, position: position?, certificate_id: certificate_id? })
}

fn capacity(f: &mut Fields, capacity: pb::signer::Capacity) -> Option<Capacity> {
    match capacity {
        pb::signer::Capacity::Head(pb::Head {}) => Some(Capacity::Head),
        pb::signer::Capacity::Representative(pb::Representative { authority_document }) => {
            let field = "signer.representative.authority_document";
            f.text(field, &authority_document, words(120)).map(|document| Capacity::Representative { document })
        }
    }
}

fn certificate(text: &str) -> Result<String, Invalid> {
    let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(sign) {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(
        "CERTIFICATE_ID_FORMAT",
        "must be 1 to 128 Latin letters, digits, dots, underscores and hyphens",
        "Укажите идентификатор сертификата подписанта из хранилища ключей",
    ))
}

fn place(f: &mut Fields, place: pb::Place) -> Option<Place> {
    let name = f.text("place.name", &place.name, words(256));
    let location = f.present("place.location", place.location).and_then(|one| location(f, one));
    let tax_office = f.optional("place.tax_office", &place.tax_office, tax_office);
    let kpp = f.optional("place.kpp", &place.kpp, Kpp::parse);
    let site_urls = f.each("place.site_urls", &place.site_urls, |url| words(256)(url));
    let site_urls = at_most(f, "place.site_urls", site_urls?, 10);
    Some(Place { name: name?, address: location?, tax_office: tax_office?, kpp: kpp?, site_urls: site_urls? })
}

fn location(f: &mut Fields, location: pb::place::Location) -> Option<PlaceAddress> {
    match location {
        pb::place::Location::Address(parts) => address(f, "place.address", parts).map(PlaceAddress::Parts),
        pb::place::Location::FiasId(id) => f.text("place.fias_id", &id, fias).map(PlaceAddress::Fias),
    }
}

fn fias(text: &str) -> Result<String, Invalid> {
    let id = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
    id.map(|id| id.hyphenated().to_string()).ok_or_else(|| {
        Invalid::new("FIAS_ID_FORMAT", "must be a UUID", "Укажите идентификатор адреса ФИАС в виде UUID")
    })
}

fn tax_office(text: &str) -> Result<String, Invalid> {
    let fits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    let wrong = || Invalid::new("TAX_OFFICE_FORMAT", "must be 4 digits", "Укажите код налоговой инспекции: 4 цифры");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn modes(modes: pb::Modes) -> Modes {
    Modes {
        autonomous: modes.autonomous,
        bso: modes.bso,
        internet: modes.internet,
        delivery: modes.delivery,
        services: modes.services,
        excise: modes.excise,
        marking: modes.marking,
        gambling: modes.gambling,
        lottery: modes.lottery,
        casino: modes.casino,
        pawnshop: modes.pawnshop,
        insurance: modes.insurance,
        catering: modes.catering,
        wholesale: modes.wholesale,
        vending: modes.vending,
        encryption: modes.encryption,
        bank_payment_agent: modes.bank_payment_agent,
        payment_agent: modes.payment_agent,
    }
}

fn agent(number: i32) -> Result<Agent, Invalid> {
    match pb::Agent::try_from(number).map_err(|_| unknown())? {
        pb::Agent::Unspecified => Err(required()),
        pb::Agent::BankPayingAgent => Ok(Agent::BankPayingAgent),
        pb::Agent::BankPayingSubagent => Ok(Agent::BankPayingSubagent),
        pb::Agent::PayingAgent => Ok(Agent::PayingAgent),
        pb::Agent::PayingSubagent => Ok(Agent::PayingSubagent),
        pb::Agent::Attorney => Ok(Agent::Attorney),
        pb::Agent::CommissionAgent => Ok(Agent::CommissionAgent),
        pb::Agent::Another => Ok(Agent::Another),
    }
}

fn tax(number: i32) -> Result<TaxSystem, Invalid> {
    match pb::TaxSystem::try_from(number).map_err(|_| unknown())? {
        pb::TaxSystem::Unspecified => Err(required()),
        pb::TaxSystem::Osn => Ok(TaxSystem::Osn),
        pb::TaxSystem::UsnIncome => Ok(TaxSystem::UsnIncome),
        pb::TaxSystem::UsnIncomeOutcome => Ok(TaxSystem::UsnIncomeOutcome),
        pb::TaxSystem::Esn => Ok(TaxSystem::Esn),
        pb::TaxSystem::Patent => Ok(TaxSystem::Patent),
    }
}

/// The tax systems and the default one, which may stay unsaid when there is no choice.
fn taxes(f: &mut Fields, list: Vec<TaxSystem>, default: i32) -> Option<(Vec<TaxSystem>, TaxSystem)> {
    let list = distinct(f, "tax_systems", list)?;
    let default = match (list.as_slice(), default) {
        ([], _) => return f.present("tax_systems", None),
        ([only], 0) => *only,
        (_, number) => f.take("default_tax_system", tax(number))?,
    };
    Some((list, default))
}

fn ffd(number: i32) -> Result<Ffd, Invalid> {
    match pb::FfdVersion::try_from(number).map_err(|_| unknown())? {
        pb::FfdVersion::Unspecified => Err(required()),
        pb::FfdVersion::FfdVersion105 => Ok(Ffd::V1_05),
        pb::FfdVersion::FfdVersion11 => Ok(Ffd::V1_1),
        pb::FfdVersion::FfdVersion12 => Ok(Ffd::V1_2),
    }
}

fn automatic_device(f: &mut Fields, device: pb::AutomaticDevice) -> Option<AutomaticDevice> {
    let field = "automatic_device.numbers";
    if device.numbers.is_empty() {
        return f.present(field, None);
    }
    let numbers = f.each(field, &device.numbers, |number| words(20)(number))?;
    Some(AutomaticDevice { numbers: at_most(f, field, numbers, 20)?, printer: device.printer })
}

fn ofd(f: &mut Fields, choice: &pb::Ofd) -> Option<OfdChoice> {
    let inn = f.text("ofd.inn", &choice.inn, |text| inn_of(text, InnKind::Organization));
    let code = f.text("ofd.activation_code", &choice.activation_code, ActivationCode::parse);
    Some(OfdChoice { inn: inn?, code: code? })
}

fn operator(f: &mut Fields, person: &pb::Operator) -> Option<Operator> {
    let name = f.text("operator.name", &person.name, words(64));
    let inn = f.optional("operator.inn", &person.inn, |text| inn_of(text, InnKind::Entrepreneur));
    Some(Operator { name: name?, inn: inn? })
}

fn inn_of(text: &str, kind: InnKind) -> Result<Inn, Invalid> {
    let inn = Inn::parse(text)?;
    let (digits, whose) = match kind {
        InnKind::Organization => (10, "организации"),
        InnKind::Entrepreneur => (12, "физического лица"),
    };
    let wrong = || {
        let text = format!("must be an INN of {digits} digits");
        Invalid::new("INN_KIND", text, format!("Укажите ИНН {whose}: {digits} цифр"))
    };
    if inn.kind() == kind { Ok(inn) } else { Err(wrong()) }
}

fn warning(text: &str) -> Result<String, Invalid> {
    let sign = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(sign);
    let wrong = || Invalid::new("WARNING_FORMAT", "must be the word of a warning", "Укажите код предупреждения");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn distinct<T: PartialEq>(f: &mut Fields, field: &str, list: Vec<T>) -> Option<Vec<T>> {
    let twice = list.iter().enumerate().any(|(at, one)| list.iter().take(at).any(|other| other == one));
    let wrong = || Invalid::new("DUPLICATE", "each value only once", "Укажите каждое значение один раз");
    f.take(field, if twice { Err(wrong()) } else { Ok(list) })
}

pub(super) fn at_most<T>(f: &mut Fields, field: &str, list: Vec<T>, max: usize) -> Option<Vec<T>> {
    let wrong = || {
        Invalid::new("TOO_MANY", format!("must have at most {max} entries"), format!("Укажите не более {max} значений"))
    };
    f.take(field, if list.len() > max { Err(wrong()) } else { Ok(list) })
}

#[cfg(test)]
mod tests;
