//! The tax service (FNS): applications, registration numbers, reports, cards.

pub mod document;
pub mod rpc;
pub mod xml;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use document::Filing;

/// Something that happened at FNS.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An application was filed.
    Filed(Box<Application>),
    /// A report was filed.
    Reported(Report),
    /// A command was refused for good.
    Refused(Refused),
    /// The effect id is void for ever.
    Voided {
        /// Which.
        effect_id: String,
    },
    /// Somebody moved an application by the control interface.
    Moved {
        /// Which.
        application_id: String,
        /// Where.
        step: Step,
        /// When, Unix milliseconds.
        time_ms: i64,
    },
}

/// What the control interface does with an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The signer signed.
    Sign,
    /// The RNM is assigned now.
    Rnm,
    /// The card is issued now.
    Card,
    /// The application or its report is refused now, with this reason.
    Refuse(String),
    /// The registration ends; KKT and FN are free.
    Annul,
}

/// An application that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// The effect that filed it.
    pub effect_id: String,
    /// Id at FNS.
    pub application_id: String,
    /// Digest of what was filed, for comparing a repeat.
    pub content: String,
    /// The document as it came, decoded, for people to look at.
    #[serde(default)]
    pub document: String,
    /// What it is about.
    pub filing: Filing,
    /// The RNM that it has or will have.
    pub rnm: String,
    /// When it was filed, Unix milliseconds.
    pub filed_ms: i64,
    /// When FNS decides; `None` until somebody moves it.
    pub decided_ms: Option<i64>,
    /// It waits for the signer until somebody signs.
    #[serde(default)]
    pub unsigned: bool,
    /// FNS decides to refuse, with this reason.
    #[serde(default)]
    pub refusal: Option<String>,
    /// Reports, newest last.
    #[serde(default)]
    pub reports: Vec<Report>,
    /// The registration has ended.
    #[serde(default)]
    pub annulled: bool,
}

/// A report that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The effect that filed it.
    pub effect_id: String,
    /// The application it belongs to.
    pub application_id: String,
    /// What was filed, for comparing a repeat.
    pub content: String,
    /// When it was filed, Unix milliseconds.
    pub filed_ms: i64,
    /// When FNS decides; `None` until somebody moves it.
    pub decided_ms: Option<i64>,
    /// Number of the card that it has or will have.
    pub card: String,
    /// FNS decides to refuse, with this reason.
    #[serde(default)]
    pub refusal: Option<String>,
    /// It waits for the signer until somebody signs.
    #[serde(default)]
    pub unsigned: bool,
}

/// A refusal that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The effect that was refused.
    pub effect_id: String,
    /// Digest of what was sent, for comparing a repeat.
    pub content: String,
    /// Reason: the name in the contract without its prefix.
    pub reason: String,
    /// Text.
    pub message: String,
}

/// How an application stands at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<'a> {
    /// FNS examines it.
    InReview,
    /// It waits for the signer.
    AwaitingSignature,
    /// The RNM was assigned at this instant.
    RnmAssigned(i64),
    /// FNS examines the report.
    ReportInReview(&'a Report),
    /// FNS refused the report, with this reason.
    ReportRefused(&'a str),
    /// The card was issued.
    Registered(&'a Report),
    /// FNS refused the application, with this reason.
    Refused(&'a str),
}

impl Application {
    /// How it stands at an instant.
    pub fn standing(&self, now_ms: i64) -> Standing<'_> {
        let due = |at: Option<i64>| at.is_some_and(|at| at <= now_ms);
        match (&self.refusal, self.reports.last()) {
            _ if self.unsigned => Standing::AwaitingSignature,
            _ if !due(self.decided_ms) => Standing::InReview,
            (Some(reason), _) => Standing::Refused(reason),
            (None, None) => Standing::RnmAssigned(self.decided_ms.unwrap_or_default()),
            (None, Some(report)) if report.unsigned => Standing::AwaitingSignature,
            (None, Some(report)) if !due(report.decided_ms) => Standing::ReportInReview(report),
            (None, Some(Report { refusal: Some(reason), .. })) => Standing::ReportRefused(reason),
            (None, Some(report)) => Standing::Registered(report),
        }
    }

    /// How it stood one step earlier, for stale answers.
    pub fn earlier(&self, now_ms: i64) -> Standing<'_> {
        match self.standing(now_ms) {
            Standing::AwaitingSignature if !self.reports.is_empty() => {
                Standing::RnmAssigned(self.decided_ms.unwrap_or_default())
            }
            Standing::InReview | Standing::AwaitingSignature | Standing::RnmAssigned(_) | Standing::Refused(_) => {
                Standing::InReview
            }
            Standing::ReportInReview(_) | Standing::ReportRefused(_) => {
                Standing::RnmAssigned(self.decided_ms.unwrap_or_default())
            }
            Standing::Registered(report) => Standing::ReportInReview(report),
        }
    }

    /// True while it keeps its register and FN occupied.
    pub fn occupies(&self, now_ms: i64) -> bool {
        !self.annulled && !matches!(self.standing(now_ms), Standing::Refused(_))
    }

    fn step(&mut self, step: &Step, time_ms: i64) {
        match (step, self.reports.last_mut()) {
            (Step::Sign, Some(report)) => report.unsigned = false,
            (Step::Sign, None) => self.unsigned = false,
            (Step::Rnm, _) => (self.unsigned, self.decided_ms) = (false, Some(time_ms)),
            (Step::Card, Some(report)) => report.decided_ms = Some(time_ms),
            (Step::Refuse(reason), Some(report)) => {
                (report.refusal, report.decided_ms) = (Some(reason.clone()), Some(time_ms));
            }
            (Step::Refuse(reason), None) => (self.refusal, self.decided_ms) = (Some(reason.clone()), Some(time_ms)),
            (Step::Annul, _) => self.annulled = true,
            (Step::Card, None) => {}
        }
    }
}

/// All of FNS.
#[derive(Default)]
pub struct Fns {
    applications: BTreeMap<String, Application>,
    by_effect: BTreeMap<String, String>,
    reports: BTreeMap<String, Report>,
    refusals: BTreeMap<String, Refused>,
    voided: BTreeSet<String>,
    by_serial: BTreeMap<(String, String), Vec<String>>,
    by_fn: BTreeMap<String, Vec<String>>,
}

/// Serial numbers are compared without leading zeros.
fn register_key(filing: &Filing) -> (String, String) {
    (filing.model.to_lowercase(), filing.serial.trim_start_matches('0').to_owned())
}

impl Fns {
    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Filed(application) => self.file(application),
            Event::Refused(refused) => drop(self.refusals.insert(refused.effect_id.clone(), refused.clone())),
            Event::Voided { effect_id } => drop(self.voided.insert(effect_id.clone())),
            Event::Reported(report) => {
                self.reports.insert(report.effect_id.clone(), report.clone());
                if let Some(application) = self.applications.get_mut(&report.application_id) {
                    application.reports.push(report.clone());
                }
            }
            Event::Moved { application_id, step, time_ms } => {
                if let Some(application) = self.applications.get_mut(application_id) {
                    application.step(step, *time_ms);
                }
            }
        }
    }

    fn file(&mut self, application: &Application) {
        let id = application.application_id.clone();
        self.by_effect.insert(application.effect_id.clone(), id.clone());
        self.by_serial.entry(register_key(&application.filing)).or_default().push(id.clone());
        self.by_fn.entry(application.filing.fn_serial.clone()).or_default().push(id.clone());
        self.applications.insert(id, application.clone());
    }

    /// An application by its id.
    pub fn application(&self, id: &str) -> Option<&Application> {
        self.applications.get(id)
    }

    /// All applications, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Application> {
        self.applications.values()
    }

    fn by_effect(&self, effect_id: &str) -> Option<&Application> {
        self.by_effect.get(effect_id).and_then(|id| self.applications.get(id))
    }

    /// Why this KKT or FN is not free. An application of the same taxpayer without a report gives way to a new one: the
    /// user filed again.
    fn occupied(&self, filing: &Filing, now_ms: i64) -> Option<&'static str> {
        let taken = |ids: Option<&Vec<String>>| {
            let all = ids.into_iter().flatten().filter_map(|id| self.applications.get(id));
            let gives_way = |a: &Application| a.filing.inn == filing.inn && a.reports.is_empty();
            all.into_iter().any(|a| a.occupies(now_ms) && !gives_way(a))
        };
        match () {
            () if taken(self.by_serial.get(&register_key(filing))) => Some("KKT_ALREADY_REGISTERED"),
            () if taken(self.by_fn.get(&filing.fn_serial)) => Some("FN_IN_USE"),
            () => None,
        }
    }

    fn next(&self) -> u64 {
        self.applications.len() as u64 + 1
    }
}

/// What the last four digits of a KKT serial number do. 98NN refuses the application at once, 99NN after review; 95NN
/// refuses the first report at once, 96NN after review; NN is the number of the reason in the contract. 97NN are single
/// tricks.
pub fn magic(serial: &str) -> Option<(u8, i32)> {
    let last = serial.get(serial.len().checked_sub(4)?..)?;
    let (kind, number) = (last[..2].parse().ok()?, last[2..].parse().ok()?);
    (95..=99).contains(&kind).then_some((kind, number))
}
