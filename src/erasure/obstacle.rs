//! Why a client cannot be erased now.

use crate::clients::model::StateName;
use crate::kkt::state::{DriveFate, State};
use crate::storage::crossing::erasure::Held;
use crate::values::{ClientId, KktId};

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// It is in use.
    #[error(
        "the client is {state}: an ABANDONED one is erased, and with --removed an ACTIVE one whose account has been removed"
    )]
    InUse {
        /// Its state.
        state: String,
    },
    /// A registration goes on.
    #[error("registration {kkt} is {state}: it has not ended")]
    GoesOn {
        /// Which.
        kkt: KktId,
        /// Its state.
        state: String,
    },
    /// An ended registration has something to give back.
    #[error("registration {kkt} still holds an activation code: wait, or `kkt release`")]
    HoldsCode {
        /// Which.
        kkt: KktId,
    },
    /// Whether its drive was burnt is not known: once erased, nobody could free it any more.
    #[error("registration {kkt}: whether its drive was burnt is in doubt: settle that with `kkt release` first")]
    DriveInDoubt {
        /// Which.
        kkt: KktId,
    },
    /// Nobody knows yet whether a command had an effect.
    #[error("registration {kkt}: what became of {step} is unclear")]
    Unclear {
        /// Which.
        kkt: KktId,
        /// The step.
        step: String,
    },
    /// A worker has the client.
    #[error("the client {client} is being worked on: try again in a minute")]
    ClientAtWork {
        /// Which.
        client: ClientId,
    },
    /// A worker or a call has a registration.
    #[error("registration {kkt} is being worked on: try again in a minute")]
    AtWork {
        /// Which.
        kkt: KktId,
    },
}

/// Everything that stands in the way. `removed`: the operator says that the account has been removed.
pub fn obstacles(held: &Held, removed: bool) -> Vec<Obstacle> {
    let client = &held.client;
    let erasable =
        client.state == StateName::Abandoned.as_str() || (removed && client.state == StateName::Active.as_str());
    let mut found = Vec::new();
    if !erasable {
        found.push(Obstacle::InUse { state: client.state.clone() });
    }
    if client.lease_until_ms > held.now_ms {
        found.push(Obstacle::ClientAtWork { client: ClientId::new(client.id) });
    }
    for row in &held.kkts {
        let kkt = KktId::new(row.id);
        match serde_json::from_str::<State>(&row.state_data) {
            Ok(state) if !state.is_final() => found.push(Obstacle::GoesOn { kkt, state: row.state.clone() }),
            Ok(state) if state.held().is_some() => found.push(Obstacle::HoldsCode { kkt }),
            Ok(State::Cancelled(ending)) if ending.drive == DriveFate::InDoubt => {
                found.push(Obstacle::DriveInDoubt { kkt })
            }
            Ok(_) => {}
            // A state of a newer program: nobody here can say that it has ended.
            Err(_) => found.push(Obstacle::GoesOn { kkt, state: row.state.clone() }),
        }
        if row.lease_until_ms > held.now_ms {
            found.push(Obstacle::AtWork { kkt });
        }
    }
    found.extend(
        held.unclear
            .iter()
            .map(|effect| Obstacle::Unclear { kkt: KktId::new(effect.kkt_id), step: effect.step.clone() }),
    );
    found
}
