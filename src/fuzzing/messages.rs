//! Messages of the contract: whatever the bytes, they become a command, or violations are told.

use prost::Message;

use super::{Target, promise, samples};
use crate::failure::Failure;
use crate::grpc::convert::{Fields, client, kkt_call, kkt_request};
use crate::pb::{client as cl, kkt};
use crate::values::KktId;

/// Whether it became a command.
fn read<M: Message + Default, T>(bytes: &[u8], parse: impl Fn(M) -> Result<T, Failure>) -> bool {
    let Ok(message) = M::decode(bytes) else { return false };
    let Err(failure) = parse(message) else { return true };
    let told = match &failure {
        Failure::Validation(list) => !list.is_empty() && list.iter().all(|one| !one.russian.is_empty()),
        _ => false,
    };
    promise(told, "a message is refused and nothing is told");
    false
}

/// Makes a reader of each message, and the list of them.
macro_rules! messages {
    ($($name:ident: $message:ty => $parse:expr;)*) => {
        $(
            /// The message of this name.
            pub fn $name(bytes: &[u8]) -> bool {
                read::<$message, _>(bytes, $parse)
            }
        )*

        /// The readers with their samples.
        pub fn targets() -> Vec<Target> {
            vec![$(Target {
                name: stringify!($name),
                read: $name,
                samples: samples::$name().iter().map(Message::encode_to_vec).collect(),
                message: Some(std::any::type_name::<$message>()),
            },)*]
        }
    };
}

messages! {
    lookup_taxpayer: cl::LookupTaxpayerRequest => |m| client::lookup(&m);
    register: cl::RegisterRequest => |m| client::register(m, 6);
    get_client: cl::GetRequest => |m| client::get(&m);
    list_clients: cl::ListRequest => client::list;
    quick_register: kkt::QuickRegisterRequest => kkt_request::quick_register;
    fiscalize: kkt::FiscalizeRequest => kkt_call::fiscalize;
    amend: kkt::AmendRequest => kkt_call::amend;
    cancel: kkt::CancelRequest => |m| kkt_call::cancel(&m);
    // As the service itself reads it.
    get_kkt: kkt::GetRequest => |m| Fields::of(|f| f.text("kkt_id", &m.kkt_id, KktId::parse));
    list_kkts: kkt::ListRequest => |m| kkt_call::list(&m);
    watch: kkt::WatchRequest => kkt_call::watch;
}
