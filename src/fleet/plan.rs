//! What a file changes in the fleets there are. Pure.

use std::collections::{HashMap, HashSet};

use super::import::{Line, Problem, Wanted};
use super::model::{FleetDevice, State};
use crate::values::{DeviceId, PartnerId};

/// Model key and serial key of a register.
pub type Key = (String, String);

/// What is known beside the file.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The fleets of all partners.
    pub fleets: Vec<FleetDevice>,
    /// Devices that are assigned to the partner.
    pub devices: HashSet<DeviceId>,
    /// Registers in open or finished registrations, whoever's.
    pub registers: HashSet<Key>,
    /// Fiscal drives in open or finished registrations, whoever's.
    pub drives: HashSet<String>,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// New registers.
    pub add: Vec<Line>,
    /// Changed ones, as they stand before.
    pub update: Vec<(FleetDevice, Line)>,
    /// Lines that change nothing.
    pub unchanged: usize,
}

/// Compares the lines of a partner's file with what is there.
///
/// # Errors
/// All problems.
pub fn plan(partner: PartnerId, lines: Vec<Line>, known: &Known) -> Result<Plan, Vec<Problem>> {
    let existing: HashMap<Key, &FleetDevice> = known.fleets.iter().map(|d| (d.register.key(), d)).collect();
    let mut problems = clashes(&lines, known);
    let mut plan = Plan::default();
    for line in lines {
        let before = existing.get(&line.key()).copied();
        problems.extend(unfit(partner, &line, before, known));
        match before {
            None => plan.add.push(line),
            Some(before) if differs(before, &line) => plan.update.push((before.clone(), line)),
            Some(_) => plan.unchanged += 1,
        }
    }
    problems.sort();
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

/// A register in service that is with a client stays as it is.
fn differs(before: &FleetDevice, line: &Line) -> bool {
    let state = match line.wanted {
        Wanted::Free => before.state == State::Out,
        Wanted::Taken => before.state.kkt().is_none(),
        Wanted::Out => before.state != State::Out,
    };
    state
        || before.register.fn_serial != line.register.fn_serial
        || before.register.device_id != line.register.device_id
}

/// What is wrong with a line by itself.
fn unfit(partner: PartnerId, line: &Line, before: Option<&FleetDevice>, known: &Known) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |when: bool, field, reason: &str| {
        if when {
            problems.push(line.problem(field, reason));
        }
    };
    let foreign = before.is_some_and(|b| b.partner != partner);
    wrong(foreign, "serial", "stands in the fleet of another partner");
    let taken = before.is_some_and(|b| b.state.kkt().is_some());
    let changes = before.is_none_or(|b| differs(b, line));
    wrong(taken && changes && !foreign, "line", "is with a client: what is registered cannot be changed here");
    wrong(line.wanted == Wanted::Taken && !taken, "state", "a register is taken by its registration only");
    let device = line.register.device_id;
    let unknown = device.is_some_and(|id| !known.devices.contains(&id));
    wrong(unknown, "device_id", "no such device of this partner: assign it first");
    if changes && !taken && line.wanted == Wanted::Free {
        wrong(known.registers.contains(&line.key()), "serial", "stands in a registration: it cannot be hired out");
        let burnt = known.drives.contains(line.register.fn_serial.as_str());
        wrong(burnt, "fn", "stands in a registration: put in another fiscal drive and give its number");
    }
    problems
}

/// Registers, fiscal drives and devices that would stand twice after the import.
fn clashes(lines: &[Line], known: &Known) -> Vec<Problem> {
    let file: HashSet<Key> = lines.iter().map(Line::key).collect();
    let rest = || known.fleets.iter().filter(|d| !file.contains(&d.register.key()));
    let mut drives: HashMap<String, String> = HashMap::new();
    let mut devices: HashMap<DeviceId, String> = HashMap::new();
    for device in rest() {
        let whose = format!("register {} of a fleet", device.register.serial);
        drives.insert(device.register.fn_serial.as_str().to_owned(), whose.clone());
        devices.extend(device.register.device_id.map(|id| (id, whose)));
    }
    let (mut keys, mut problems) = (HashMap::new(), Vec::new());
    for line in lines {
        let whose = format!("line {}", line.number);
        let mut twice = |field, other: Option<String>| {
            problems.extend(other.map(|other| line.problem(field, format!("stands in {other} as well"))));
        };
        twice("serial", keys.insert(line.key(), whose.clone()));
        twice("fn", drives.insert(line.register.fn_serial.as_str().to_owned(), whose.clone()));
        twice("device_id", line.register.device_id.and_then(|id| devices.insert(id, whose)));
    }
    problems
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::fleet::model::Register;
    use crate::values::{FleetId, FnSerial, KktId, KktSerial};

    fn register(n: u32) -> Register {
        Register {
            model: "АТОЛ 30Ф".into(),
            serial: KktSerial::parse(&format!("00106100{n:06}")).unwrap(),
            fn_serial: FnSerial::parse(&format!("9999078902{n:06}")).unwrap(),
            device_id: None,
        }
    }

    fn line(n: u32, wanted: Wanted) -> Line {
        Line { number: u64::from(n) + 1, register: register(n), wanted }
    }

    fn partner(n: u128) -> PartnerId {
        PartnerId::new(Uuid::from_u128(n))
    }

    fn there(n: u32, state: State) -> FleetDevice {
        let id = FleetId::new(Uuid::from_u128(n.into()));
        let (note, imported_ms, changed_ms) = (String::new(), 0, 0);
        FleetDevice { id, partner: partner(1), register: register(n), state, note, imported_ms, changed_ms }
    }

    fn taken() -> State {
        State::Taken(KktId::new(Uuid::from_u128(9)))
    }

    fn problems(lines: Vec<Line>, known: &Known) -> Vec<(u64, &'static str)> {
        plan(partner(1), lines, known).unwrap_err().into_iter().map(|p| (p.line, p.field)).collect()
    }

    #[test]
    fn the_same_file_again_changes_nothing_also_when_registers_are_with_clients() {
        let fleets = vec![there(1, State::Free), there(2, taken()), there(3, State::Out)];
        let known = Known { fleets, ..Known::default() };
        let file = vec![line(1, Wanted::Free), line(2, Wanted::Free), line(3, Wanted::Out)];
        assert_eq!(plan(partner(1), file, &known), Ok(Plan { unchanged: 3, ..Plan::default() }));
    }

    #[test]
    fn what_is_not_with_a_client_may_change_and_may_swap_drives() {
        let known = Known { fleets: vec![there(1, State::Free), there(2, State::Out)], ..Known::default() };
        let (mut one, mut two) = (line(1, Wanted::Out), line(2, Wanted::Free));
        std::mem::swap(&mut one.register.fn_serial, &mut two.register.fn_serial);
        let plan = plan(partner(1), vec![one, two, line(3, Wanted::Free)], &known).unwrap();
        assert_eq!((plan.add.len(), plan.update.len(), plan.unchanged), (1, 2, 0));
    }

    #[test]
    fn a_register_with_a_client_is_not_changed() {
        let known = Known { fleets: vec![there(1, taken())], ..Known::default() };
        let mut other_drive = line(1, Wanted::Free);
        other_drive.register.fn_serial = register(7).fn_serial;
        for file in [other_drive, line(1, Wanted::Out)] {
            assert_eq!(problems(vec![file], &known), [(2, "line")]);
        }
        assert_eq!(problems(vec![line(5, Wanted::Taken)], &known), [(6, "state")]);
    }

    #[test]
    fn nothing_stands_twice_and_nothing_is_anothers() {
        let known = Known { fleets: vec![there(1, State::Free)], ..Known::default() };
        let mut again = line(3, Wanted::Free);
        again.register = Register { fn_serial: register(4).fn_serial, ..register(2) };
        let mut same_drive = line(5, Wanted::Free);
        same_drive.register.fn_serial = register(1).fn_serial;
        assert_eq!(problems(vec![line(2, Wanted::Free), again, same_drive], &known), [(4, "serial"), (6, "fn")]);
        let theirs = plan(partner(2), vec![line(1, Wanted::Free)], &known).unwrap_err();
        assert_eq!(theirs[0].field, "serial");
        let mut driven = line(2, Wanted::Free);
        driven.register.device_id = Some(DeviceId::new(Uuid::from_u128(5)));
        assert_eq!(problems(vec![driven], &known), [(3, "device_id")]);
    }

    #[test]
    fn what_a_registration_has_cannot_be_hired_out() {
        let drives = [register(1).fn_serial.as_str().to_owned()].into();
        let registers = [register(2).key()].into();
        let known = Known { fleets: vec![there(1, State::Out)], drives, registers, ..Known::default() };
        let file = vec![line(1, Wanted::Free), line(2, Wanted::Free)];
        assert_eq!(problems(file, &known), [(2, "fn"), (3, "serial")]);
        assert!(plan(partner(1), vec![line(1, Wanted::Out), line(2, Wanted::Out)], &known).is_ok());
    }
}
