//! A shop with an account, a device and the orders that tests start from.

use litebox_partner::partners::model::{HubDevice, HubUrl, Label};
use litebox_partner::partners::service::NewDevice;
use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use litebox_partner::sandbox::ledger::{Entry, Kind};
use pb::kkt_service_client::KktServiceClient;

use crate::support::app::{TestApp, Wire, until};
use crate::support::fresh_id;

/// A company of the sandbox's register, generated from its INN.
pub const COMPANY: &str = "7736050003";
/// An entrepreneur of the sandbox's register.
pub const ENTREPRENEUR: &str = "500100732259";

/// A registered shop of the app's partner.
pub struct Shop<'a> {
    pub app: &'a TestApp,
    pub client_id: String,
    pub kkts: KktServiceClient<Wire>,
}

impl<'a> Shop<'a> {
    /// Registers the shop.
    pub async fn open(app: &'a TestApp, inn: &'static str) -> Self {
        let request = register(inn);
        let answer = app.clients().register(request).await.unwrap().into_inner();
        Self { app, client_id: answer.client.unwrap().id, kkts: app.kkts() }
    }

    /// Assigns the sandbox's device `kkt-N` to the partner; its id.
    pub async fn device(&self, n: u32) -> String {
        self.device_named(&format!("kkt-{n}")).await
    }

    /// Assigns the sandbox's device of this name to the partner; its id.
    pub async fn device_named(&self, name: &str) -> String {
        let hub = HubUrl::parse(&self.app.sandbox.http_url()).unwrap();
        let new = NewDevice { id: None, hub, hub_device: HubDevice::parse(name).unwrap(), note: Label::default() };
        let device = self.app.partners.assign(self.app.partner.id, new).await.unwrap();
        device.id.to_string()
    }

    /// An order for the sandbox's register number `n`, burnt by itself.
    pub async fn order(&self, n: u32) -> pb::QuickRegisterRequest {
        order(&self.client_id, &self.device(n).await, n)
    }

    /// Orders and answers the registration.
    pub async fn quick_register(&self, order: pb::QuickRegisterRequest) -> pb::Kkt {
        self.kkts.clone().quick_register(order).await.unwrap().into_inner().kkt.unwrap()
    }

    pub async fn get(&self, id: &str) -> pb::Kkt {
        let request = pb::GetRequest { kkt_id: id.into() };
        self.kkts.clone().get(request).await.unwrap().into_inner().kkt.unwrap()
    }

    /// Waits until the registration is as wanted; the registration then.
    pub async fn reach(&self, id: &str, what: &str, wanted: impl Fn(&pb::Kkt) -> bool) -> pb::Kkt {
        until(what, async || wanted(&self.get(id).await)).await;
        self.get(id).await
    }

    /// Waits for a state.
    pub async fn state(&self, id: &str, state: pb::KktState) -> pb::Kkt {
        self.reach(id, state.as_str_name(), |kkt| kkt.state() == state).await
    }

    /// How often each one-way effect is in the sandbox's ledger, for the register of `order`.
    pub fn effects(&self, serial: &str) -> Vec<(String, usize)> {
        let entries = self.app.sandbox.entries();
        let drive = format!("9999078902{}", &serial[8..]);
        let of = |operation: &str| {
            let is = |e: &&Entry| e.is(Kind::Effect, operation) && e.facts.values().any(|v| v == serial || *v == drive);
            (operation.to_owned(), entries.iter().filter(is).count())
        };
        ONE_WAY.map(of).to_vec()
    }
}

/// The effects that must happen once.
pub const ONE_WAY: [&str; 5] =
    ["ofd.ReserveCode", "fns.SubmitApplication", "ofd.Connect", "device.registration", "fns.SubmitReport"];

/// A Register call for `inn`.
pub fn register(inn: &str) -> cl::RegisterRequest {
    cl::RegisterRequest {
        request_id: fresh_id(),
        client_type: cl::ClientType::Litebox.into(),
        inn: inn.into(),
        address: Some(address()),
        phone: "911-111-1111".into(),
        email: format!("shop{inn}@example.ru"),
        password: "aB1!_-".into(),
        ..Default::default()
    }
}

/// An address of the sandbox's address register.
pub fn address() -> cl::Address {
    cl::Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        street: "ул Вавилова".into(),
        house: "д 19".into(),
        ..Default::default()
    }
}

/// The sandbox's `kkt-N`.
pub fn serial(n: u32) -> String {
    format!("00106100{n:06}")
}

/// A sale for the sandbox's register number `n`.
pub fn order(client_id: &str, device_id: &str, n: u32) -> pb::QuickRegisterRequest {
    let sale = pb::SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: serial(n),
        fn_serial: format!("9999078902{n:06}"),
        device_id: device_id.into(),
    };
    pb::QuickRegisterRequest {
        request_id: fresh_id(),
        client_id: client_id.into(),
        equipment: Some(pb::Equipment { kind: Some(pb::equipment::Kind::Sale(sale)) }),
        signer: Some(pb::Signer {
            capacity: Some(pb::signer::Capacity::Head(pb::Head {})),
            last_name: "Петрова".into(),
            first_name: "Анна".into(),
            position: "Генеральный директор".into(),
            certificate_id: "cert-1".into(),
            ..Default::default()
        }),
        place: Some(pb::Place {
            name: "Магазин «Ромашка»".into(),
            location: Some(pb::place::Location::Address(address())),
            ..Default::default()
        }),
        modes: Some(pb::Modes::default()),
        tax_systems: vec![pb::TaxSystem::Osn.into()],
        default_tax_system: pb::TaxSystem::Osn.into(),
        ffd_version: pb::FfdVersion::FfdVersion105.into(),
        ofd: Some(pb::Ofd { inn: "7709364346".into(), activation_code: format!("FD13MM{:06}", 500_000 + n) }),
        acknowledged_warnings: WARNINGS.map(str::to_owned).to_vec(),
        fiscalize_automatically: true,
        ..Default::default()
    }
}

/// What the dummy drives of the sandbox are warned about.
const WARNINGS: [&str; 3] = ["SIGNER_IS_NOT_HEAD", "FN_TERM_UNWELCOME", "FFD_SUPPORT_UNCONFIRMED"];
