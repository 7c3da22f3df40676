//! What partners asked and what they were answered: the ledger on their side.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use litebox_partner::pb::{client as cl, kkt as pb};
use uuid::Uuid;

/// A call that changes something, however often it was repeated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Whose call.
    pub partner: Uuid,
    /// Name of the RPC.
    pub method: &'static str,
    pub request_id: Uuid,
    /// What it is about: an INN, the serial number of a register, the id of a registration.
    pub subject: String,
    /// What else tells it from other calls under the same request id.
    pub content: String,
}

/// What an OK answer told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Of the client or the registration.
    pub id: Uuid,
    /// As in [`Asked`].
    pub subject: String,
    /// Name of the state, as in the database.
    pub state: String,
    /// 0 of a client.
    pub revision: i64,
}

/// One attempt's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// OK.
    Told(Told),
    /// Refused for good; the reason of the error table.
    Refused(String),
    /// No answer, or one that says to try again.
    Unclear(String),
}

/// All calls with all their answers.
#[derive(Default)]
pub struct Book {
    pages: Mutex<BTreeMap<Asked, Vec<Answer>>>,
    repeats: Mutex<Repeats>,
}

/// How patient callers had to be, those that only look too.
#[derive(Debug, Clone, Default)]
pub struct Repeats {
    /// Attempts of the call that took the most.
    pub most: u32,
    /// Attempts that had to be repeated, by what they were told.
    pub why: BTreeMap<String, u64>,
    /// The attempts that no server answered, and what was made up for them.
    pub unanswered: Vec<(String, String)>,
    /// An attempt that was answered.
    pub answered: Option<String>,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, BTreeMap<Asked, Vec<Answer>>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call before it is sent.
    pub fn ask(&self, asked: &Asked) {
        self.pages().entry(asked.clone()).or_default();
    }

    /// Notes how an attempt ended.
    pub fn answer(&self, asked: &Asked, answer: Answer) {
        self.pages().entry(asked.clone()).or_default().push(answer);
    }

    /// Notes that attempt number `attempt` is not the last one.
    pub fn repeat(&self, attempt: u32, why: &str) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.most = repeats.most.max(attempt + 1);
        *repeats.why.entry(why.to_owned()).or_default() += 1;
    }

    /// Notes which server's call an attempt was, by its id in the logs, and why no server answered it.
    pub fn attempt(&self, call: String, unanswered: Option<String>) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        match unanswered {
            Some(why) => repeats.unanswered.push((call, why)),
            None => repeats.answered = Some(call),
        }
    }

    /// How patient callers had to be so far.
    pub fn repeats(&self) -> Repeats {
        self.repeats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it.
    pub fn calls(&self) -> Vec<(Asked, Vec<Answer>)> {
        self.pages().iter().map(|(asked, answers)| (asked.clone(), answers.clone())).collect()
    }
}

impl From<&cl::Client> for Told {
    fn from(client: &cl::Client) -> Self {
        let state = client.state().as_str_name().trim_start_matches("CLIENT_STATE_").to_owned();
        Self { id: client.id.parse().unwrap(), subject: client.inn.clone(), state, revision: 0 }
    }
}

/// The subject is the serial number.
impl From<&pb::Kkt> for Told {
    fn from(kkt: &pb::Kkt) -> Self {
        let state = kkt.state().as_str_name().trim_start_matches("KKT_STATE_").to_owned();
        let subject = kkt.equipment.as_ref().map(|e| e.serial.clone()).unwrap_or_default();
        Self { id: kkt.id.parse().unwrap(), subject, state, revision: kkt.revision }
    }
}

impl Told {
    /// The same about the registration itself, for calls that name it.
    pub fn by_id(self) -> Self {
        Self { subject: self.id.to_string(), ..self }
    }
}
