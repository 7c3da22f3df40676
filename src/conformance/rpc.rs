//! What the cases of the three gRPC contracts share: a channel, the caller's world, statuses.

use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::{Checked, Trouble, Unchecked, broken, fresh};
use crate::clock::Ids;

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
/// `ENVIRONMENT_LIVE` and `ENVIRONMENT_SANDBOX`, the same in all three contracts.
const LIVE: i32 = 1;
const SANDBOX: i32 = 2;

/// A connection to the adapter.
pub struct Wire {
    channel: Channel,
    ids: Ids,
    /// What the adapter's handshake told.
    pub environment: i32,
}

impl Wire {
    /// A connection that is made by the first call.
    pub fn new(url: &str, ids: &Ids) -> Result<Self, Unchecked> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|e| Unchecked::Input(format!("{url}: {e}")))?;
        let channel = endpoint.connect_timeout(CONNECT).timeout(ANSWER).connect_lazy();
        Ok(Self { channel, ids: ids.clone(), environment: SANDBOX })
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Takes over the world that the handshake told.
    pub fn met(mut self, told: Result<Response<i32>, Status>) -> Result<Self, Unchecked> {
        let told = told.map_err(|status| Unchecked::Silent(format!("{:?}: {}", status.code(), status.message())))?;
        self.environment = told.into_inner();
        Ok(self)
    }

    /// Whether only questions may be asked: everything that does not say that it is a sandbox counts as live.
    pub const fn live(&self) -> bool {
        self.environment != SANDBOX
    }

    /// A call from the adapter's own world.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        let world = if self.environment == LIVE { "live" } else { "sandbox" };
        let mut request = Request::new(message);
        request.metadata_mut().insert("x-litebox-environment", MetadataValue::from_static(world));
        request
    }

    /// An effect id that was never used.
    pub fn effect(&self) -> String {
        fresh(&self.ids).to_string()
    }

    /// The handshake told a world.
    pub fn world_told(&self) -> Checked {
        super::expect([LIVE, SANDBOX].contains(&self.environment), || format!("the world {}", self.environment))
    }
}

/// The call must end with this status.
pub fn status<T>(what: &str, expected: Code, answer: Result<Response<T>, Status>) -> Checked {
    match answer {
        Err(status) if status.code() == expected => Ok(()),
        Err(status) => Err(broken(format!("{what}: the status {:?} instead of {expected:?}", status.code()))),
        Ok(_) => Err(broken(format!("{what}: an answer instead of the status {expected:?}"))),
    }
}

/// The outcome of an answer, which must not be empty.
pub fn outcome<T>(outcome: Option<T>) -> Result<T, Trouble> {
    outcome.ok_or_else(|| broken("an answer without an outcome"))
}

/// Two values that the contract wants equal.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Checked {
    super::expect(seen == expected, || format!("{what}: {seen:?} instead of {expected:?}"))
}
