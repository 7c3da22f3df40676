//! The tax service: applications that are examined, refused, numbered, signed late, shown stale; reports; cards.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use encoding_rs::WINDOWS_1251;
use litebox_partner::clock::from_ms;
use litebox_partner::gateways::fns::{
    Application, Card, Filed, Fns as Gate, FnsRefusal, FnsRefusalReason as Reason, ReportFiled, ReportToFile,
    SignedDocument,
};
use litebox_partner::gateways::{Gateway, Outcome, Setback, Told};
use litebox_partner::values::{EffectId, Inn, KktSerial, Rnm};
use time::OffsetDateTime;

use super::ledger::Kind;
use super::{State, World};

const SUBMIT: &str = "SUBMIT_APPLICATION";
const REPORT: &str = "SUBMIT_REPORT";

#[derive(Clone)]
enum Entry<T> {
    /// Taken, and still being looked at; then it is done.
    Working(T),
    Done(T),
    Refused(Reason),
    Void,
}

/// Where an application stands.
#[derive(Clone, PartialEq, Debug)]
enum Stage {
    Review,
    Refused(Reason),
    Numbered,
    ReportReview,
    ReportRefused,
    Card,
}

struct Filing {
    /// The same in every attempt of one registration.
    file_id: String,
    fn_serial: String,
    rnm: Rnm,
    stage: Stage,
    /// The effect that filed it, and the one that filed the report which is looked at.
    filed_by: EffectId,
    reported_by: Option<EffectId>,
}

#[derive(Default)]
pub struct Fns {
    filings: BTreeMap<String, Entry<String>>,
    reports: BTreeMap<String, Entry<()>>,
    applications: BTreeMap<String, Filing>,
}

pub struct ToFns(pub Arc<World>);

fn refusal(reason: Reason) -> FnsRefusal {
    FnsRefusal { reason, text: "Отказ".into() }
}

fn attribute(xml: &str, name: &str) -> String {
    let after = xml.split(&format!(" {name}=\"")).nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

impl<T: Clone> Entry<T> {
    fn outcome(&self) -> Option<Result<T, Reason>> {
        match self {
            Self::Working(_) => None,
            Self::Done(done) => Some(Ok(done.clone())),
            Self::Refused(reason) => Some(Err(*reason)),
            Self::Void => Some(Err(Reason::Voided)),
        }
    }

    fn became(&self) -> Kind {
        if matches!(self, Self::Refused(_)) { Kind::Refused } else { Kind::Happened }
    }

    fn told(&mut self, ends: bool) -> Told<T, FnsRefusal> {
        if let (Self::Working(done), true) = (&*self, ends) {
            *self = Self::Done(done.clone());
        }
        match self {
            Self::Working(_) => Told::InProgress,
            Self::Done(done) => Told::Done(done.clone()),
            Self::Refused(reason) => Told::Refused(refusal(*reason)),
            Self::Void => Told::Void,
        }
    }
}

fn answer<T>(outcome: Option<Result<T, Reason>>) -> Outcome<T, FnsRefusal> {
    match outcome {
        None => Outcome::Unknown(super::setback(Gateway::Fns)),
        Some(Ok(done)) => Outcome::Done(done),
        Some(Err(reason)) => Outcome::Refused(refusal(reason)),
    }
}

impl State {
    fn submit(&mut self, effect: EffectId, document: &SignedDocument) -> Outcome<Filed, FnsRefusal> {
        let key = effect.to_string();
        self.book(Kind::Received, SUBMIT, effect);
        if !self.fns.filings.contains_key(&key) {
            let entry = self.file(effect, document);
            self.book(entry.became(), SUBMIT, effect);
            self.fns.filings.insert(key.clone(), entry);
        }
        let outcome = self.fns.filings[&key].outcome();
        answer(outcome.map(|told| told.map(|application_id| Filed { application_id })))
    }

    fn file(&mut self, effect: EffectId, document: &SignedDocument) -> Entry<String> {
        if self.mishap(6, "an application refused at once") {
            return Entry::Refused(self.dice.pick(&[
                Reason::KktSerialUnknown,
                Reason::FnInUse,
                Reason::SignatureInvalid,
            ]));
        }
        let open = |filing: &&Filing| filing.file_id == document.file_id && !matches!(filing.stage, Stage::Refused(_));
        if self.fns.applications.values().any(|filing| open(&filing)) {
            self.breach(format!("filed twice: {}", document.file_id));
        }
        let (xml, ..) = WINDOWS_1251.decode(&document.xml);
        let inn = Inn::parse(&attribute(&xml, "ИННЮЛ")).unwrap();
        let serial = KktSerial::parse(&attribute(&xml, "ЗаводНомерККТ")).unwrap();
        let number = self.fns.applications.len() as u64 + 1;
        let filing = Filing {
            file_id: document.file_id.clone(),
            fn_serial: attribute(&xml, "ЗаводНомерФН"),
            rnm: Rnm::compose(number, &inn, &serial).unwrap(),
            stage: Stage::Review,
            filed_by: effect,
            reported_by: None,
        };
        let id = format!("application-{number}");
        self.fns.applications.insert(id.clone(), filing);
        if self.mishap(10, "an application under way") { Entry::Working(id) } else { Entry::Done(id) }
    }

    fn application(&mut self, id: &str) -> Option<Application> {
        if self.mishap(2, "an application that FNS does not find") {
            return None;
        }
        let stale = self.mishap(10, "a stale read");
        let signature = self.mishap(5, "a signature asked for");
        let moves = (!self.wild || self.dice.percent(50)) && !self.arranged("FNS takes its time");
        let refused = self.mishap(8, "an application refused later");
        let wrong = self.mishap(4, "an RNM that does not fit");
        let refused_report = self.mishap(15, "a report refused");
        let now_ms = 1_795_428_720_000;
        let filing = self.fns.applications.get_mut(id)?;
        let before = filing.stage.clone();
        if signature && matches!(before, Stage::Review | Stage::ReportReview) {
            return Some(Application::AwaitingSignature);
        }
        match before {
            Stage::Review if moves && refused => filing.stage = Stage::Refused(Reason::FnUnknown),
            Stage::Review if moves => filing.stage = Stage::Numbered,
            Stage::ReportReview if moves && refused_report => filing.stage = Stage::ReportRefused,
            Stage::ReportReview if moves => filing.stage = Stage::Card,
            _ => {}
        }
        let undone = match (&before, &filing.stage) {
            (Stage::Review, Stage::Refused(_)) => Some((SUBMIT, filing.filed_by)),
            (Stage::ReportReview, Stage::ReportRefused) => filing.reported_by.map(|effect| (REPORT, effect)),
            _ => None,
        };
        let numbered = |rnm: Rnm| Application::RnmAssigned { rnm, assigned: from_ms(now_ms) };
        let told = match if stale { &before } else { &filing.stage } {
            Stage::Review => Application::InReview,
            Stage::Refused(reason) => Application::Refused(refusal(*reason)),
            Stage::Numbered if wrong => numbered(Rnm::parse("0000000001000000").unwrap()),
            Stage::Numbered => numbered(filing.rnm.clone()),
            Stage::ReportReview if stale => numbered(filing.rnm.clone()),
            Stage::ReportReview => Application::ReportInReview,
            Stage::ReportRefused => Application::ReportRefused(refusal(Reason::ReportMismatch)),
            Stage::Card => Application::Registered { card: Card { number: "1".into(), issued_ms: now_ms } },
        };
        if let Some((step, effect)) = undone {
            self.book(Kind::Undone, step, effect);
        }
        Some(told)
    }

    fn submit_report(&mut self, effect: EffectId, report: &ReportToFile) -> Outcome<ReportFiled, FnsRefusal> {
        let key = effect.to_string();
        self.book(Kind::Received, REPORT, effect);
        if !self.fns.reports.contains_key(&key) {
            let entry = self.file_report(effect, report);
            self.book(entry.became(), REPORT, effect);
            self.fns.reports.insert(key.clone(), entry);
        }
        answer(self.fns.reports[&key].outcome().map(|told| told.map(|()| ReportFiled)))
    }

    fn file_report(&mut self, effect: EffectId, report: &ReportToFile) -> Entry<()> {
        let burnt = self.hubs.values().find_map(|hub| hub.burnt_report(report.fn_serial.as_str())).cloned();
        let true_one = burnt.is_some_and(|burnt| {
            burnt.rnm == report.rnm && burnt.fd_number == report.fd_number && burnt.fiscal_sign == report.fiscal_sign
        });
        let under_way = self.mishap(10, "a report under way");
        let Some(filing) = self.fns.applications.get_mut(&report.application_id) else {
            return Entry::Refused(Reason::Other);
        };
        if !true_one || filing.rnm != report.rnm || filing.fn_serial != report.fn_serial.as_str() {
            return Entry::Refused(Reason::ReportMismatch);
        }
        match filing.stage {
            Stage::Numbered | Stage::ReportRefused => {
                filing.stage = Stage::ReportReview;
                filing.reported_by = Some(effect);
            }
            Stage::ReportReview | Stage::Card => {
                let what = format!("a report filed twice: {}", report.application_id);
                self.breach(what);
            }
            Stage::Review | Stage::Refused(_) => return Entry::Refused(Reason::WrongState),
        }
        if under_way { Entry::Working(()) } else { Entry::Done(()) }
    }
}

#[async_trait]
impl Gate for ToFns {
    async fn submit(&self, effect: EffectId, document: &SignedDocument) -> Outcome<Filed, FnsRefusal> {
        self.0.command(Gateway::Fns, "fns.submit", |state| state.submit(effect, document)).await
    }

    async fn application(&self, application_id: &str) -> Result<Option<Application>, Setback> {
        self.0.question(Gateway::Fns, "fns.application", |state| state.application(application_id)).await
    }

    async fn submit_report(&self, effect: EffectId, report: &ReportToFile) -> Outcome<ReportFiled, FnsRefusal> {
        self.0.command(Gateway::Fns, "fns.submit_report", |state| state.submit_report(effect, report)).await
    }

    async fn application_told(&self, effect: EffectId) -> Result<Option<Told<Filed, FnsRefusal>>, Setback> {
        self.0
            .question(Gateway::Fns, "fns.application_told", |state| {
                let ends = !state.wild || state.dice.percent(50);
                let entry = state.fns.filings.get_mut(&effect.to_string())?;
                Some(entry.told(ends).map(|application_id| Filed { application_id }))
            })
            .await
    }

    async fn number(&self, application_id: &str) -> Result<Option<(Rnm, OffsetDateTime)>, Setback> {
        self.0
            .question(Gateway::Fns, "fns.number", |state| {
                let filing = state.fns.applications.get(application_id)?;
                let numbered = !matches!(filing.stage, Stage::Review | Stage::Refused(_));
                numbered.then(|| (filing.rnm.clone(), from_ms(1_795_428_720_000)))
            })
            .await
    }

    async fn report_told(&self, effect: EffectId) -> Result<Option<Told<ReportFiled, FnsRefusal>>, Setback> {
        self.0
            .question(Gateway::Fns, "fns.report_told", |state| {
                let ends = !state.wild || state.dice.percent(50);
                let entry = state.fns.reports.get_mut(&effect.to_string())?;
                Some(entry.told(ends).map(|()| ReportFiled))
            })
            .await
    }

    async fn application_or_void(&self, effect: EffectId) -> Result<Told<Filed, FnsRefusal>, Setback> {
        self.0
            .question(Gateway::Fns, "fns.application_or_void", |state| {
                let ends = !state.wild || state.dice.percent(50);
                if !state.fns.filings.contains_key(&effect.to_string()) {
                    state.book(Kind::Voided, SUBMIT, effect);
                }
                let entry = state.fns.filings.entry(effect.to_string()).or_insert(Entry::Void);
                entry.told(ends).map(|application_id| Filed { application_id })
            })
            .await
    }

    async fn report_or_void(&self, effect: EffectId) -> Result<Told<ReportFiled, FnsRefusal>, Setback> {
        self.0
            .question(Gateway::Fns, "fns.report_or_void", |state| {
                let ends = !state.wild || state.dice.percent(50);
                if !state.fns.reports.contains_key(&effect.to_string()) {
                    state.book(Kind::Voided, REPORT, effect);
                }
                let entry = state.fns.reports.entry(effect.to_string()).or_insert(Entry::Void);
                entry.told(ends).map(|()| ReportFiled)
            })
            .await
    }
}
