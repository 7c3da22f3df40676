//! One sequence: steps drawn from a seed, promises checked after each, then calm and an end for everybody.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use litebox_partner::clock::Clock;
use litebox_partner::grpc::convert::kkt_request;
use litebox_partner::kkt::model::{Kkt, QuickRegister};
use litebox_partner::kkt::ordering::Registered;
use litebox_partner::kkt::policy::WorkerConfig;
use litebox_partner::kkt::service::Service;
use litebox_partner::kkt::state::{DriveFate, Ending, Event};
use litebox_partner::kkt::worker::Worker;
use litebox_partner::pb::kkt as pb;
use litebox_partner::values::{DeviceId, FnSerial, KktId, KktSerial, RequestId};
use uuid::Uuid;

use super::dice::Dice;
use super::process::Process;
use super::repeats::Sent;
use super::stage::Stage;
use super::world::{Hub, Trouble, World};
use crate::documents::orders;

/// 23 November 2026, 13:12 in Moscow.
pub const START_MS: i64 = 1_795_428_720_000;
/// The names of the two devices at their hub.
const HUBS: [&str; 2] = ["left", "right"];

/// What was met, over many sequences.
#[derive(Debug, Default)]
pub struct Story {
    pub ends: BTreeMap<String, u64>,
    pub faults: BTreeMap<&'static str, u64>,
    pub blocks: BTreeMap<String, u64>,
    pub steps: u64,
    pub burns: u64,
    /// Calls that were sent again after they had been answered.
    pub repeats: u64,
}

impl Story {
    pub fn add(&mut self, other: Self) {
        let counts = [(&mut self.ends, other.ends), (&mut self.blocks, other.blocks)];
        for (mine, theirs) in counts {
            theirs.into_iter().for_each(|(name, count)| *mine.entry(name).or_default() += count);
        }
        other.faults.into_iter().for_each(|(name, count)| *self.faults.entry(name).or_default() += count);
        self.steps += other.steps;
        self.burns += other.burns;
        self.repeats += other.repeats;
    }
}

/// A register of the partner, and what has been done about it.
pub struct Slot {
    pub hub: &'static str,
    pub device: DeviceId,
    pub serial: KktSerial,
    pub fn_serial: FnSerial,
    pub calls: Vec<QuickRegister>,
    pub kkts: Vec<KktId>,
}

/// A worker, or a call, in the middle of its work.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

enum End {
    Done,
    Died,
    Asleep,
}

pub struct Run<'a> {
    pub stage: &'a Stage,
    pub world: Arc<World>,
    pub service: Service,
    worker: Worker,
    clock: Clock,
    pub dice: Dice,
    pub slots: [Slot; 2],
    asleep: Vec<Work>,
    /// Calls that changed a registration, or would have.
    pub sent: Vec<Sent>,
    pub revisions: BTreeMap<Uuid, i64>,
    /// Ended, with nothing left to free: read once and not again until the end.
    ended: BTreeMap<Uuid, Kkt>,
    /// What happened, for whoever reads a failure.
    trace: Vec<String>,
    pub story: Story,
}

/// Plays the sequence of this seed.
pub async fn sequence(stage: &Stage, seed: u64) -> Result<Story, String> {
    stage.forget().await;
    let mut run = Run::new(stage, seed);
    match run.play().await {
        Ok(()) => Ok(run.story),
        Err(why) => Err(format!("{why}\nafter:\n  {}", run.trace.join("\n  "))),
    }
}

impl<'a> Run<'a> {
    fn new(stage: &'a Stage, seed: u64) -> Self {
        let clock = Clock::fixed(START_MS);
        let world = World::new(seed ^ 0xA5A5, clock.clone());
        let slots = [0, 1].map(|at| {
            let number = stage.number();
            let serial = KktSerial::parse(&format!("00106100{number:06}")).unwrap();
            let fn_serial = FnSerial::parse(&format!("9999078900{number:06}")).unwrap();
            let hub = HUBS[at];
            world.lock().hubs.insert(hub.to_owned(), Hub::new(serial.clone(), fn_serial.clone()));
            Slot { hub, device: stage.devices[at], serial, fn_serial, calls: Vec::new(), kkts: Vec::new() }
        });
        let Process { service, worker, .. } =
            Process::start(stage, stage.db.clone(), &world, &clock, WorkerConfig::default());
        Self {
            stage,
            world,
            service,
            worker,
            clock,
            dice: Dice::new(seed),
            slots,
            asleep: Vec::new(),
            sent: Vec::new(),
            revisions: BTreeMap::new(),
            ended: BTreeMap::new(),
            trace: Vec::new(),
            story: Story::default(),
        }
    }

    async fn play(&mut self) -> Result<(), String> {
        for _ in 0..10 + self.dice.roll(20) {
            self.step().await;
            self.check().await?;
        }
        self.calm().await?;
        self.close().await
    }

    pub fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    /// Something happens.
    async fn step(&mut self) {
        let at = usize::try_from(self.dice.roll(2)).unwrap();
        self.story.steps += 1;
        match self.dice.roll(20) {
            0 | 1 => self.order(at).await,
            2 => self.order_again(at).await,
            3 => self.fiscalize(at).await,
            4 | 5 => self.somebody_calls(at).await,
            9 => self.somebody_burns(at).await,
            6 => self.device_changes(at),
            7 => self.hub_changes(at),
            8 => self.wake().await,
            10 => self.send_again().await,
            _ => self.tick().await,
        }
    }

    /// A new order for the register, which may hold one already; now and then with the other one's code.
    pub async fn order(&mut self, at: usize) {
        let code_of = if self.dice.percent(10) { 1 - at } else { at };
        let automatically = self.dice.percent(60);
        let slot = &self.slots[at];
        let pb::QuickRegisterRequest { equipment, .. } = pb::QuickRegisterRequest {
            equipment: orders::sale("АТОЛ 30Ф", slot.serial.as_str(), slot.fn_serial.as_str()),
            ..orders::company()
        };
        let code = format!("FD13M-{}-{}", self.slots[code_of].fn_serial.as_str(), self.slots[code_of].calls.len() / 3);
        let request = pb::QuickRegisterRequest {
            request_id: self.request_id(),
            client_id: self.stage.client.to_string(),
            equipment: equipment.map(|equipment| driven(equipment, self.slots[at].device)),
            ofd: Some(pb::Ofd { activation_code: code, ..orders::company().ofd.unwrap() }),
            fiscalize_automatically: automatically,
            ..orders::company()
        };
        let call = kkt_request::quick_register(request).unwrap();
        self.slots[at].calls.push(call.clone());
        self.send(at, call).await;
    }

    /// An order is sent once more, as after a lost answer: it must find what it has made.
    async fn order_again(&mut self, at: usize) {
        if let Some(call) = self.slots[at].calls.first().cloned() {
            self.send(at, call).await;
        }
    }

    async fn send(&mut self, at: usize, call: QuickRegister) {
        let answer = self.service.quick_register(self.stage.scope, call).await;
        let said = match &answer {
            Ok(Registered::Accepted(kkt)) => {
                let id = kkt.id;
                if !self.slots[at].kkts.contains(&id) {
                    self.slots[at].kkts.push(id);
                }
                format!("accepted {id}")
            }
            Ok(Registered::Valid(_)) => "valid".to_owned(),
            Err(failure) => format!("{failure:?}"),
        };
        self.note(format!("order for {}: {said}", self.slots[at].hub));
    }

    pub fn request_id(&mut self) -> String {
        Uuid::from_u128(u128::from(self.stage.number()) << 32 | u128::from(self.dice.roll(u64::from(u32::MAX))))
            .to_string()
    }

    pub fn new_request(&mut self) -> RequestId {
        RequestId::parse(&self.request_id()).unwrap()
    }

    fn device_changes(&mut self, at: usize) {
        let trouble = self.dice.percent(60).then(|| self.dice.pick(&Trouble::ALL));
        self.note(format!("{}: {trouble:?}", self.slots[at].hub));
        self.world.lock().hubs.get_mut(self.slots[at].hub).unwrap().trouble = trouble;
    }

    fn hub_changes(&mut self, at: usize) {
        let withdraws = self.dice.percent(50);
        let mut world = self.world.lock();
        let somebody_sleeps = world.asleep > 0;
        let hub = world.hubs.get_mut(self.slots[at].hub).unwrap();
        if withdraws {
            hub.somebody_withdraws()
        } else {
            hub.forget(somebody_sleeps)
        }
        drop(world);
        self.note(format!("{}: {}", self.slots[at].hub, if withdraws { "task withdrawn" } else { "hub forgets" }));
    }

    /// Time passes and the worker looks.
    async fn tick(&mut self) {
        self.clock.advance(60_000);
        self.stage.pass().await;
        let worker = self.worker.clone();
        let end = self
            .work(Box::pin(async move {
                worker.tick().await;
            }))
            .await;
        if end != "done" {
            self.note(format!("tick: {end}"));
        }
    }

    /// Works until it is done, the process dies, or it falls asleep in the middle.
    pub async fn work(&mut self, mut work: Work) -> &'static str {
        let world = Arc::clone(&self.world);
        let end = tokio::select! {
            biased;
            () = world.dies.notified() => End::Died,
            () = world.sleeps.notified() => End::Asleep,
            () = &mut work => End::Done,
        };
        match end {
            End::Done => "done",
            End::Died => "died",
            End::Asleep => {
                self.asleep.push(work);
                "fell asleep"
            }
        }
    }

    /// Everybody who sleeps goes on where they stopped, long after their lease has ended.
    async fn wake(&mut self) {
        let sleepers = std::mem::take(&mut self.asleep);
        for sleeper in sleepers {
            self.world.wakes.notify_waiters();
            let end = self.work(sleeper).await;
            self.note(format!("a sleeper: {end}"));
        }
    }

    pub async fn kkt(&mut self, id: KktId) -> Kkt {
        if let Some(kkt) = self.ended.get(&id.uuid()) {
            return kkt.clone();
        }
        let kkt = self.service.get(self.stage.scope, id).await.unwrap();
        if kkt.state.is_final() && kkt.next_attempt_ms.is_none() {
            self.ended.insert(id.uuid(), kkt.clone());
        }
        kkt
    }

    pub async fn open(&mut self, at: usize) -> Option<Kkt> {
        for id in self.slots[at].kkts.clone().into_iter().rev() {
            let kkt = self.kkt(id).await;
            if !kkt.state.is_final() {
                return Some(kkt);
            }
        }
        None
    }

    /// No more faults, everything mended, and people do what they are advised to do: everybody comes to an end.
    async fn calm(&mut self) -> Result<(), String> {
        self.note("calm");
        {
            let mut world = self.world.lock();
            world.wild = false;
            world.hubs.values_mut().for_each(|hub| hub.trouble = None);
        }
        self.wake().await;
        for _ in 0..40 {
            self.tick().await;
            self.check().await?;
            let mut open = Vec::new();
            for at in 0..self.slots.len() {
                open.extend(self.open(at).await.map(|kkt| (at, kkt)));
            }
            let mut busy = !open.is_empty();
            for (at, kkt) in open {
                self.do_as_advised(at, &kkt).await;
                self.check().await?;
            }
            for id in self.slots.each_ref().map(|slot| slot.kkts.clone()).concat() {
                busy |= self.kkt(id).await.next_attempt_ms.is_some();
            }
            if !busy {
                return Ok(());
            }
        }
        let mut left = Vec::new();
        for at in 0..self.slots.len() {
            let open = self.open(at).await.filter(|kkt| !support_ends(kkt));
            left.extend(open.map(|kkt| format!("{:?} {:?}", kkt.state.name(), kkt.block)));
        }
        if left.is_empty() { Ok(()) } else { Err(format!("no end: {left:?}")) }
    }
}

/// A typed report of a drive that somebody has burnt wrongly: nothing at the shop mends that, support says `not-burnt`.
fn support_ends(kkt: &Kkt) -> bool {
    let ending = Ending { application_id: None, rnm: None, held: None, connected: false, drive: DriveFate::InDoubt };
    let refused = kkt.block.as_ref().is_some_and(|block| block.reason == "FNS_REFUSED_REPORT");
    refused && kkt.state.after(Event::Disproved(ending)).is_ok()
}

pub fn driven(mut equipment: pb::Equipment, device: DeviceId) -> pb::Equipment {
    if let Some(pb::equipment::Kind::Sale(sale)) = &mut equipment.kind {
        sale.device_id = device.to_string();
    }
    equipment
}
