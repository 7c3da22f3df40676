//! What the partner sends.

use super::operator::Register;
use crate::clock::{Clock, Ids};
use crate::pb::client::{Address, Client, ClientType, RegisterRequest, Taxpayer};
use crate::pb::kkt::fiscalize_request::How;
use crate::pb::kkt::{
    AutomaticFiscalization, Equipment, FfdVersion, FiscalizeRequest, Head, Ofd, Place, QuickRegisterRequest,
    RentalEquipment, SaleEquipment, Signer, TaxSystem, equipment, place, signer,
};

/// An operator with a permit.
pub(super) const OFD: &str = "7709364346";
/// An operator whose permit was withdrawn in 2022.
pub(super) const WITHDRAWN_OFD: &str = "7703282175";

/// A model that the service can drive.
pub(super) const MODEL: &str = "АТОЛ 30Ф";
/// The service drives the device.
pub(super) const AUTOMATIC: How = How::Automatic(AutomaticFiscalization {});

/// A registered client and its entry in the state register.
pub(super) struct Shop {
    pub client: Client,
    pub taxpayer: Taxpayer,
    pub address: Address,
}

/// A fresh id that makes a call repeatable.
pub(super) fn request_id() -> String {
    Ids::system().uuid_v7(&Clock::system()).to_string()
}

/// A client as the partner's form has it.
pub(super) fn client(inn: &str, address: Address, email: &str, password: &str) -> RegisterRequest {
    RegisterRequest {
        request_id: request_id(),
        client_type: ClientType::Litebox.into(),
        inn: inn.to_owned(),
        address: Some(address),
        phone: "911-111-1111".to_owned(),
        email: email.to_owned(),
        password: password.to_owned(),
        ..RegisterRequest::default()
    }
}

/// Касса для продажи: a register of the shop, signed by its head, sending to an operator.
pub(super) fn sale(shop: &Shop, register: &Register, activation_code: &str, tax: TaxSystem) -> QuickRegisterRequest {
    let device = SaleEquipment {
        model: MODEL.to_owned(),
        serial: register.serial.clone(),
        fn_serial: register.fn_serial.clone(),
        device_id: register.device_id.clone(),
    };
    order(shop, equipment::Kind::Sale(device), activation_code, tax)
}

/// The same for a register that no program can drive.
pub(super) fn undriven(shop: &Shop, activation_code: &str) -> QuickRegisterRequest {
    let device = SaleEquipment {
        model: "ПТК «MSPOS-K»".to_owned(),
        serial: "199036000123".to_owned(),
        fn_serial: "9999078902000123".to_owned(),
        device_id: String::new(),
    };
    order(shop, equipment::Kind::Sale(device), activation_code, TaxSystem::Osn)
}

/// Касса напрокат: any register of this model from the partner's fleet, fiscalized by itself.
pub(super) fn rental(shop: &Shop, months: i32, activation_code: &str, tax: TaxSystem) -> QuickRegisterRequest {
    let device = RentalEquipment { model: MODEL.to_owned(), months };
    let order = order(shop, equipment::Kind::Rental(device), activation_code, tax);
    QuickRegisterRequest { fiscalize_automatically: true, ..order }
}

fn order(shop: &Shop, kind: equipment::Kind, activation_code: &str, tax: TaxSystem) -> QuickRegisterRequest {
    QuickRegisterRequest {
        request_id: request_id(),
        client_id: shop.client.id.clone(),
        equipment: Some(Equipment { kind: Some(kind) }),
        signer: Some(signer(&shop.taxpayer)),
        place: Some(Place {
            name: "Магазин «Ромашка»".to_owned(),
            location: Some(place::Location::Address(shop.address.clone())),
            ..Place::default()
        }),
        tax_systems: vec![tax.into()],
        default_tax_system: tax.into(),
        ffd_version: FfdVersion::FfdVersion12.into(),
        ofd: Some(Ofd { inn: OFD.to_owned(), activation_code: activation_code.to_owned() }),
        ..QuickRegisterRequest::default()
    }
}

/// The order to fiscalize a registration.
pub(super) fn fiscalize(kkt_id: &str, how: How) -> FiscalizeRequest {
    FiscalizeRequest { request_id: request_id(), kkt_id: kkt_id.to_owned(), how: Some(how) }
}

fn signer(taxpayer: &Taxpayer) -> Signer {
    Signer {
        capacity: Some(signer::Capacity::Head(Head {})),
        last_name: taxpayer.last_name.clone(),
        first_name: taxpayer.first_name.clone(),
        middle_name: taxpayer.middle_name.clone(),
        position: "Руководитель".to_owned(),
        certificate_id: "cert-1".to_owned(),
    }
}
