//! Virtual cash registers behind a virtual ATOL hub: what they hold.

pub mod burn;
pub mod http;
pub mod kkt;
pub mod queue;
pub mod task;
pub mod tricks;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use kkt::{Kkt, Registration};
use task::Outcome;

/// Something that happened to a register or to the hub's queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A register is as this says from now on.
    Set(Box<Kkt>),
    /// A request was queued.
    Queued(Job),
    /// The hub began with a request.
    Started {
        /// Which request.
        uuid: String,
    },
    /// A registration report was written into the FN. It cannot be undone.
    Burnt {
        /// Which register.
        device: String,
        /// The request that did it.
        uuid: String,
        /// Which task of the request.
        index: usize,
        /// What the FN holds now.
        registration: Box<Registration>,
    },
    /// The results of a request are known to the hub.
    Settled {
        /// Which request.
        uuid: String,
        /// One for each task.
        outcomes: Vec<Outcome>,
    },
    /// The hub forgot all its requests for a register.
    Forgot {
        /// Which register.
        device: String,
    },
}

/// A request in the hub's queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Id that the client chose.
    pub uuid: String,
    /// For which register.
    pub device: String,
    /// Counts from 1.
    pub number: u64,
    /// Its tasks.
    pub tasks: Vec<Value>,
    /// The hub has begun.
    #[serde(default)]
    pub started: bool,
    /// Registrations that were burnt, by task, also when their result never reached the hub.
    #[serde(default)]
    pub burnt: BTreeMap<usize, Registration>,
    /// Results; empty while it waits or runs.
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
}

impl Job {
    /// True when the hub does not know whether a document was made.
    pub fn blocked(&self) -> bool {
        self.outcomes.iter().any(|o| o.status == task::Status::Blocked)
    }

    fn waiting(&self) -> bool {
        !self.started && self.outcomes.is_empty()
    }
}

/// All registers and the queue of the hub.
#[derive(Default)]
pub struct Devices {
    kkts: BTreeMap<String, Kkt>,
    jobs: BTreeMap<String, Job>,
    /// Requests of each register, oldest first.
    by_device: BTreeMap<String, Vec<String>>,
    queued: u64,
}

impl Devices {
    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Set(kkt) => drop(self.kkts.insert(kkt.id.clone(), (**kkt).clone())),
            Event::Queued(job) => {
                self.queued = job.number;
                self.by_device.entry(job.device.clone()).or_default().push(job.uuid.clone());
                self.jobs.insert(job.uuid.clone(), job.clone());
            }
            Event::Started { uuid } => self.change(uuid, |job| job.started = true),
            Event::Settled { uuid, outcomes } => self.change(uuid, |job| job.outcomes.clone_from(outcomes)),
            Event::Forgot { device } => {
                for uuid in self.by_device.remove(device).unwrap_or_default() {
                    self.jobs.remove(&uuid);
                }
            }
            Event::Burnt { device, uuid, index, registration } => {
                self.change(uuid, |job| drop(job.burnt.insert(*index, (**registration).clone())));
                if let Some(mut kkt) = self.kkt(device) {
                    kkt.burn((**registration).clone());
                    self.kkts.insert(device.clone(), kkt);
                }
            }
        }
    }

    fn change(&mut self, uuid: &str, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(uuid) {
            change(job);
        }
    }

    /// The register with this id: one that was set up, or one that its id describes.
    pub fn kkt(&self, id: &str) -> Option<Kkt> {
        self.kkts.get(id).cloned().or_else(|| Kkt::described(id))
    }

    /// The registers that were set up or changed.
    pub fn all(&self) -> impl Iterator<Item = &Kkt> {
        self.kkts.values()
    }

    /// A request of the hub.
    pub fn job(&self, uuid: &str) -> Option<&Job> {
        self.jobs.get(uuid)
    }

    /// The requests of a register, oldest first.
    pub fn jobs_of(&self, device: &str) -> Vec<&Job> {
        self.by_device.get(device).into_iter().flatten().filter_map(|uuid| self.jobs.get(uuid)).collect()
    }

    /// Registers with requests that are not finished: after a restart the hub goes on with them.
    pub fn busy(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.jobs.values().filter(|job| job.outcomes.is_empty()).map(|job| job.device.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The request that the hub takes up next for a register; none while its queue is blocked or paused.
    pub fn next(&self, device: &str) -> Option<Job> {
        let jobs = self.jobs_of(device);
        if jobs.iter().any(|job| job.blocked()) || self.kkt(device).is_none_or(|kkt| kkt.paused) {
            return None;
        }
        jobs.into_iter().find(|job| job.outcomes.is_empty()).cloned()
    }

    fn next_number(&self) -> u64 {
        self.queued + 1
    }
}
