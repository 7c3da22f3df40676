//! ATOL Web Requests v2. A task, question or command, goes into the hub's queue under a UUID and its result is read later.

use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::super::breaker::Breakers;
use super::super::config::{AtolConfig, ms};
use super::super::http::{Answer, Http};
use super::super::{Gateway, Mishap, Setback, SetbackKind, SetupError, World};
use super::wire::{self, Asked, DocumentBody, RegistrationInfo, RegistrationResult, Results, Status, TaskAnswer};
use super::{
    Device, DeviceAddress, DriverError, FiscalReport, Inquiry, Inspection, Posted, RegistrationInFn, TaskResult,
    VoidedTask, Withdrawn,
};
use crate::budget;
use crate::clock::Ids;
use crate::values::EffectId;

/// The driver's code for "no connection to the device", for a hub that says so without a code of its own.
const NOT_CONNECTED: u32 = 1;
/// A fresh fiscal drive gives its registration report this number.
const REGISTRATION_REPORT: u32 = 1;

/// What an id is occupied with. A burn is one task, so the number of results tells the two apart in every status.
const HARMLESS: [&str; 2] = ["getDeviceInfo", "getDeviceStatus"];

/// Hubs of cash registers. One pool of connections for all of them.
pub struct AtolDevice {
    http: Http,
    user: String,
    password: SecretString,
    patience: Duration,
    interval: Duration,
    ids: Ids,
}

impl AtolDevice {
    /// Builds the client; nothing is sent.
    ///
    /// # Errors
    /// A TLS set-up that cannot be loaded.
    pub fn new(config: &AtolConfig, world: World, ids: Ids) -> Result<Self, SetupError> {
        Ok(Self {
            http: Http::new(Gateway::Device, world, ms(config.connect_timeout_ms), ms(config.timeout_ms))?,
            user: config.user.clone(),
            password: config.password.clone(),
            patience: ms(config.inquiry_timeout_ms),
            interval: ms(config.poll_interval_ms),
            ids,
        })
    }

    /// The same, which leaves hubs alone while they do not answer.
    pub fn guarded(mut self, breakers: &Breakers) -> Self {
        self.http.guard(breakers);
        self
    }

    fn request(&self, method: Method, at: &DeviceAddress, task: Option<Uuid>) -> Result<RequestBuilder, Mishap> {
        let url = url(at, task).ok_or_else(|| Mishap::NotSent(self.denied()))?;
        let request = self.http.client().request(method, url);
        if self.user.is_empty() {
            return Ok(request);
        }
        Ok(request.basic_auth(&self.user, Some(self.password.expose_secret())))
    }

    fn denied(&self) -> Setback {
        self.http.setback(SetbackKind::Denied, "the address of the hub is not a URL")
    }

    async fn send_tasks(&self, at: &DeviceAddress, id: Uuid, tasks: &[Value]) -> Result<Answer, Mishap> {
        let body = json!({"uuid": id.to_string(), "request": tasks});
        self.http.exchange(self.request(Method::POST, at, None)?.json(&body)).await
    }

    /// The results under an id; `None` when the hub does not know it.
    async fn look(&self, at: &DeviceAddress, id: Uuid) -> Result<Option<Results>, Mishap> {
        let answer = self.http.exchange(self.request(Method::GET, at, Some(id))?).await?;
        match answer.status {
            StatusCode::OK => self.http.json(&answer).map(Some).map_err(Mishap::Unsure),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(Mishap::Unsure(self.http.unwelcome(&answer))),
        }
    }

    /// Asks a device several questions at once, under an id that is never used again.
    async fn ask(&self, at: &DeviceAddress, questions: &[Value]) -> Result<Vec<TaskAnswer>, Inquiry> {
        let mut random = [0; 16];
        self.ids.random(&mut random);
        let id = uuid::Builder::from_random_bytes(random).into_uuid();
        let answer = self.send_tasks(at, id, questions).await?;
        match answer.status {
            StatusCode::CREATED => {}
            StatusCode::CONFLICT => return Err(Inquiry::Driver(self.said(&answer))),
            _ => return Err(Inquiry::Hub(self.http.unwelcome(&answer))),
        }
        let answers = match timeout(self.patience, self.until_final(at, id)).await {
            Ok(Ok(answers)) => answers.results,
            Ok(Err(error)) => {
                self.give_up(at, id).await;
                return Err(error);
            }
            Err(_) => {
                self.give_up(at, id).await;
                return Err(Inquiry::Hub(
                    self.http.setback(SetbackKind::TimedOut, "the device did not answer in time"),
                ));
            }
        };
        if answers.len() == questions.len() { Ok(answers) } else { Err(Inquiry::Hub(self.garbled("results"))) }
    }

    /// Behind a blocked task the others wait for ever.
    async fn until_final(&self, at: &DeviceAddress, id: Uuid) -> Result<Results, Inquiry> {
        loop {
            let results = self.look(at, id).await?.ok_or_else(|| Inquiry::Hub(self.garbled("a lost question")))?;
            let blocked = results.results.iter().any(|r| r.status == Status::Blocked);
            if blocked || results.results.iter().all(|r| r.status.is_final()) {
                return Ok(results);
            }
            sleep(self.interval).await;
        }
    }

    /// Takes a question out of the queue again, also for a caller who has gone: questions to a dead device must not pile up.
    async fn give_up(&self, at: &DeviceAddress, id: Uuid) {
        if let Ok(request) = self.request(Method::DELETE, at, Some(id)) {
            // Whether it worked changes nothing: a question has no effect.
            let _ = budget::without(self.http.exchange(request)).await;
        }
    }

    /// The error inside an answer with an HTTP error status.
    fn said(&self, answer: &Answer) -> DriverError {
        let said = self.http.json::<wire::Failure>(answer).map(DriverError::from);
        said.unwrap_or_else(|_| DriverError { code: NOT_CONNECTED, text: String::new() })
    }

    /// Passes on the result of a task that succeeded, or says why it did not.
    fn ready(&self, answer: TaskAnswer) -> Result<TaskAnswer, Inquiry> {
        if answer.status == Status::Ready {
            return Ok(answer);
        }
        Err(answer.driver_error().map_or_else(|field| Inquiry::Hub(self.garbled(field)), Inquiry::Driver))
    }

    fn garbled(&self, field: &str) -> Setback {
        self.http.setback(SetbackKind::Garbled, format!("{field}: missing, malformed or out of place"))
    }

    fn garbled_inquiry(&self, field: &str) -> Inquiry {
        Inquiry::Hub(self.garbled(field))
    }

    fn task_result(&self, answer: TaskAnswer) -> Result<TaskResult, Setback> {
        let result = match answer.status {
            Status::Wait | Status::InProgress => Ok(TaskResult::Pending),
            Status::Interrupted | Status::Canceled => Ok(TaskResult::Cancelled),
            Status::Blocked => answer.driver_error().map(TaskResult::Blocked),
            Status::Error => answer.driver_error().map(TaskResult::Failed),
            Status::Ready => answer
                .result::<RegistrationResult>("fiscalParams")
                .and_then(FiscalReport::try_from)
                .map(TaskResult::Ready),
        };
        result.map_err(|field| self.garbled(field))
    }

    /// A 409 means "this id is there" or "the device is not connected": the hub is asked which.
    async fn conflict(&self, at: &DeviceAddress, effect: EffectId) -> Posted {
        match self.look(at, effect.uuid()).await {
            Ok(Some(_)) => Posted::AlreadyThere,
            Ok(None) => Posted::NotConnected,
            Err(mishap) => Posted::Unknown(mishap.into()),
        }
    }
}

#[async_trait]
impl Device for AtolDevice {
    async fn inspect(&self, at: &DeviceAddress) -> Result<Inspection, Inquiry> {
        let questions = ["getDeviceInfo", "getDeviceStatus", "getShiftStatus", "getFnInfo", "getFnStatus"];
        let answers = self.ask(at, &questions.map(|kind| json!({"type": kind}))).await?;
        let mut answers = answers.into_iter().map(|answer| self.ready(answer));
        let mut next = || answers.next().unwrap_or_else(|| Err(self.garbled_inquiry("results")));
        let asked = Asked {
            info: next()?.result("deviceInfo").map_err(|f| self.garbled_inquiry(f))?,
            status: next()?.result("deviceStatus").map_err(|f| self.garbled_inquiry(f))?,
            shift: next()?.result("shiftStatus").map_err(|f| self.garbled_inquiry(f))?,
            drive: next()?.result("fnInfo").map_err(|f| self.garbled_inquiry(f))?,
            counter: next()?.result("fnStatus").map_err(|f| self.garbled_inquiry(f))?,
        };
        Inspection::try_from(asked).map_err(|f| self.garbled_inquiry(f))
    }

    /// The shape of `getFnDocument`, question and answer, is ours: no public text confirms it. A drive that does not
    /// give the document, or gives another shape, is reported without it.
    async fn registration(&self, at: &DeviceAddress) -> Result<RegistrationInFn, Inquiry> {
        let document = json!({"type": "getFnDocument", "fiscalDocumentNumber": REGISTRATION_REPORT});
        let questions = [json!({"type": "getRegistrationInfo"}), json!({"type": "getFnInfo"}), document];
        let answers = self.ask(at, &questions).await?;
        let mut answers = answers.into_iter().map(|answer| self.ready(answer));
        let mut next = || answers.next().unwrap_or_else(|| Err(self.garbled_inquiry("results")));
        let info: RegistrationInfo = next()?.result("registrationInfo").map_err(|f| self.garbled_inquiry(f))?;
        let drive = next()?.result("fnInfo").map_err(|f| self.garbled_inquiry(f))?;
        let document = next().ok().and_then(|answer| answer.result::<DocumentBody>("document").ok());
        let report = document.and_then(|body| FiscalReport::try_from(body).ok());
        wire::registration(&info, drive, report).map_err(|f| self.garbled_inquiry(f))
    }

    /// The hub is asked first: this proves its world before anything is queued, and finds a task that is there already.
    async fn post(&self, at: &DeviceAddress, effect: EffectId, task: &Value) -> Posted {
        match self.look(at, effect.uuid()).await {
            Ok(None) => {}
            Ok(Some(_)) => return Posted::AlreadyThere,
            Err(mishap) => return Posted::NotNow(mishap.into()),
        }
        let answer = match self.send_tasks(at, effect.uuid(), std::slice::from_ref(task)).await {
            Ok(answer) => answer,
            Err(Mishap::NotSent(setback)) => return Posted::NotNow(setback),
            Err(Mishap::Unsure(setback)) => return Posted::Unknown(setback),
        };
        match answer.status {
            StatusCode::CREATED => Posted::Queued,
            StatusCode::CONFLICT => self.conflict(at, effect).await,
            StatusCode::BAD_REQUEST => Posted::Malformed(format!("the hub's code {}", self.said(&answer).code)),
            status if status.is_client_error() => Posted::NotNow(self.http.unwelcome(&answer)),
            _ => Posted::Unknown(self.http.unwelcome(&answer)),
        }
    }

    async fn result(&self, at: &DeviceAddress, effect: EffectId) -> Result<TaskResult, Setback> {
        let Some(results) = self.look(at, effect.uuid()).await? else { return Ok(TaskResult::Forgotten) };
        if occupied(&results) {
            return Ok(TaskResult::Voided);
        }
        let mut results = results.results.into_iter();
        match (results.next(), results.next()) {
            (Some(answer), None) => self.task_result(answer),
            _ => Err(self.garbled("results")),
        }
    }

    async fn withdraw(&self, at: &DeviceAddress, effect: EffectId) -> Result<Withdrawn, Setback> {
        let request = self.request(Method::DELETE, at, Some(effect.uuid()))?;
        let answer = self.http.exchange(request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(Withdrawn::Yes),
            StatusCode::CONFLICT => Ok(Withdrawn::TooLate),
            StatusCode::NOT_FOUND => Ok(Withdrawn::Forgotten),
            _ => Err(self.http.unwelcome(&answer)),
        }
    }

    /// The hub is asked first, as before a post: its world, and whether a task is there.
    async fn void(&self, at: &DeviceAddress, effect: EffectId) -> Result<VoidedTask, Setback> {
        if let Some(results) = self.look(at, effect.uuid()).await? {
            return Ok(voided(&results));
        }
        let questions = HARMLESS.map(|kind| json!({"type": kind}));
        let answer = self.send_tasks(at, effect.uuid(), &questions).await?;
        match answer.status {
            StatusCode::CREATED => Ok(VoidedTask::Void),
            StatusCode::CONFLICT => {
                Ok(self.look(at, effect.uuid()).await?.map_or(VoidedTask::NotConnected, |results| voided(&results)))
            }
            _ => Err(self.http.unwelcome(&answer)),
        }
    }
}

/// Whether these are the results of the questions that keep a burn from an id.
fn occupied(results: &Results) -> bool {
    results.results.len() == HARMLESS.len()
}

fn voided(results: &Results) -> VoidedTask {
    if occupied(results) { VoidedTask::Void } else { VoidedTask::Taken }
}

impl From<Mishap> for Inquiry {
    fn from(mishap: Mishap) -> Self {
        Self::Hub(mishap.into())
    }
}

/// `{hub}/api/v2/requests?deviceID=…`, or with the task's id as the last part of the path.
fn url(at: &DeviceAddress, task: Option<Uuid>) -> Option<Url> {
    let mut url = Url::parse(&at.hub).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["api", "v2", "requests"]);
    match task {
        Some(id) => url.path_segments_mut().ok()?.push(&id.to_string()),
        None => return Some(url.query_pairs_mut().append_pair("deviceID", &at.device).finish().to_owned()),
    };
    Some(url)
}

#[cfg(test)]
mod tests;
