//! Messages of the contract: whatever the bytes, they become a command, or violations are told.

use prost::Message;

use super::{Target, promise};
use crate::failure::Failure;
use crate::grpc::convert::{client, kkt_call, kkt_request};
use crate::pb::{client as cl, kkt};

fn read<M: Message + Default, T>(bytes: &[u8], parse: impl Fn(M) -> Result<T, Failure>) {
    let Ok(message) = M::decode(bytes) else { return };
    if let Err(failure) = parse(message) {
        let told = match &failure {
            Failure::Validation(list) => !list.is_empty() && list.iter().all(|one| !one.russian.is_empty()),
            _ => false,
        };
        promise(told, "a message is refused and nothing is told");
    }
}

/// Makes a reader of each message, and the list of them.
macro_rules! messages {
    ($($name:ident: $message:ty => $parse:expr, $sample:expr;)*) => {
        $(
            /// The message of this name.
            pub fn $name(bytes: &[u8]) {
                read::<$message, _>(bytes, $parse);
            }
        )*

        /// The readers with a sample each.
        pub fn samples() -> Vec<Target> {
            vec![$(Target {
                name: stringify!($name),
                read: $name,
                samples: vec![Message::encode_to_vec(&$sample)],
            },)*]
        }
    };
}

const ID: &str = "0198f2a0-7c1e-7e6b-8f00-3a5b5c1d2e3f";

messages! {
    register: cl::RegisterRequest => |m| client::register(m, 6), sample_register();
    list_clients: cl::ListRequest => client::list, cl::ListRequest { inn: "7707083893".into(), page_size: 5, ..Default::default() };
    quick_register: kkt::QuickRegisterRequest => kkt_request::quick_register, sample_order();
    fiscalize: kkt::FiscalizeRequest => kkt_call::fiscalize, sample_fiscalize();
    amend: kkt::AmendRequest => kkt_call::amend, kkt::AmendRequest { request_id: ID.into(), kkt_id: ID.into(), ..Default::default() };
    cancel: kkt::CancelRequest => |m| kkt_call::cancel(&m), kkt::CancelRequest { request_id: ID.into(), kkt_id: ID.into() };
    list_kkts: kkt::ListRequest => |m| kkt_call::list(&m), kkt::ListRequest { page_size: 5, ..Default::default() };
    watch: kkt::WatchRequest => kkt_call::watch, kkt::WatchRequest { kkt_ids: vec![ID.into()], ..Default::default() };
}

fn address() -> cl::Address {
    let text = str::to_owned;
    cl::Address {
        postal_code: text("117312"),
        region: text("Москва"),
        city: text("Москва"),
        street: text("Вавилова"),
        house: text("19"),
        ..Default::default()
    }
}

fn sample_register() -> cl::RegisterRequest {
    cl::RegisterRequest {
        request_id: ID.into(),
        client_type: cl::ClientType::Litebox.into(),
        inn: "7707083893".into(),
        address: Some(address()),
        phone: "911-111-1111".into(),
        email: "shop@example.ru".into(),
        password: "aB1!_-".into(),
        ..Default::default()
    }
}

fn sample_order() -> kkt::QuickRegisterRequest {
    let location = Some(kkt::place::Location::Address(address()));
    let sale =
        kkt::SaleEquipment { model: "АТОЛ 30Ф".into(), serial: "00106100000001".into(), ..Default::default() };
    kkt::QuickRegisterRequest {
        request_id: ID.into(),
        client_id: ID.into(),
        equipment: Some(kkt::Equipment { kind: Some(kkt::equipment::Kind::Sale(sale)) }),
        place: Some(kkt::Place { name: "Магазин".into(), location, ..Default::default() }),
        modes: Some(kkt::Modes::default()),
        acknowledged_warnings: vec!["SERIAL_PATTERN".into()],
        ..Default::default()
    }
}

fn sample_fiscalize() -> kkt::FiscalizeRequest {
    let how = Some(kkt::fiscalize_request::How::Automatic(kkt::AutomaticFiscalization {}));
    kkt::FiscalizeRequest { request_id: ID.into(), kkt_id: ID.into(), how }
}
