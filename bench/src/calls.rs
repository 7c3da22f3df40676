//! The calls that are measured, each with the check that its answer is right.

use std::sync::Arc;

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::stage::{Clients, Kkts, Partner};

/// Connections of the load.
pub const CONNECTIONS: usize = 4;

/// A partner on several connections.
#[derive(Clone)]
pub struct Caller {
    clients: Arc<Vec<Clients>>,
    kkts: Arc<Vec<Kkts>>,
}

impl Caller {
    /// This partner over these connections.
    pub fn new(partner: &Partner, channels: &[Channel]) -> Self {
        let clients = channels.iter().map(|channel| partner.clients(channel)).collect();
        let kkts = channels.iter().map(|channel| partner.kkts(channel)).collect();
        Self { clients: Arc::new(clients), kkts: Arc::new(kkts) }
    }

    /// One of the connections, in turn.
    pub fn clients(&self, n: u64) -> Clients {
        self.clients[n as usize % self.clients.len()].clone()
    }

    /// The same for registers.
    pub fn kkts(&self, n: u64) -> Kkts {
        self.kkts[n as usize % self.kkts.len()].clone()
    }

    /// The card of a client.
    pub async fn get_client(&self, n: u64, client_id: String) -> Result<(), String> {
        let answer = self.clients(n).get(cl::GetRequest { client_id: client_id.clone() }).await.map_err(told)?;
        right(answer.into_inner().client.is_some_and(|client| client.id == client_id))
    }

    /// A registration with at least this many lines of history.
    pub async fn get_kkt(&self, n: u64, kkt_id: String, lines: usize) -> Result<(), String> {
        let answer = self.kkts(n).get(pb::GetRequest { kkt_id: kkt_id.clone() }).await.map_err(told)?;
        right(answer.into_inner().kkt.is_some_and(|kkt| kkt.id == kkt_id && kkt.history.len() >= lines))
    }

    /// A page of 20 clients, newest first, of which the last is who it says.
    pub async fn list_clients(&self, n: u64) -> Result<(), String> {
        let request = cl::ListRequest { page_size: 20, ..Default::default() };
        let page = self.clients(n).list(request).await.map_err(told)?.into_inner();
        let full = page.clients.len() == 20 && !page.next_page_token.is_empty();
        let whole =
            page.clients.last().is_some_and(|client| number(&client.id).is_none_or(|n| client.inn == copy_inn(n)));
        right(
            full && whole
                && newest_first(page.clients.iter().map(|client| client.create_time.map(|at| (at.seconds, at.nanos)))),
        )
    }

    /// A page of 20 registrations, newest first, each of its own client.
    pub async fn list_kkts(&self, n: u64) -> Result<(), String> {
        let request = pb::ListRequest { page_size: 20, ..Default::default() };
        let page = self.kkts(n).list(request).await.map_err(told)?.into_inner();
        let full = page.kkts.len() == 20 && !page.next_page_token.is_empty();
        let whole = page
            .kkts
            .iter()
            .all(|kkt| number(&kkt.id).is_none_or(|n| number(&kkt.client_id).is_some_and(|of| of == n)));
        right(
            full && whole && newest_first(page.kkts.iter().map(|kkt| kkt.create_time.map(|at| (at.seconds, at.nanos)))),
        )
    }

    /// A new client, ACTIVE.
    pub async fn register(&self, n: u64, request: cl::RegisterRequest) -> Result<String, String> {
        let answer = self.clients(n).register(request).await.map_err(told)?.into_inner();
        let client = answer.client.ok_or("no client")?;
        right(client.state() == cl::ClientState::Active).map(|()| client.id)
    }

    /// A new registration.
    pub async fn quick_register(&self, n: u64, request: pb::QuickRegisterRequest) -> Result<String, String> {
        let answer = self.kkts(n).quick_register(request).await.map_err(told)?.into_inner();
        Ok(answer.kkt.ok_or("no registration")?.id)
    }

    /// An authenticated call that ends where its fields are looked at: the refusal that it must be.
    pub async fn refused(&self, n: u64) -> Result<(), String> {
        let answer = self.clients(n).get(cl::GetRequest { client_id: "none".into() }).await;
        right(answer.is_err_and(|status| status.code() == tonic::Code::InvalidArgument))
    }
}

/// The code of a refusal, and whether it says when to come again.
pub fn told(status: Status) -> String {
    use tonic_types::StatusExt;
    let details = status.get_error_details();
    let again = if details.retry_info().is_some() { " with RetryInfo" } else { "" };
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    format!("{:?} {reason}{again}", status.code())
}

fn newest_first(times: impl Iterator<Item = Option<(i64, i32)>>) -> bool {
    times.is_sorted_by(|newer, older| newer >= older)
}

fn right(is: bool) -> Result<(), String> {
    if is { Ok(()) } else { Err("a wrong answer".to_owned()) }
}

/// The tax number of company number `n` in Moscow, below ten million; none of the sandbox's magic ones below 9.9 million.
pub fn inn(n: u64) -> String {
    let nine = format!("77{n:07}");
    let weighted =
        nine.bytes().zip([2, 4, 10, 3, 5, 9, 4, 6, 8]).map(|(digit, weight)| u64::from(digit - b'0') * weight);
    format!("{nine}{}", weighted.sum::<u64>() % 11 % 10)
}

/// A Register of company number `n`.
pub fn register(n: u64) -> cl::RegisterRequest {
    cl::RegisterRequest {
        request_id: Uuid::new_v4().to_string(),
        client_type: cl::ClientType::Litebox.into(),
        inn: inn(n),
        address: Some(address()),
        phone: format!("911-{:03}-{:04}", n / 10_000 % 1_000, n % 10_000),
        email: format!("shop{n}@example.ru"),
        password: "aB1!_-".into(),
        ..Default::default()
    }
}

fn address() -> cl::Address {
    cl::Address {
        postal_code: "117997".into(),
        region: "г Москва".into(),
        city: "г Москва".into(),
        street: "ул Вавилова".into(),
        house: "д 19".into(),
        ..Default::default()
    }
}

/// A QuickRegister of register number `n`, whose last four digits are none of the sandbox's magic ones; burnt by itself when
/// there is a device.
pub fn order(client_id: &str, device_id: Option<&str>, n: u64) -> pb::QuickRegisterRequest {
    // Numbers that end in 95NN to 99NN mean something to the sandbox: those are left out.
    let n = n / 9_500 * 10_000 + n % 9_500;
    let sale = pb::SaleEquipment {
        model: "АТОЛ 30Ф".into(),
        serial: format!("00106100{n:06}"),
        fn_serial: format!("9999078902{n:06}"),
        device_id: device_id.unwrap_or_default().into(),
    };
    pb::QuickRegisterRequest {
        request_id: Uuid::new_v4().to_string(),
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
        ofd: Some(pb::Ofd { inn: "7709364346".into(), activation_code: format!("FD13MM1{n:06}") }),
        acknowledged_warnings: WARNINGS.map(str::to_owned).to_vec(),
        fiscalize_automatically: device_id.is_some(),
        ..Default::default()
    }
}

/// What the dummy drives of the sandbox are warned about.
const WARNINGS: [&str; 3] = ["SIGNER_IS_NOT_HEAD", "FN_TERM_UNWELCOME", "FFD_SUPPORT_UNCONFIRMED"];

/// The id of loaded client number `n`, counted from 1.
pub fn client_id(n: u64) -> String {
    format!("0190a000-0000-7000-8000-{n:012x}")
}

/// The id of loaded registration number `n`, counted from 1.
pub fn kkt_id(n: u64) -> String {
    format!("0190b000-0000-7000-8000-{n:012x}")
}

/// The number in the id of what was loaded; none in an id that was made.
fn number(id: &str) -> Option<&str> {
    ["0190a000", "0190b000"].iter().find_map(|prefix| id.strip_prefix(prefix))
}

/// The tax number of the client with this number in its id.
fn copy_inn(number: &str) -> String {
    let digits = number.rsplit('-').next().unwrap_or_default();
    u64::from_str_radix(digits, 16).map(|g| inn(1_000_000 + g)).unwrap_or_default()
}

/// The SQL for the same.
pub fn id_sql(prefix: &str, n: &str) -> String {
    format!("('{prefix}-0000-7000-8000-' || lpad(to_hex(({n})::bigint), 12, '0'))::uuid")
}
