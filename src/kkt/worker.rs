//! The worker: takes registrations that are due, drives them step by step and writes down what came of it.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, field};

use super::advice;
use super::application::{self, Incomplete};
use super::drive::Verdict;
use super::effects::{Claim, Command, GoesOn, Record, Standing};
use super::model::Block;
use super::papers::recorded;
use super::policy::{Failing, Tells, WorkerConfig};
use super::rows;
use super::seeing::address;
use super::signal::Signal;
use super::state::{Event, Name};
use super::store::{Change, Store};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::gateways::device::DeviceAddress;
use crate::gateways::fns::SignedDocument;
use crate::gateways::{Gateway, Gateways, Setback, SetbackKind, World};
use crate::metrics::Meters;
use crate::partners;
use crate::storage::crossing::work::{Turn, taken_over};
use crate::storage::documents::Paper;
use crate::storage::vault::Vault;
use crate::storage::{StoreError, entity::kkt};
use crate::telemetry::traces::{self, traced};
use crate::values::{EffectId, KktId, PartnerId, PartnerScope};

/// The states that this program knows. In the last of the path there is nothing to do, but one that was not given back
/// after the move to it still is.
pub const DRIVEN: [Name; 11] = [
    Name::Reserving,
    Name::Submitting,
    Name::AwaitingRnm,
    Name::ConnectingOfd,
    Name::ReadyToFiscalize,
    Name::Fiscalizing,
    Name::Reporting,
    Name::AwaitingCard,
    Name::Registered,
    Name::Rejected,
    Name::Cancelled,
];

/// Drives registrations. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    /// Registrations.
    pub store: Store,
    /// The outside.
    pub gateways: Gateways,
    /// Reference data.
    pub catalogue: Arc<Catalogue>,
    /// Time.
    pub clock: Clock,
    /// Patience.
    pub config: WorkerConfig,
    /// Live or test: decides which FN are good.
    pub world: World,
    /// Format of the application.
    pub format: application::Format,
    /// Wakes the worker, and the streams that watch.
    pub signal: Signal,
    /// Encrypts what is kept of the exchange with the outside.
    pub vault: Vault,
    /// Counts what was taken over.
    pub meters: Meters,
}

/// A move, and the claim after it.
struct Move {
    change: Change,
    next: Claim,
}

/// How long a worker stays with one registration.
struct Stretch<'a> {
    stop: &'a CancellationToken,
    until_ms: i64,
}

impl Stretch<'_> {
    fn is_over(&self, clock: &Clock) -> bool {
        self.stop.is_cancelled() || clock.now_ms() >= self.until_ms
    }
}

/// When a blocked registration is looked at again.
struct Wait {
    /// Milliseconds; absent when only a call goes on.
    retry_ms: Option<i64>,
    /// How often in a row an outer system has not answered.
    failing: Failing,
}

impl Worker {
    /// Works until `stop`, then ends the steps under way and hands the rest back: another replica goes on at once. A step that is
    /// dropped before its end keeps its lease until that runs out, because its command may be under way.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.config.concurrency as usize));
        let mut running = JoinSet::new();
        let freed = Arc::new(Notify::new());
        let (mut wake, mut turn) = (self.signal.listen(), Turn::default());
        while !stop.is_cancelled() {
            wake.mark_unchanged();
            let free = slots.available_permits().min(64);
            let claims = self.claim(free, &mut turn).await;
            if claims.is_empty() {
                let idle = Duration::from_millis(self.config.idle_poll_ms);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = freed.notified() => {}
                    _ = timeout(idle, wake.changed()) => {}
                }
            }
            for claim in claims {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                let (worker, stop, freed) = (self.clone(), stop.clone(), Arc::clone(&freed));
                running.spawn(async move {
                    worker.drive(claim, &stop).await;
                    drop(slot);
                    freed.notify_one();
                });
            }
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    /// Drives what is due now, one after the other, until each waits for something; answers how many that were. What `run`
    /// does over and over, for tests that step.
    pub async fn tick(&self) -> usize {
        let claims = self.claim(64, &mut Turn::default()).await;
        let (count, stop) = (claims.len(), CancellationToken::new());
        for claim in claims {
            self.drive(claim, &stop).await;
        }
        count
    }

    async fn claim(&self, free: usize, turn: &mut Turn) -> Vec<Claim> {
        if free == 0 {
            return Vec::new();
        }
        let states = DRIVEN.map(Name::as_str);
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        match self.store.db.claim_due_kkt(&states, limit, self.config.lease_ms, turn).await {
            Ok(rows) => {
                self.meters.taken_over(rows.iter().map(|row| u64::from(taken_over(row))).sum());
                rows.into_iter().filter_map(claimed).collect()
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for due registrations");
                Vec::new()
            }
        }
    }

    /// Goes on until the registration waits for something, its turn is over, the claim is lost, or the process stops.
    async fn drive(&self, mut claim: Claim, stop: &CancellationToken) {
        let stretch = Stretch { stop, until_ms: self.clock.now_ms().saturating_add(self.config.turn_ms) };
        if stop.is_cancelled() {
            return self.hand_back(&claim, 0).await;
        }
        loop {
            match self.one(&claim, &stretch).await {
                Ok(Some(next)) => claim = next,
                Ok(None) => return,
                Err(StoreError::Contention) => {
                    tracing::info!(kkt = %claim.kkt.id, "the registration changed meanwhile; whoever changed it goes on");
                    self.hand_back(&claim, self.config.backoff(claim.attempt)).await;
                    return;
                }
                Err(error) => {
                    tracing::warn!(kkt = %claim.kkt.id, %error, "a step could not be written");
                    self.hand_back(&claim, self.config.backoff(claim.attempt)).await;
                    return;
                }
            }
        }
    }

    /// One step and its record. The next claim when it goes on at once.
    async fn one(&self, claim: &Claim, stretch: &Stretch<'_>) -> Result<Option<Claim>, StoreError> {
        let state = claim.kkt.state.name().as_str();
        let span = traced!(
            "internal",
            "step",
            "litebox.kkt.id" = field::display(claim.kkt.id),
            "litebox.kkt.state" = state,
            "litebox.kkt.attempt" = claim.attempt
        );
        let step = async {
            traces::link(claim.kkt.origin.as_deref());
            self.step_and_record(claim, stretch).await
        };
        step.instrument(span).await
    }

    async fn step_and_record(&self, claim: &Claim, stretch: &Stretch<'_>) -> Result<Option<Claim>, StoreError> {
        // What is intended already its gateway turns away by itself, and it is known then that it was not sent.
        let (verdict, answers) = match self.rests(claim).filter(|_| claim.intended.is_none()) {
            Some(rest) => (Ok(Verdict::Setback(rest)), Vec::new()),
            None => recorded(Box::pin(self.step(claim))).await,
        };
        let verdict = match verdict {
            Err(StoreError::Stopped(gateway)) => self.stopped(gateway),
            Ok(Verdict::Setback(setback)) if setback.kind == SetbackKind::Stopped => self.stopped(setback.gateway),
            verdict => verdict?,
        };
        match verdict {
            Verdict::Go { event, outcome, detail } => {
                let made = moved(claim, event, outcome.map(|(id, _)| id), detail)?;
                self.go(claim, made, outcome, answers, stretch).await
            }
            Verdict::Blocked { block, outcome, retry_ms } => {
                let wait = Wait { retry_ms, failing: Failing::NOT };
                self.block(claim, block, outcome, wait, answers).await.map(|()| None)
            }
            Verdict::UnderWay { after_ms } => self.store.postpone(claim, after_ms, Failing::NOT).await.map(|()| None),
            Verdict::Later { after_ms } => self.go_on(claim, after_ms, answers).await.map(|()| None),
            Verdict::Setback(setback) => self.setback(claim, &setback, answers).await.map(|()| None),
            Verdict::Rest => self.store.rest(claim).await.map(|()| None),
        }
    }

    /// An operator has stopped the gateway; starting it makes the registration due at once.
    fn stopped(&self, gateway: Gateway) -> Verdict {
        let retry_ms = Some(self.config.backoff_limit_ms);
        Verdict::Blocked { block: advice::stopped(gateway), outcome: None, retry_ms }
    }

    /// Moves on, and goes on unless it is at rest or its stretch is over: then it is given back in the same commit.
    async fn go(
        &self,
        claim: &Claim,
        Move { change, mut next }: Move,
        outcome: Option<(EffectId, Standing)>,
        answers: Vec<Paper>,
        stretch: &Stretch<'_>,
    ) -> Result<Option<Claim>, StoreError> {
        let goes_on = change.due_in_ms.is_some() && !stretch.is_over(&self.clock);
        let on = goes_on.then(|| GoesOn { lease_ms: self.config.lease_ms, follows: self.follows(&next) });
        next.intended = self.advance(claim, change, outcome, answers, on).await?;
        Ok(goes_on.then_some(next))
    }

    /// Answered, and nothing new: what it was said to wait for is over.
    async fn go_on(&self, claim: &Claim, after_ms: i64, answers: Vec<Paper>) -> Result<(), StoreError> {
        if claim.kkt.block.is_none() {
            return self.store.postpone(claim, after_ms, Failing::NOT).await;
        }
        let change = Change {
            state: claim.kkt.state.clone(),
            block: None,
            due_in_ms: Some(after_ms.max(1)),
            failing: Failing::NOT,
            actor: "worker",
            effect: None,
            detail: "GOES_ON".to_owned(),
            corrected: None,
        };
        self.advance(claim, change, None, answers, None).await.map(drop)
    }

    /// Writes down why it waits; says nothing new when the same reason stands there already.
    async fn block(
        &self,
        claim: &Claim,
        block: Block,
        outcome: Option<(EffectId, Standing)>,
        wait: Wait,
        answers: Vec<Paper>,
    ) -> Result<(), StoreError> {
        if let Some(retry_ms) = wait.retry_ms
            && claim.kkt.block.as_ref() == Some(&block)
        {
            if let Some((id, to)) = outcome {
                self.store.settle(claim, id, to, self.clock.now_ms()).await?;
            }
            return self.store.postpone(claim, retry_ms, wait.failing).await;
        }
        let change = Change {
            state: claim.kkt.state.clone(),
            detail: block.reason.clone(),
            block: Some(block),
            due_in_ms: wait.retry_ms,
            failing: wait.failing,
            actor: "worker",
            effect: outcome.map(|(id, _)| id),
            corrected: None,
        };
        self.advance(claim, change, outcome, answers, None).await.map(drop)
    }

    /// Writes a change with the answers behind it and with the intent that follows. Answers that change nothing are not kept.
    async fn advance(
        &self,
        claim: &Claim,
        change: Change,
        outcome: Option<(EffectId, Standing)>,
        answers: Vec<Paper>,
        goes_on: Option<GoesOn>,
    ) -> Result<Option<EffectId>, StoreError> {
        let answers = self.sealed(claim, answers, outcome.map(|(id, _)| id));
        let record = Record { change, outcome, answers, goes_on };
        let intended = self.store.advance(claim, record, self.clock.now_ms()).await?;
        self.signal.raise();
        Ok(intended)
    }

    async fn setback(&self, claim: &Claim, setback: &Setback, answers: Vec<Paper>) -> Result<(), StoreError> {
        let (config, now_ms) = (&self.config, self.clock.now_ms());
        let resting = setback.kind == SetbackKind::Resting;
        let failing = if resting { claim.failing.since(now_ms) } else { claim.failing.again(now_ms) };
        let asked = setback.retry_after.and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0);
        let after_ms = match resting {
            true => spread(asked, claim.kkt.id),
            false => config.after_failure(failing, now_ms).max(asked.min(config.backoff_limit_ms)),
        };
        if !resting {
            tracing::warn!(kkt = %claim.kkt.id, state = claim.kkt.state.name().as_str(), %setback, "will try again");
        }
        let block = match config.tells(setback.kind, failing, now_ms) {
            Tells::Nothing => return self.store.postpone(claim, after_ms, failing).await,
            Tells::System => advice::unavailable(setback),
            Tells::Operator => advice::needs_support(setback.gateway),
        };
        self.block(claim, block, None, Wait { retry_ms: Some(after_ms), failing }, answers).await
    }

    /// Where the device of the claimed registration answers, while it is assigned to its partner.
    pub(super) async fn device_of(&self, claim: &Claim) -> Result<Option<DeviceAddress>, StoreError> {
        let Some(id) = claim.kkt.facts.register.device_id else { return Ok(None) };
        let device = partners::store::device(&self.store.db, claim.scope, id).await?;
        Ok(device.as_ref().map(address))
    }

    /// The application of the claimed registration. Its file name does not change with the generation of the effect: it
    /// is the same document.
    pub(super) fn application(&self, claim: &Claim) -> Result<SignedDocument, Incomplete> {
        let kkt = &claim.kkt;
        let first = EffectId::derive(claim.scope.partner(), kkt.request_id, Command::SubmitApplication.name(), 0);
        let built = application::build(&kkt.spec, &kkt.facts, &self.catalogue, first, &self.format)?;
        let certificate_id = kkt.spec.signer.certificate_id.clone();
        Ok(SignedDocument { file_id: built.file_id, xml: built.xml, certificate_id })
    }

    async fn hand_back(&self, claim: &Claim, after_ms: i64) {
        if let Err(error) = self.store.postpone(claim, after_ms, claim.failing).await {
            // The lease ends by itself.
            tracing::warn!(kkt = %claim.kkt.id, %error, "cannot hand a registration back");
        }
    }
}

/// Where nothing is left to do it is at rest. An end with nothing left to free must be: nobody claims it, so nobody would clear its
/// due time.
fn moved(claim: &Claim, event: Event, effect: Option<EffectId>, detail: &str) -> Result<Move, StoreError> {
    let Ok(state) = claim.kkt.state.after(event) else {
        return Err(StoreError::Other(format!("{detail} has no place in {}", claim.kkt.state.name().as_str())));
    };
    let rests = claim.kkt.awaits_call(&state) || state.is_final() && state.held().is_none();
    let change = Change { due_in_ms: (!rests).then_some(0), effect, ..Change::asked("worker", state.clone(), detail) };
    let mut next = Claim { attempt: 1, failing: Failing::NOT, ..claim.clone() };
    next.kkt.state = state;
    next.kkt.block = None;
    next.kkt.revision += 1;
    Ok(Move { change, next })
}

/// After a rest they do not all come back at once.
fn spread(rest_ms: i64, id: KktId) -> i64 {
    let share = id.uuid().as_u128() % u128::try_from(rest_ms.max(1)).unwrap_or(1);
    rest_ms.saturating_add(i64::try_from(share).unwrap_or(0)).max(1)
}

fn claimed(row: kkt::Model) -> Option<Claim> {
    let scope = PartnerScope::new(PartnerId::new(row.partner_id));
    let (fence, attempt, failing) = (row.fence, row.attempts, rows::failing(&row));
    match rows::read(row) {
        Ok(kkt) => Some(Claim { scope, kkt, fence, attempt, failing, intended: None }),
        Err(error) => {
            // Its lease keeps it from being tried at full speed; an operator has to mend it.
            tracing::error!(%error, "a registration cannot be read");
            None
        }
    }
}
