//! What must be so after every step, and what must be so in the end.

use litebox_partner::kkt::model::{Kkt, Step};
use litebox_partner::kkt::state::State;
use litebox_partner::kkt::view::View;

use super::run::{Run, Slot};

impl Run<'_> {
    /// The promises.
    pub async fn check(&mut self) -> Result<(), String> {
        for at in 0..self.slots.len() {
            let mut holders = 0;
            for id in self.slots[at].kkts.clone() {
                let kkt = self.kkt(id).await;
                holders += u32::from(kkt.state.holds_register());
                self.check_one(&kkt)?;
            }
            if holders > 1 {
                return Err(format!("two registrations hold {}", self.slots[at].hub));
            }
            let mut world = self.world.lock();
            let hub = world.hubs.get_mut(self.slots[at].hub).unwrap();
            hub.closed = holders == 0 && !self.slots[at].kkts.is_empty();
            if hub.burns() > 1 {
                return Err(format!("{} is burnt {} times", self.slots[at].hub, hub.burns()));
            }
        }
        match self.world.lock().breaches.first() {
            Some(breach) => Err(breach.clone()),
            None => Ok(()),
        }
    }

    fn check_one(&mut self, kkt: &Kkt) -> Result<(), String> {
        let named = || format!("{} {:?} {:?}", kkt.id, kkt.state.name(), kkt.block);
        let before = self.revisions.insert(kkt.id.uuid(), kkt.revision).unwrap_or(0);
        if kkt.revision != before {
            let why = kkt.block.as_ref().map_or("", |block| block.reason.as_str());
            self.note(format!("    {} is {} {why}", kkt.facts.register.fn_serial, kkt.state.name().as_str()));
        }
        if kkt.revision < before {
            return Err(format!("the revision went back from {before}: {}", named()));
        }
        let busy = kkt.next_attempt_ms.is_some();
        if !kkt.state.is_final() && kkt.waiting_for().is_none() && !busy {
            return Err(format!("nobody is waited for, and nobody works: {}", named()));
        }
        if let Some(block) = &kkt.block {
            *self.story.blocks.entry(block.reason.clone()).or_default() += 1;
            if block.advice.is_empty() {
                return Err(format!("no advice: {}", named()));
            }
        }
        Ok(())
    }

    /// What must be so in the end.
    pub async fn close(&mut self) -> Result<(), String> {
        for slot in &self.slots {
            for id in &slot.kkts {
                let (kkt, history) = self.service.get_with_history(self.stage.scope, *id).await.unwrap();
                let (name, last) = (kkt.state.name(), history.last());
                *self.story.ends.entry(name.as_str().to_owned()).or_default() += 1;
                let steps = history.iter().map(|step| step.revision);
                if !steps.eq(1..=kkt.revision) || last.is_none_or(|step| step.to != name) {
                    return Err(format!("the history of {id} has a gap"));
                }
                let chained = history.windows(2).all(|pair| pair[1].from == Some(pair[0].to));
                if !chained {
                    return Err(format!("the history of {id} does not hang together"));
                }
                self.ended(slot, &kkt, &history)?;
            }
            self.story.burns += u64::from(self.world.lock().hubs[slot.hub].burns());
        }
        let faults = std::mem::take(&mut self.world.lock().faults);
        self.story.faults = faults;
        Ok(())
    }

    fn ended(&self, slot: &Slot, kkt: &View, history: &[Step]) -> Result<(), String> {
        let world = self.world.lock();
        match &kkt.state {
            State::Registered { report, .. } => {
                let burnt = world.hubs[slot.hub].burnt_report(slot.fn_serial.as_str());
                if burnt != Some(&report.values) {
                    return Err(format!("{} is registered with a report that its drive does not hold", kkt.id));
                }
            }
            state => {
                let holds = history.iter().filter_map(|step| step.effect).any(|effect| world.held_by(effect));
                if state.held().is_some() || holds {
                    return Err(format!("{} has ended and holds a code", kkt.id));
                }
            }
        }
        Ok(())
    }
}
