//! Values parsed at the edge: whoever holds one need not check it again.
//!
//! Every type parses with an error that names the rule and never the value, and serializes as a string that is parsed
//! again when read back. Values that tell about a person (INN, OGRN, phone, e-mail, address, activation code) are hidden
//! in `Debug`; a password has no `Debug` at all. Types that are made of such values use `discreet`.

mod address;
mod code;
mod company;
mod contact;
mod digits;
pub(crate) mod discreet;
mod fiscal;
mod ids;
mod inn;
mod invalid;
mod password;
mod rnm;
mod serials;
#[cfg(test)]
mod tests;
mod text;

pub use address::{Address, AddressParts};
pub use code::ActivationCode;
pub use company::{Kpp, Ogrn};
pub use contact::{Email, Phone};
pub use fiscal::FiscalSign;
pub use ids::{ClientId, DeviceId, EffectId, FleetId, KktId, PartnerId, PartnerScope, RequestId};
pub use inn::{Inn, InnKind};
pub use invalid::Invalid;
pub use password::Password;
pub use rnm::{Rnm, RnmCheck};
pub use serials::{FnSerial, KktSerial};
pub use text::line;
