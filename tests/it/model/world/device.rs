//! The hubs and the cash registers behind them: queues, fiscal drives, whatever may be wrong with a device.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use litebox_partner::clock::from_ms;
use litebox_partner::gateways::device::{
    Device as Gate, DeviceAddress, DriverError, FiscalReport, FnPhase, Inquiry, Inspection, Posted, RegistrationInFn,
    Shift, TaskResult, VoidedTask, Withdrawn,
};
use litebox_partner::gateways::{Gateway, Outcome, Setback};
use litebox_partner::values::{EffectId, FiscalSign, FnSerial, Inn, KktSerial, Rnm};
use serde_json::Value;
use time::UtcOffset;
use time::macros::format_description;

use super::ledger::Kind;
use super::{State, World};

const BURN: &str = "BURN";

/// What may be wrong with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    NoPaper,
    CoverOpen,
    ShiftOpen,
    WrongClock,
    Offline,
    /// Another KKT or another FN is connected.
    Other,
}

impl Trouble {
    pub const ALL: [Self; 6] =
        [Self::NoPaper, Self::CoverOpen, Self::ShiftOpen, Self::WrongClock, Self::Offline, Self::Other];

    const fn code(self) -> u32 {
        match self {
            Self::NoPaper => 44,
            Self::CoverOpen => 45,
            Self::ShiftOpen => 83,
            Self::WrongClock => 122,
            Self::Offline => 2,
            Self::Other => 113,
        }
    }
}

/// How a task stands at the hub.
#[derive(Debug, Clone, PartialEq)]
enum Task {
    Waiting(Value),
    /// The link broke in the middle; the drive knows whether it was burnt.
    Blocked,
    Ready,
    Failed(u32),
    Cancelled,
    Voided,
}

/// A hub with its one device.
pub struct Hub {
    serial: KktSerial,
    fn_serial: FnSerial,
    /// What the drive holds, and the task that burnt it; none for a burn by hand.
    burnt: Option<(FiscalReport, Inn, Option<String>)>,
    burns: u32,
    pub trouble: Option<Trouble>,
    /// The drive is broken for good.
    pub broken: bool,
    tasks: BTreeMap<String, Task>,
    /// The registration that has this device is cancelled: nothing may be burnt any more.
    pub closed: bool,
}

impl Hub {
    /// A hub with a new device and an unburnt drive.
    pub fn new(serial: KktSerial, fn_serial: FnSerial) -> Self {
        Self {
            serial,
            fn_serial,
            burnt: None,
            burns: 0,
            trouble: None,
            broken: false,
            tasks: BTreeMap::new(),
            closed: false,
        }
    }

    /// The report in the drive of this number.
    pub fn burnt_report(&self, fn_serial: &str) -> Option<&FiscalReport> {
        self.burnt.as_ref().map(|(report, ..)| report).filter(|_| self.fn_serial.as_str() == fn_serial)
    }

    /// Something has been burnt into the drive.
    pub const fn is_burnt(&self) -> bool {
        self.burns > 0
    }

    /// How often something has been burnt into the drive.
    pub const fn burns(&self) -> u32 {
        self.burns
    }

    /// A person makes the report at the device, with these numbers.
    pub fn burn_by_hand(&mut self, rnm: Rnm, inn: Inn) -> Option<FiscalReport> {
        if self.is_burnt() || self.broken {
            return None;
        }
        self.burn(rnm, inn, None);
        self.burnt.as_ref().map(|(report, ..)| report.clone())
    }

    fn burn(&mut self, rnm: Rnm, inn: Inn, task: Option<String>) {
        self.burns += 1;
        let report = FiscalReport {
            rnm,
            fn_serial: self.fn_serial.clone(),
            fd_number: 1,
            local_time: "2026-11-23T13:12:00".into(),
            fiscal_sign: FiscalSign::parse(&format!("{}", 1_000_000 + self.burns)).unwrap(),
        };
        self.burnt = Some((report, inn, task));
    }

    /// Somebody at the hub takes a waiting task out of its queue.
    pub fn somebody_withdraws(&mut self) {
        for task in self.tasks.values_mut().filter(|task| matches!(task, Task::Waiting(_))) {
            *task = Task::Cancelled;
        }
    }

    /// The hub loses all that has ended. What ended unburnt it keeps while somebody sleeps who may still post it: that a
    /// hub forgets more slowly than anybody sleeps is all that stands in the way of such a task.
    pub fn forget(&mut self, somebody_sleeps: bool) {
        self.tasks.retain(|_, task| match task {
            Task::Waiting(_) | Task::Blocked | Task::Voided => true,
            Task::Failed(_) | Task::Cancelled => somebody_sleeps,
            Task::Ready => false,
        });
    }

    fn alive(&self) -> usize {
        self.tasks.values().filter(|task| matches!(task, Task::Waiting(_) | Task::Blocked | Task::Ready)).count()
    }
}

pub struct ToDevice(pub Arc<World>);

fn text<'a>(task: &'a Value, group: &str, field: &str) -> &'a str {
    task[group][field].as_str().unwrap()
}

impl State {
    fn hub(&mut self, at: &DeviceAddress) -> &mut Hub {
        self.hubs.get_mut(&at.device).unwrap()
    }

    fn post(&mut self, at: &DeviceAddress, effect: EffectId, task: &Value) -> Posted {
        self.book(Kind::Received, BURN, effect);
        let hub = self.hub(at);
        if hub.tasks.contains_key(&effect.to_string()) {
            return Posted::AlreadyThere;
        }
        if hub.trouble == Some(Trouble::Offline) {
            return Posted::NotConnected;
        }
        if hub.alive() > 0 {
            self.breach(format!("a burn posted while another one may still run: {}", at.device));
        }
        self.hub(at).tasks.insert(effect.to_string(), Task::Waiting(task.clone()));
        Posted::Queued
    }

    /// The device takes the waiting task, unless it takes its time.
    fn run(&mut self, at: &DeviceAddress, effect: &str) {
        let (runs, breaks, halves) = (
            (!self.wild || self.dice.percent(60)) && !self.arranged("a register that takes its time"),
            self.mishap(8, "a broken link"),
            self.dice.percent(50),
        );
        let lost = self.mishap(2, "a drive lost");
        let hub = self.hub(at);
        let Some(Task::Waiting(task)) = hub.tasks.get(effect).filter(|_| runs).cloned() else { return };
        hub.broken |= lost && !hub.is_burnt();
        let refusal = match (hub.trouble, hub.broken, hub.is_burnt()) {
            (Some(trouble), ..) => Some(trouble.code()),
            (None, true, _) => Some(118),
            (None, false, true) => Some(117),
            (None, false, false) => None,
        };
        if let Some(code) = refusal {
            hub.tasks.insert(effect.to_owned(), Task::Failed(code));
            self.book(Kind::Refused, BURN, effect);
            return;
        }
        if !breaks || halves {
            let rnm = Rnm::parse(text(&task, "device", "registrationNumber")).unwrap();
            let inn = Inn::parse(text(&task, "organization", "vatin")).unwrap();
            hub.burn(rnm, inn, Some(effect.to_owned()));
            let closed = hub.closed;
            self.book(Kind::Happened, BURN, effect);
            if closed {
                self.breach(format!("burnt after it was cancelled: {}", at.device));
            }
        }
        let stands = if breaks { Task::Blocked } else { Task::Ready };
        self.hub(at).tasks.insert(effect.to_owned(), stands);
    }

    fn result(&mut self, at: &DeviceAddress, effect: &str) -> TaskResult {
        if self.mishap(5, "a hub that forgets") {
            let somebody_sleeps = self.asleep > 0;
            self.hub(at).forget(somebody_sleeps);
        }
        self.run(at, effect);
        let recovers = !self.wild || self.dice.percent(40);
        let hub = self.hub(at);
        let burnt_so = hub.burnt.as_ref().filter(|(.., task)| task.as_deref() == Some(effect));
        let report = burnt_so.map(|(report, ..)| report.clone());
        let error = |code| DriverError { code, text: "Ошибка".into() };
        match hub.tasks.get(effect) {
            None => TaskResult::Forgotten,
            Some(Task::Waiting(_)) => TaskResult::Pending,
            Some(Task::Blocked) if !recovers => TaskResult::Blocked(error(2)),
            Some(Task::Blocked) => {
                let ends = if report.is_some() { Task::Ready } else { Task::Failed(2) };
                hub.tasks.insert(effect.to_owned(), ends);
                if report.is_none() {
                    self.book(Kind::Refused, BURN, effect);
                }
                report.map_or(TaskResult::Failed(error(2)), TaskResult::Ready)
            }
            Some(Task::Ready) => TaskResult::Ready(report.unwrap()),
            Some(Task::Failed(code)) => TaskResult::Failed(error(*code)),
            Some(Task::Cancelled) => TaskResult::Cancelled,
            Some(Task::Voided) => TaskResult::Voided,
        }
    }

    fn withdraw(&mut self, at: &DeviceAddress, effect: &str) -> Withdrawn {
        match self.hub(at).tasks.get_mut(effect) {
            None => Withdrawn::Forgotten,
            Some(task @ Task::Waiting(_)) => {
                *task = Task::Cancelled;
                self.book(Kind::Refused, BURN, effect);
                Withdrawn::Yes
            }
            Some(Task::Cancelled) => Withdrawn::Yes,
            Some(_) => Withdrawn::TooLate,
        }
    }

    fn void(&mut self, at: &DeviceAddress, effect: &str) -> VoidedTask {
        let hub = self.hub(at);
        match hub.tasks.get(effect) {
            Some(Task::Voided) => VoidedTask::Void,
            Some(_) => VoidedTask::Taken,
            None if hub.trouble == Some(Trouble::Offline) => VoidedTask::NotConnected,
            None => {
                hub.tasks.insert(effect.to_owned(), Task::Voided);
                self.book(Kind::Voided, BURN, effect);
                VoidedTask::Void
            }
        }
    }

    fn inspect(&mut self, at: &DeviceAddress, now_ms: i64) -> Result<Inspection, DriverError> {
        let hub = self.hub(at);
        if hub.trouble == Some(Trouble::Offline) {
            return Err(DriverError { code: 2, text: "Нет связи".into() });
        }
        let late = if hub.trouble == Some(Trouble::WrongClock) { 3_600_000 } else { 0 };
        let local = from_ms(now_ms - late).to_offset(UtcOffset::from_hms(3, 0, 0).unwrap());
        let clock = local.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]")).unwrap();
        let other = FnSerial::parse("9999078900999999").unwrap();
        let same = hub.trouble != Some(Trouble::Other);
        Ok(Inspection {
            serial: hub.serial.clone(),
            model: "АТОЛ 30Ф".into(),
            clock,
            shift: if hub.trouble == Some(Trouble::ShiftOpen) { Shift::Opened } else { Shift::Closed },
            fn_serial: if same { hub.fn_serial.clone() } else { other },
            phase: match (same, hub.broken, hub.is_burnt()) {
                (false, ..) | (true, false, false) => FnPhase::Configured,
                (true, _, true) => FnPhase::Fiscal,
                (true, true, false) => FnPhase::Configured,
            },
            last_fd: u32::from(hub.is_burnt()),
            paper: Some(hub.trouble != Some(Trouble::NoPaper)),
            cover_open: Some(hub.trouble == Some(Trouble::CoverOpen)),
        })
    }

    fn registration(&mut self, at: &DeviceAddress) -> Result<RegistrationInFn, DriverError> {
        let hub = self.hub(at);
        match (&hub.burnt, hub.trouble) {
            (Some((report, inn, _)), None | Some(Trouble::NoPaper | Trouble::CoverOpen | Trouble::ShiftOpen)) => {
                Ok(RegistrationInFn {
                    rnm: report.rnm.as_str().to_owned(),
                    inn: inn.clone(),
                    fn_serial: hub.fn_serial.clone(),
                    report: Some(report.clone()),
                })
            }
            (Some(_), _) => Err(DriverError { code: 2, text: "Нет связи".into() }),
            (None, _) => Err(DriverError { code: 89, text: "ККТ не зарегистрирована".into() }),
        }
    }
}

fn inquiry<T>(answer: Result<Result<T, DriverError>, Setback>) -> Result<T, Inquiry> {
    answer.map_err(Inquiry::Hub)?.map_err(Inquiry::Driver)
}

#[async_trait]
impl Gate for ToDevice {
    async fn inspect(&self, at: &DeviceAddress) -> Result<Inspection, Inquiry> {
        let now_ms = self.0.clock.now_ms();
        inquiry(self.0.question(Gateway::Device, "device.inspect", |state| state.inspect(at, now_ms)).await)
    }

    async fn registration(&self, at: &DeviceAddress) -> Result<RegistrationInFn, Inquiry> {
        inquiry(self.0.question(Gateway::Device, "device.registration", |state| state.registration(at)).await)
    }

    async fn post(&self, at: &DeviceAddress, effect: EffectId, task: &Value) -> Posted {
        let sent: Outcome<Posted, ()> =
            self.0.command(Gateway::Device, "device.post", |state| Outcome::Done(state.post(at, effect, task))).await;
        match sent {
            Outcome::Done(posted) => posted,
            Outcome::NotNow(setback) => Posted::NotNow(setback),
            Outcome::Unknown(setback) => Posted::Unknown(setback),
            Outcome::Refused(()) => unreachable!("nothing refuses here"),
        }
    }

    async fn result(&self, at: &DeviceAddress, effect: EffectId) -> Result<TaskResult, Setback> {
        self.0.question(Gateway::Device, "device.result", |state| state.result(at, &effect.to_string())).await
    }

    async fn withdraw(&self, at: &DeviceAddress, effect: EffectId) -> Result<Withdrawn, Setback> {
        self.0.question(Gateway::Device, "device.withdraw", |state| state.withdraw(at, &effect.to_string())).await
    }

    async fn void(&self, at: &DeviceAddress, effect: EffectId) -> Result<VoidedTask, Setback> {
        self.0.question(Gateway::Device, "device.void", |state| state.void(at, &effect.to_string())).await
    }
}
