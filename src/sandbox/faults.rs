//! Fault rules: where the sandbox misbehaves, how, how often and for whom.
//!
//! The text form is `operation:action[=value][,key=value…]`, for example
//! `ofd.Connect:refuse=CODE_USED,times=1,serial=00106100000001`. `docs/sandbox.md` has the whole grammar.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When a rule strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Before the call is written into the ledger: as if it had never arrived.
    BeforeReceipt,
    /// After the ledger, before the effect.
    BeforeEffect,
    /// After the effect, before the answer.
    AfterEffect,
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "before_receipt" => Ok(Self::BeforeReceipt),
            "before_effect" => Ok(Self::BeforeEffect),
            "after_effect" => Ok(Self::AfterEffect),
            _ => Err(format!("unknown point {text:?}")),
        }
    }
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Waits, then goes on.
    Delay(Duration),
    /// Answers an error: a gRPC code by name, an HTTP status or, for a task of a device, a driver code.
    Error(String),
    /// Cuts the connection.
    Drop,
    /// The effect happens, the answer never comes: UNAVAILABLE on gRPC, a cut connection on HTTP, a blocked task on a
    /// device.
    LostReply,
    /// Refuses with a reason of the contract or, for a task of a device, with a driver code.
    Refuse(String),
    /// Answers bytes that fit no contract.
    Garbage,
    /// Parks the call until it is released.
    Hold,
    /// Answers an older state.
    Stale,
}

/// A fault rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `protocol.Operation`; `*` for either part matches all.
    pub operation: String,
    /// What it does.
    pub action: Action,
    /// When it strikes.
    pub point: Point,
    /// How many more times; `None` without end.
    pub times: Option<u32>,
    /// Strikes by chance; `None` strikes every fitting call.
    pub chance: Option<Chance>,
    /// Facts that a call must have: `inn`, `serial`, `fn`, `device`, `effect_id`, `login`, `code`, …
    pub only: BTreeMap<String, String>,
}

/// So many calls of a hundred, drawn from a seed: the same calls in the same order are struck again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chance {
    /// Of a hundred.
    pub percent: u8,
    /// Where the draws start.
    pub seed: u64,
    drawn: u64,
}

impl Chance {
    /// Draws for one call. Splitmix64: small, and the same everywhere.
    fn draw(&mut self) -> bool {
        self.drawn = self.drawn.wrapping_add(1);
        let mut z = self.seed.wrapping_add(self.drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % 100 < u64::from(self.percent)
    }
}

/// A call that a rule has struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// `protocol.Operation` of the call.
    pub operation: String,
    /// When.
    pub point: Point,
    /// What the rule did.
    pub action: Action,
    /// Effect id that the call was about, when it was about one.
    pub effect_id: Option<String>,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (operation, rest) = text.split_once(':').ok_or("a rule is operation:action[=value][,key=value]")?;
        if operation != "*" && operation.split_once('.').is_none_or(|(a, b)| a.is_empty() || b.is_empty()) {
            return Err(format!("{operation:?} is not protocol.Operation"));
        }
        let mut parts = rest.split(',');
        let (action, point) = action(parts.next().unwrap_or_default())?;
        let (operation, only) = (operation.into(), BTreeMap::new());
        let mut rule = Self { operation, action, point, times: None, chance: None, only };
        parts.try_for_each(|part| rule.option(part))?;
        Ok(rule)
    }
}

fn action(text: &str) -> Result<(Action, Point), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let filled = || if value.is_empty() { Err(format!("{name} needs a value")) } else { Ok(value.to_owned()) };
    Ok(match name {
        "delay" => (Action::Delay(duration(value)?), Point::BeforeEffect),
        "status" | "error" => (Action::Error(filled()?), Point::BeforeEffect),
        "refuse" => (Action::Refuse(filled()?), Point::BeforeEffect),
        "hold" => (Action::Hold, if value.is_empty() { Point::BeforeEffect } else { value.parse()? }),
        "drop" => (Action::Drop, if value.is_empty() { Point::BeforeEffect } else { value.parse()? }),
        "lost_reply" => (Action::LostReply, Point::AfterEffect),
        "garbage" => (Action::Garbage, Point::AfterEffect),
        "stale" => (Action::Stale, Point::BeforeEffect),
        _ => return Err(format!("unknown action {name:?}")),
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a time: 500ms, 2s");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?);
    let number: u64 = number.parse().map_err(|_| bad())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(bad()),
    }
}

impl Rule {
    fn option(&mut self, part: &str) -> Result<(), String> {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is not key=value"))?;
        match key {
            "times" => self.times = Some(value.parse().map_err(|_| bad("times", value))?),
            "at" => self.point = value.parse()?,
            "percent" => self.chance.get_or_insert_default().percent = percent(value)?,
            "seed" => self.chance.get_or_insert_default().seed = value.parse().map_err(|_| bad("seed", value))?,
            _ => drop(self.only.insert(key.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    fn fits(&self, operation: &str, point: Point, facts: &BTreeMap<String, String>) -> bool {
        self.point == point
            && self.times != Some(0)
            && same_operation(&self.operation, operation)
            && self.only.iter().all(|(key, value)| facts.get(key) == Some(value))
    }

    /// Whether it strikes a call that fits; by chance, when it says so.
    fn hits(&mut self) -> bool {
        self.chance.as_mut().is_none_or(Chance::draw)
    }
}

fn bad(key: &str, value: &str) -> String {
    format!("{key}={value:?} is not a number")
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.parse().map_err(|_| bad("percent", text))?;
    if number <= 100 { Ok(number) } else { Err(bad("percent", text)) }
}

fn same_operation(pattern: &str, operation: &str) -> bool {
    pattern == "*"
        || pattern == operation
        || pattern.strip_suffix(".*").is_some_and(|p| operation.split_once('.').is_some_and(|(o, _)| o == p))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.operation)?;
        match &self.action {
            Action::Delay(time) => write!(f, "delay={}ms", time.as_millis())?,
            Action::Error(code) => write!(f, "error={code}")?,
            Action::Refuse(reason) => write!(f, "refuse={reason}")?,
            Action::Drop => write!(f, "drop")?,
            Action::LostReply => write!(f, "lost_reply")?,
            Action::Garbage => write!(f, "garbage")?,
            Action::Hold => write!(f, "hold")?,
            Action::Stale => write!(f, "stale")?,
        }
        let point = match self.point {
            Point::BeforeReceipt => "before_receipt",
            Point::BeforeEffect => "before_effect",
            Point::AfterEffect => "after_effect",
        };
        write!(f, ",at={point}")?;
        if let Some(times) = self.times {
            write!(f, ",times={times}")?;
        }
        if let Some(Chance { percent, seed, .. }) = &self.chance {
            write!(f, ",percent={percent},seed={seed}")?;
        }
        self.only.iter().try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// The latest strikes that are remembered: a sandbox that runs for months must not grow.
const REMEMBERED: usize = 100_000;

/// The rules in force, and what they did.
#[derive(Default)]
pub struct Faults(Mutex<Book>);

#[derive(Default)]
struct Book {
    last: u64,
    rules: BTreeMap<u64, Rule>,
    strikes: VecDeque<Strike>,
}

impl Faults {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a rule and tells its id.
    pub fn add(&self, rule: Rule) -> u64 {
        let mut book = self.book();
        book.last += 1;
        let id = book.last;
        book.rules.insert(id, rule);
        id
    }

    /// All rules with their ids, used-up ones included.
    pub fn list(&self) -> BTreeMap<u64, Rule> {
        self.book().rules.clone()
    }

    /// Removes one rule, or all.
    pub fn clear(&self, id: Option<u64>) {
        self.book().rules.retain(|at, _| id.is_some_and(|id| id != *at));
    }

    /// The latest strikes, oldest first; also those of rules that are gone.
    pub fn strikes(&self) -> Vec<Strike> {
        self.book().strikes.iter().cloned().collect()
    }

    /// The actions that strike this call at this point, oldest rule first; each counts one down.
    pub fn strike(&self, operation: &str, point: Point, facts: &BTreeMap<String, String>) -> Vec<Action> {
        let mut book = self.book();
        let mut actions = Vec::new();
        for rule in book.rules.values_mut() {
            if rule.fits(operation, point, facts) && rule.hits() {
                rule.times = rule.times.map(|left| left - 1);
                actions.push(rule.action.clone());
            }
        }
        let effect_id = facts.get("effect_id");
        let strike = |action: &Action| {
            let (operation, action, effect_id) = (operation.to_owned(), action.clone(), effect_id.cloned());
            Strike { operation, point, action, effect_id }
        };
        book.strikes.extend(actions.iter().map(strike));
        let surplus = book.strikes.len().saturating_sub(REMEMBERED);
        book.strikes.drain(..surplus);
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_text_form_reads_back() {
        let texts = [
            "fns.SubmitApplication:lost_reply,at=after_effect,times=1",
            "device.registration:delay=500ms,at=before_effect",
            "taxpayers.party:error=503,at=before_effect",
            "ofd.Connect:refuse=CODE_USED,at=before_effect,serial=0012",
            "accounts.EnsureAccount:hold,at=after_effect",
            "ofd.*:lost_reply,at=after_effect,times=9,percent=30,seed=7,inn=7707083893",
        ];
        for text in texts {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        assert_eq!("a.b:hold=after_effect".parse::<Rule>().unwrap().point, Point::AfterEffect);
        assert_eq!("a.b:status=503".parse::<Rule>().unwrap().action, Action::Error("503".into()));
        assert_eq!("a.b:delay=2s".parse::<Rule>().unwrap().action, Action::Delay(Duration::from_secs(2)));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a.b", "a:drop", "a.:drop", "a.b:", "a.b:explode", "a.b:delay=5", "a.b:delay=xs", "a.b:refuse"]
        {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
        assert!("a.b:drop,times=x".parse::<Rule>().is_err());
        assert!("a.b:drop,at=noon".parse::<Rule>().is_err());
        assert!("a.b:drop,orphan".parse::<Rule>().is_err());
        assert!("a.b:drop,percent=101".parse::<Rule>().is_err());
        assert!("a.b:drop,seed=x".parse::<Rule>().is_err());
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_only_whom_it_names() {
        let faults = Faults::default();
        faults.add("ofd.*:drop,times=2,inn=7707083893".parse().unwrap());
        let ours = facts(&[("inn", "7707083893")]);
        assert!(faults.strike("ofd.Connect", Point::AfterEffect, &ours).is_empty());
        assert!(faults.strike("fns.Connect", Point::BeforeEffect, &ours).is_empty());
        assert!(faults.strike("ofd.Connect", Point::BeforeEffect, &facts(&[])).is_empty());
        assert_eq!(faults.strike("ofd.Connect", Point::BeforeEffect, &ours), [Action::Drop]);
        assert_eq!(faults.strike("ofd.GetCode", Point::BeforeEffect, &ours), [Action::Drop]);
        assert!(faults.strike("ofd.Connect", Point::BeforeEffect, &ours).is_empty());
    }

    #[test]
    fn one_rule_or_all_can_be_removed() {
        let faults = Faults::default();
        let first = faults.add("a.b:drop".parse().unwrap());
        faults.add("a.c:drop".parse().unwrap());
        faults.clear(Some(first));
        assert_eq!(faults.list().len(), 1);
        faults.clear(None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn a_rule_by_chance_strikes_its_share_and_the_same_calls_again() {
        let struck = |seed: u64| {
            let faults = Faults::default();
            faults.add(format!("a.b:drop,percent=30,seed={seed}").parse().unwrap());
            let hit = |_| !faults.strike("a.b", Point::BeforeEffect, &facts(&[])).is_empty();
            (0..10_000).map(hit).collect::<Vec<_>>()
        };
        let first = struck(7);
        let share = first.iter().filter(|hit| **hit).count();
        assert!((2_800..3_200).contains(&share), "{share}");
        assert_eq!(first, struck(7));
        assert_ne!(first, struck(8));
    }

    #[test]
    fn every_strike_is_remembered_with_the_effect_it_was_about() {
        let faults = Faults::default();
        let id = faults.add("a.b:drop,percent=100".parse().unwrap());
        faults.strike("a.b", Point::BeforeEffect, &facts(&[("effect_id", "e")]));
        faults.strike("a.c", Point::BeforeEffect, &facts(&[]));
        faults.clear(Some(id));
        let (operation, effect_id) = ("a.b".to_owned(), Some("e".to_owned()));
        let strike = Strike { operation, point: Point::BeforeEffect, action: Action::Drop, effect_id };
        assert_eq!(faults.strikes(), [strike]);
    }
}
