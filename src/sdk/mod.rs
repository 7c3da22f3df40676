//! The client library: what a program needs to call the service, and nothing of the server.
//!
//! [`Partner`] is the connection of one partner. It sends the token (and reads its file anew when it is rotated), bounds every
//! call, repeats what may be repeated under the same request id, walks pages, follows a registration to its end over
//! restarts of the service, and turns what goes wrong into one [`Error`] that says why. The other languages' libraries in
//! `sdk/` have the same shape and names.
//!
//! ```no_run
//! use litebox_partner::sdk::{Options, Partner, WaitOptions};
//!
//! # async fn run(order: litebox_partner::pb::kkt::QuickRegisterRequest) -> Result<(), Box<dyn std::error::Error>> {
//! let partner = Partner::new(Options {
//!     address: "partner.example:443".into(),
//!     token_file: Some("/run/secrets/litebox/token".into()),
//!     ..Options::default()
//! })?;
//! let ordered = partner.kkts().quick_register(order).await?;
//! let id = ordered.kkt.unwrap_or_default().id;
//! let card = partner.kkts().wait_until_registered(&id, WaitOptions::default()).await?;
//! println!("{}", card.rnm);
//! # Ok(())
//! # }
//! ```

mod caller;
mod clients;
mod error;
mod kkts;
mod options;
mod pages;
mod partner;
mod request_id;
mod retry;
#[cfg(feature = "server")]
#[cfg(test)]
mod tests;
mod token;
mod wait;
mod watch;

pub use caller::CallOptions;
pub use clients::Clients;
pub use error::{Error, FieldViolation, PreconditionViolation};
pub use kkts::Kkts;
pub use options::{Options, OptionsError, Tls};
pub use partner::Partner;
pub use request_id::new_request_id;
pub use wait::{OnKkt, WaitError, WaitOptions};
pub use watch::{Watch, WatchOptions};

pub use crate::pb::error::ErrorReason;
