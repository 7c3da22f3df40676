//! Taking down what the outer systems are sent and answer, for the operator.

use std::future::Future;

use super::effects::{Claim, Command};
use super::worker::Worker;
use crate::gateways::transcript::{self, Entry};
use crate::storage::Db;
use crate::storage::documents::{Direction, Owner, Paper, Sealed};
use crate::storage::vault::Vault;
use crate::values::EffectId;

/// Keeps what calls to outer systems bring, outside the worker's steps.
#[derive(Clone)]
pub struct Papers {
    db: Db,
    vault: Vault,
}

impl Papers {
    /// Kept in this database under these keys.
    pub const fn new(db: Db, vault: Vault) -> Self {
        Self { db, vault }
    }

    /// Speaks to the outside and keeps what was said, in a unit of work of its own. What cannot be kept is missed by
    /// the operator and by nobody else, so that is no error.
    pub async fn keeping<T>(&self, owner: Owner, speak: impl Future<Output = T>) -> T {
        let (output, mut said) = recorded(speak).await;
        // Questions tell nothing that their answers do not, and would be kept without end.
        said.retain(|paper| paper.direction != Direction::Sent);
        if let Err(error) = self.db.keep_documents(&self.vault, owner, &said).await {
            tracing::warn!(kkt = %owner.kkt, %error, "what an outer system was told and answered could not be kept");
        }
        output
    }
}

impl Worker {
    /// What a command will send, to be kept with its intent.
    pub(super) fn sent(&self, claim: &Claim, command: Command, generation: u32, bytes: Vec<u8>) -> Option<Sealed> {
        let paper = Paper {
            gateway: command.gateway(),
            operation: command.name().to_owned(),
            direction: Direction::Sent,
            effect: Some(claim.effect_id(command, generation)),
            bytes,
        };
        self.vault.seal(claim.owner(), &paper)
    }

    /// What was answered, to be kept with what came of it. What was sent stands with the intents, and questions tell
    /// nothing that their answers do not.
    pub(super) fn sealed(&self, claim: &Claim, said: Vec<Paper>, effect: Option<EffectId>) -> Vec<Sealed> {
        let answers = said.into_iter().filter(|paper| paper.direction != Direction::Sent);
        answers.filter_map(|paper| self.vault.seal(claim.owner(), &Paper { effect, ..paper })).collect()
    }
}

/// Runs a step and takes down what was said meanwhile.
pub(super) async fn recorded<T>(step: impl Future<Output = T>) -> (T, Vec<Paper>) {
    let (output, said) = transcript::record(step).await;
    (output, said.into_iter().map(paper).collect())
}

fn paper(said: Entry) -> Paper {
    let direction = match said.direction {
        transcript::Direction::Sent => Direction::Sent,
        transcript::Direction::Received => Direction::Received,
        transcript::Direction::Failed => Direction::Failed,
    };
    Paper { gateway: said.gateway, operation: said.operation, direction, effect: None, bytes: said.bytes }
}
