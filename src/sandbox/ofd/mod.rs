//! Operators of fiscal data (OFD): activation codes, reservations, connections.

pub mod rpc;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::checks;

/// Something that happened at an operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A code is held.
    Reserved(Reservation),
    /// A register is connected; the code is used up.
    Connected(Connection),
    /// A code is free again, and its reservation void.
    Released {
        /// The effect that reserved it.
        effect_id: String,
    },
    /// A command was refused for good.
    Refused(Refused),
    /// The effect id is void for ever.
    Voided {
        /// Which.
        effect_id: String,
    },
}

/// A held code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The effect that holds it.
    pub effect_id: String,
    /// INN of the operator.
    pub ofd_inn: String,
    /// The code.
    pub code: String,
    /// What was asked, for comparing a repeat.
    pub content: String,
    /// INN of the shop.
    pub inn: String,
    /// Serial number of the register.
    pub serial: String,
}

/// A connected register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The effect that connected it.
    pub effect_id: String,
    /// What was asked, for comparing a repeat.
    pub content: String,
    /// INN of the operator.
    pub ofd_inn: String,
    /// The code that was used up.
    pub code: String,
    /// Registration number.
    pub rnm: String,
    /// Number of the contract.
    pub contract: String,
    /// When, Unix milliseconds.
    pub time_ms: i64,
}

/// A refusal that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The effect that was refused.
    pub effect_id: String,
    /// What was asked, for comparing a repeat.
    pub content: String,
    /// Reason: the name in the contract without its prefix.
    pub reason: String,
}

/// An activation code with its operator.
pub type Code = (String, String);

/// All operators.
#[derive(Default)]
pub struct Ofd {
    reservations: BTreeMap<String, Reservation>,
    connections: BTreeMap<String, Connection>,
    refusals: BTreeMap<String, Refused>,
    voided: BTreeSet<String>,
    held: HashMap<Code, String>,
    used: HashMap<Code, String>,
    by_rnm: HashMap<String, String>,
}

/// Operators with a valid permit.
pub const PERMITTED: [&str; 14] = [
    "4029017981",
    "6658497833",
    "7605016030",
    "7709364346",
    "7704211201",
    "7704358518",
    "7728699517",
    "7841465198",
    "9715260691",
    "2310031475",
    "5902034504",
    "7701553038",
    "7713076301",
    "7729642175",
];

/// True for a code of the form FD, period, M or D, optionally M for marking, at least four digits: `FD13MM123456`.
pub fn well_formed(code: &str) -> bool {
    let Some(rest) = code.strip_prefix("FD") else { return false };
    let (period, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    let number = rest.strip_prefix(['M', 'D']).map(|rest| rest.strip_prefix('M').unwrap_or(rest));
    (1..=3).contains(&period.len()) && number.is_some_and(|n| (4..=12).contains(&n.len()) && checks::digits(n, n.len()))
}

/// A code that reads as free even when it is held.
pub fn reads_stale(code: &str) -> bool {
    code.ends_with("000009")
}

/// What a code's last digits do: 01 to 08 on reservation, 11 to 18 on connection.
pub fn magic(code: &str, connecting: bool) -> Option<&'static str> {
    let tens = if connecting { "00001" } else { "00000" };
    let (head, last) = code.split_at_checked(code.len().checked_sub(1)?)?;
    match last {
        _ if !head.ends_with(tens) => None,
        "1" => Some("CODE_USED"),
        "2" => Some("CODE_EXPIRED"),
        "3" => Some("CODE_UNKNOWN"),
        "4" => Some("CODE_WITHOUT_MARKING"),
        "5" => Some("OFD_UNKNOWN"),
        "6" => Some("KKT_ALREADY_CONNECTED"),
        "7" => Some("NOT_RESERVED"),
        "8" => Some("OTHER"),
        _ => None,
    }
}

impl Ofd {
    /// Lets an event happen.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Reserved(held) => {
                self.held.insert((held.ofd_inn.clone(), held.code.clone()), held.effect_id.clone());
                self.reservations.insert(held.effect_id.clone(), held.clone());
            }
            Event::Connected(made) => self.connect(made),
            Event::Released { effect_id } => {
                self.voided.insert(effect_id.clone());
                if let Some(held) = self.reservations.remove(effect_id) {
                    self.held.remove(&(held.ofd_inn, held.code));
                }
            }
            Event::Refused(refused) => drop(self.refusals.insert(refused.effect_id.clone(), refused.clone())),
            Event::Voided { effect_id } => drop(self.voided.insert(effect_id.clone())),
        }
    }

    fn connect(&mut self, made: &Connection) {
        let code = (made.ofd_inn.clone(), made.code.clone());
        self.held.remove(&code);
        self.used.insert(code, made.effect_id.clone());
        self.by_rnm.insert(made.rnm.clone(), made.effect_id.clone());
        self.connections.insert(made.effect_id.clone(), made.clone());
    }

    /// True when the code was used up, by this effect or another.
    pub fn is_used(&self, code: &Code) -> bool {
        self.used.contains_key(code)
    }

    /// All connections.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    fn next_contract(&self) -> String {
        format!("ofd-{:06}", self.connections.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_code_is_checked() {
        for good in ["FD13MM123456", "FD15M000100", "FD36M123456", "FD200D123456"] {
            assert!(well_formed(good), "{good}");
        }
        for bad in ["", "FD", "FDMM123456", "FD13X123456", "FD13MM12", "fd13M123456", "FD13M12345A", "FD13"] {
            assert!(!well_formed(bad), "{bad}");
        }
        assert!(PERMITTED.iter().all(|inn| checks::inn(inn)));
    }

    #[test]
    fn magic_codes_say_what_they_do() {
        assert_eq!(magic("FD13MM000001", false), Some("CODE_USED"));
        assert_eq!(magic("FD13MM000001", true), None);
        assert_eq!(magic("FD13MM000012", true), Some("CODE_EXPIRED"));
        assert_eq!(magic("FD13MM000012", false), None);
        assert_eq!(magic("FD13MM123456", false), None);
        assert_eq!(magic("FD13MM000006", false), Some("KKT_ALREADY_CONNECTED"));
        assert_eq!(magic("FD13MM000015", true), Some("OFD_UNKNOWN"));
        assert_eq!((magic("FD13MM000009", false), reads_stale("FD13MM000009")), (None, true));
        assert!(well_formed("FD13M000004"));
    }
}
