//! What goes wrong where: points are numbered as they are reached, and the script says what happens at which number.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use litebox_partner::chaos::{Hook, Side};
use litebox_partner::storage::StoreError;
use tokio::sync::Notify;

/// What goes wrong at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies: nothing that it was about to do is done.
    Abort,
    /// The database fails, or says so after all is committed; a call does not reach its receiver.
    Error,
    /// A call is lost on its way, and nobody can tell.
    LostRequest,
    /// The effect happens, and its answer is lost.
    LostReply,
    /// The process dies with its call on the way; it arrives when another process has taken over.
    LateCommand,
    /// A short pause, within the lease; others look meanwhile.
    Delay,
    /// Sleeps beyond the lease and wakes when another one has taken over.
    Asleep,
    /// Sleeps beyond the lease and wakes when everything else is done. After a call: its answer comes so late.
    AsleepToTheEnd,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::Abort,
        Self::Error,
        Self::LostRequest,
        Self::LostReply,
        Self::LateCommand,
        Self::Delay,
        Self::Asleep,
        Self::AsleepToTheEnd,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Error => "error",
            Self::LostRequest => "lost-request",
            Self::LostReply => "lost-reply",
            Self::LateCommand => "late-command",
            Self::Delay => "delay",
            Self::Asleep => "asleep",
            Self::AsleepToTheEnd => "asleep-to-the-end",
        }
    }

    /// Somebody goes on later with what they knew before.
    pub const fn sleeps(self) -> bool {
        matches!(self, Self::LateCommand | Self::Delay | Self::Asleep | Self::AsleepToTheEnd)
    }
}

/// A moment at which something may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// To an outer system, else to the database.
    pub call: bool,
    pub side: Side,
    /// `intend`, `fns.submit`.
    pub name: &'static str,
}

impl Point {
    pub const fn before_call(name: &'static str) -> Self {
        Self { call: true, side: Side::Before, name }
    }

    pub const fn after_call(name: &'static str) -> Self {
        Self { call: true, side: Side::After, name }
    }

    /// What can go wrong here. An answer that is lost is the error after a commit; a command is only on its way before
    /// it has arrived.
    pub const fn faults(self) -> &'static [Fault] {
        use Fault::{Abort, Asleep, AsleepToTheEnd, Delay, Error, LateCommand, LostReply, LostRequest};
        match (self.call, self.side) {
            (false, _) => &[Abort, Error, Delay, Asleep, AsleepToTheEnd],
            (true, Side::Before) => &[Abort, Error, LostRequest, LateCommand, Delay, Asleep, AsleepToTheEnd],
            (true, Side::After) => &[Abort, LostReply, Delay, Asleep, AsleepToTheEnd],
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.side == Side::Before { "before" } else { "after" }, self.name)
    }
}

/// What a point comes to for whoever reached it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    Nothing,
    Fails,
    Lost,
    /// It is done, and whoever asked for it is dead.
    OutlivesItsSender,
}

/// Until when somebody pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    OthersHaveLooked,
    OthersHaveTakenOver,
    TheEnd,
}

/// Somebody pauses at a point until they are woken.
pub struct Pause {
    pub until: Until,
    pub wake: Arc<Notify>,
}

/// Points at which something goes wrong, by number.
pub type Plan = Vec<(usize, Fault)>;

#[derive(Default)]
struct Course {
    reached: Vec<Point>,
    fired: Vec<(usize, Fault)>,
    pauses: VecDeque<Pause>,
}

/// A plan and how far it has come.
pub struct Script {
    plan: Plan,
    course: Mutex<Course>,
    /// Somebody dies here.
    pub dies: Notify,
    /// Somebody pauses here.
    pub pauses: Notify,
}

impl Script {
    pub fn new(plan: Plan) -> Arc<Self> {
        let (dies, pauses) = (Notify::new(), Notify::new());
        Arc::new(Self { plan, course: Mutex::default(), dies, pauses })
    }

    /// Comes to a point.
    pub async fn reach(&self, point: Point) -> Met {
        match self.strikes(point) {
            None => Met::Nothing,
            Some(Fault::Abort) => self.die().await,
            Some(Fault::Error) => Met::Fails,
            Some(Fault::LostRequest | Fault::LostReply) => Met::Lost,
            Some(Fault::LateCommand) => {
                self.pause(Until::OthersHaveTakenOver).await;
                Met::OutlivesItsSender
            }
            Some(Fault::Delay) => self.pause(Until::OthersHaveLooked).await,
            Some(Fault::Asleep) => self.pause(Until::OthersHaveTakenOver).await,
            Some(Fault::AsleepToTheEnd) => self.pause(Until::TheEnd).await,
        }
    }

    /// Numbers the point; what goes wrong at it. A fault that has no place here gives way to one that has.
    fn strikes(&self, point: Point) -> Option<Fault> {
        let mut course = self.course.lock().unwrap();
        let number = course.reached.len();
        course.reached.push(point);
        let planned = self.plan.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)?;
        let possible = point.faults();
        let fault = possible.iter().find(|fault| **fault == planned).copied();
        let fault = fault.unwrap_or(possible[number % possible.len()]);
        course.fired.push((number, fault));
        Some(fault)
    }

    /// Never comes back.
    pub async fn die<T>(&self) -> T {
        self.dies.notify_one();
        std::future::pending().await
    }

    async fn pause(&self, until: Until) -> Met {
        let wake = Arc::new(Notify::new());
        self.course.lock().unwrap().pauses.push_back(Pause { until, wake: Arc::clone(&wake) });
        self.pauses.notify_one();
        wake.notified().await;
        Met::Nothing
    }

    /// Who paused last.
    pub fn paused(&self) -> Pause {
        self.course.lock().unwrap().pauses.pop_front().unwrap()
    }

    /// All points so far, in order.
    pub fn reached(&self) -> Vec<Point> {
        self.course.lock().unwrap().reached.clone()
    }

    /// What went wrong so far.
    pub fn fired(&self) -> Vec<(usize, Fault)> {
        self.course.lock().unwrap().fired.clone()
    }

    /// Brings the commits of a database to their points.
    pub fn hook(self: &Arc<Self>) -> Hook {
        let script = Arc::clone(self);
        Arc::new(move |point| {
            let script = Arc::clone(&script);
            async move {
                match script.reach(Point { call: false, side: point.side, name: point.write }).await {
                    Met::Nothing => Ok(()),
                    _ => Err(StoreError::Unavailable("the script says so".into())),
                }
            }
            .boxed()
        })
    }
}

/// A plan as it is written in a variable: `12=abort,40=asleep`.
pub fn written(plan: &[(usize, Fault)]) -> String {
    plan.iter().map(|(at, fault)| format!("{at}={}", fault.name())).collect::<Vec<_>>().join(",")
}

/// Reads what [`written`] wrote.
pub fn read(text: &str) -> Option<Plan> {
    let one = |part: &str| {
        let (at, name) = part.split_once('=')?;
        Some((at.parse().ok()?, Fault::ALL.into_iter().find(|fault| fault.name() == name)?))
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}
