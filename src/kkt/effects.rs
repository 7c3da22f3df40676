//! What the worker writes: leases and outcomes; intents are in `intents`. Intent committed, then the call, then the outcome committed
//! together with the move and perhaps with the next intent, each under the fence of the claim.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::intents::follow;
use super::model::Kkt;
use super::policy::Failing;
use super::store::{At, Change, Store, write};
#[cfg(feature = "chaos")]
use crate::chaos::{Broken, Side};
use crate::gateways::Gateway;
use crate::storage::documents::{self, Owner, Sealed};
use crate::storage::entity::{effect, kkt};
use crate::storage::{StoreError, Tx, in_ms, of_partner};
use crate::values::{EffectId, PartnerScope};

/// A registration that this worker may drive until its lease ends.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose it is.
    pub scope: PartnerScope,
    /// As it stood when it was claimed or last written.
    pub kkt: Kkt,
    /// Nobody with another fence may write.
    pub fence: i64,
    /// Which attempt in this state, from 1.
    pub attempt: i32,
    /// How often in a row an outer system has not answered.
    pub failing: Failing,
    /// What was intended with the last move: nobody has sent it yet, and nobody else will.
    pub intended: Option<EffectId>,
}

impl Claim {
    /// Whose the documents of this claim are.
    pub const fn owner(&self) -> Owner {
        Owner { scope: self.scope, kkt: self.kkt.id }
    }

    /// The effect of a generation of a step.
    pub fn effect_id(&self, command: Command, generation: u32) -> EffectId {
        EffectId::derive(self.scope.partner(), self.kkt.request_id, command.name(), generation)
    }
}

/// The one-way steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Hold the activation code.
    ReserveCode,
    /// File the application.
    SubmitApplication,
    /// Connect to the operator.
    Connect,
    /// Burn the FN.
    Burn,
    /// File the report.
    SubmitReport,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::ReserveCode, Self::SubmitApplication, Self::Connect, Self::Burn, Self::SubmitReport];

    /// Name in the database; part of the effect id, so it never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReserveCode => "RESERVE_CODE",
            Self::SubmitApplication => "SUBMIT_APPLICATION",
            Self::Connect => "CONNECT",
            Self::Burn => "BURN",
            Self::SubmitReport => "SUBMIT_REPORT",
        }
    }

    /// Whose stop switch holds it back.
    pub const fn gateway(self) -> Gateway {
        match self {
            Self::ReserveCode | Self::Connect => Gateway::Ofd,
            Self::SubmitApplication | Self::SubmitReport => Gateway::Fns,
            Self::Burn => Gateway::Device,
        }
    }
}

/// What a step came to, as it is written in one commit.
pub struct Record {
    /// The change.
    pub change: Change,
    /// What became of the effect behind it.
    pub outcome: Option<(EffectId, Standing)>,
    /// The answers that told it.
    pub answers: Vec<Sealed>,
    /// Absent where the claim ends with it.
    pub goes_on: Option<GoesOn>,
}

/// How a worker goes on at once.
pub struct GoesOn {
    /// How long the claim holds from now, milliseconds.
    pub lease_ms: i64,
    /// The command that comes next, when it may be intended at once.
    pub follows: Option<Intent>,
}

/// A command that is about to be sent.
pub struct Intent {
    /// Which step.
    pub command: Command,
    /// Starts at 0; rises only after the former one is proven refused or void.
    pub generation: u32,
    /// What is sent, for the operator.
    pub sent: Option<Sealed>,
}

/// An effect as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Its id.
    pub id: EffectId,
    /// Starts at 0; rises only after the former one is proven refused or void.
    pub generation: u32,
    /// What is known of it.
    pub standing: Standing,
}

/// What is known of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May have been sent: only asking tells.
    Intended,
    /// Certainly not received: may be sent under the same id.
    Unsent,
    /// Happened.
    Done,
    /// Refused by the receiver; no effect.
    Refused,
    /// Void for ever.
    Void,
}

impl Standing {
    const ALL: [Self; 5] = [Self::Intended, Self::Unsent, Self::Done, Self::Refused, Self::Void];

    /// Name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intended => "INTENDED",
            Self::Unsent => "UNSENT",
            Self::Done => "DONE",
            Self::Refused => "REFUSED",
            Self::Void => "VOID",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == text)
    }
}

impl Store {
    /// The latest effect of a step.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer or the row is corrupt.
    pub async fn effect(&self, claim: &Claim, command: Command) -> Result<Option<Effect>, StoreError> {
        let row = effect::Entity::find()
            .filter(of_partner(effect::Column::PartnerId, claim.scope))
            .filter(effect::Column::KktId.eq(claim.kkt.id.uuid()))
            .filter(effect::Column::Step.eq(command.name()))
            .order_by_desc(effect::Column::Generation)
            .one(self.db.direct())
            .await?;
        row.map(read).transpose()
    }

    /// Whether a command may be sent that is no new intent: one that is sent again under its id, or one that is harmless
    /// to repeat.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when an operator has stopped the gateway.
    pub async fn allowed(&self, gateway: Gateway) -> Result<(), StoreError> {
        self.db.allowed(gateway).await
    }

    /// Commits what became of a command, without a move: `Unsent`, `Refused` or `Void`.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the claim has been lost or the effect is settled already.
    pub async fn settle(&self, claim: &Claim, id: EffectId, to: Standing, now_ms: i64) -> Result<(), StoreError> {
        let (held, db_now) = (claim.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    hold(tx, &held, db_now, 0).await?;
                    settle(tx, held.scope, id, to, now_ms).await
                })
            })
            .await
    }

    /// Commits a change of the claimed registration, together with what became of its effect, with the answers that told it,
    /// and with the intent of what follows, where nothing is in the way of that. Answers the effect that is intended.
    ///
    /// # Errors
    /// [`StoreError::Contention`] when the claim has been lost or the effect is settled already: nothing is written.
    pub async fn advance(&self, claim: &Claim, record: Record, now_ms: i64) -> Result<Option<EffectId>, StoreError> {
        #[cfg(feature = "chaos")]
        if self.db.broken() == Some(Broken::NoCompareAndSet) {
            return self.advance_unchecked(claim, record, now_ms).await.map(|()| None);
        }
        let Record { change, outcome, answers, goes_on } = record;
        let (lease_ms, follows) = goes_on.map_or((0, None), |GoesOn { lease_ms, follows }| (lease_ms, follows));
        let (claim, db_now) = (claim.clone(), self.db.now_sql());
        self.db
            .unit(move |tx| {
                Box::pin(async move {
                    let at = At { now_ms, db_now, attempt: claim.attempt, lease_ms };
                    write(tx, claim.scope, &claim.kkt, &change, at, Some(claim.fence)).await?;
                    documents::keep(tx, claim.owner(), answers).await?;
                    if let Some((id, to)) = outcome {
                        settle(tx, claim.scope, id, to, now_ms).await?;
                    }
                    match follows {
                        Some(intent) => follow(tx, &claim, intent, now_ms).await,
                        None => Ok(None),
                    }
                })
            })
            .await
    }

    /// Gives the claim back until a call comes.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer. A lost claim is no error: somebody else drives it.
    pub async fn rest(&self, claim: &Claim) -> Result<(), StoreError> {
        self.give_back(claim, Expr::cust("NULL"), Failing::NOT).await
    }

    /// Gives the claim back; the worker looks again in `due_in_ms`. Without a trace in the history: nothing happened.
    /// `failing` is what the next attempt counts on from.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer. A lost claim is no error: somebody else drives it.
    pub async fn postpone(&self, claim: &Claim, due_in_ms: i64, failing: Failing) -> Result<(), StoreError> {
        self.give_back(claim, in_ms(self.db.now_sql(), due_in_ms), failing).await
    }

    /// Under the revision too: a call that came meanwhile has set a due time of its own.
    async fn give_back(&self, claim: &Claim, due: Expr, failing: Failing) -> Result<(), StoreError> {
        #[cfg(feature = "chaos")]
        self.db.reach("give_back", Side::Before).await?;
        kkt::Entity::update_many()
            .col_expr(kkt::Column::DueMs, due)
            .col_expr(kkt::Column::Failures, Expr::val(failing.times))
            .col_expr(kkt::Column::FailingSinceMs, Expr::val(failing.since_ms))
            .col_expr(kkt::Column::LeaseUntilMs, Expr::val(0_i64))
            .filter(of_partner(kkt::Column::PartnerId, claim.scope))
            .filter(kkt::Column::Id.eq(claim.kkt.id.uuid()))
            .filter(kkt::Column::Fence.eq(claim.fence))
            .filter(kkt::Column::Revision.eq(claim.kkt.revision))
            .exec(self.db.direct())
            .await?;
        #[cfg(feature = "chaos")]
        self.db.reach("give_back", Side::After).await?;
        Ok(())
    }
}

/// Proves that the claim still holds, and extends its lease to `lease_ms` from now when that is not 0.
pub(super) async fn hold(tx: &Tx, claim: &Claim, db_now: &'static str, lease_ms: i64) -> Result<(), StoreError> {
    let lease = match lease_ms {
        0 => Expr::col(kkt::Column::LeaseUntilMs),
        ms => in_ms(db_now, ms),
    };
    let update = kkt::Entity::update_many()
        .col_expr(kkt::Column::LeaseUntilMs, lease)
        .filter(of_partner(kkt::Column::PartnerId, claim.scope))
        .filter(kkt::Column::Id.eq(claim.kkt.id.uuid()))
        .filter(kkt::Column::Fence.eq(claim.fence))
        .filter(kkt::Column::Revision.eq(claim.kkt.revision));
    if update.exec(tx).await?.rows_affected == 1 { Ok(()) } else { Err(StoreError::Contention) }
}

/// Settles an effect that was intended, or undoes one that was done: a code given back, a report refused after review.
pub(super) async fn settle(
    tx: &Tx,
    scope: PartnerScope,
    id: EffectId,
    to: Standing,
    now_ms: i64,
) -> Result<(), StoreError> {
    let undone = matches!(to, Standing::Refused | Standing::Void).then_some(Standing::Done);
    let from = [Some(Standing::Intended), undone];
    settle_from(tx, scope, id, from.into_iter().flatten(), (to, now_ms)).await
}

/// Settles an effect that stands so.
///
/// # Errors
/// [`StoreError::Contention`] when it does not.
pub(super) async fn settle_from(
    tx: &Tx,
    scope: PartnerScope,
    id: EffectId,
    from: impl IntoIterator<Item = Standing>,
    (to, now_ms): (Standing, i64),
) -> Result<(), StoreError> {
    let update = effect::Entity::update_many()
        .col_expr(effect::Column::State, Expr::val(to.name()))
        .col_expr(effect::Column::SettledMs, Expr::val(now_ms))
        .filter(of_partner(effect::Column::PartnerId, scope))
        .filter(effect::Column::Id.eq(id.uuid()))
        .filter(effect::Column::State.is_in(from.into_iter().map(Standing::name)));
    if update.exec(tx).await?.rows_affected == 1 { Ok(()) } else { Err(StoreError::Contention) }
}

pub(super) fn read(row: effect::Model) -> Result<Effect, StoreError> {
    let id = EffectId::new(row.id);
    let corrupt = |what: &str| StoreError::Corrupt { table: "effect", what: format!("{what} of {id}") };
    Ok(Effect {
        id,
        generation: u32::try_from(row.generation).map_err(|_| corrupt("generation"))?,
        standing: Standing::parse(&row.state).ok_or_else(|| corrupt("state"))?,
    })
}
