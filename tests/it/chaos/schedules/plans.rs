//! Which schedules are played.

use std::ops::Range;

use litebox_partner::chaos::Side;

use super::scenario::{ALL, Scenario};
use super::script::{Fault, Plan, Point, read, written};
use crate::model::dice::Dice;

/// A schedule: what goes wrong on which path.
#[derive(Clone)]
pub struct Schedule {
    pub scenario: &'static Scenario,
    pub plan: Plan,
    /// Where it was drawn from; absent for a single fault.
    pub seed: Option<u64>,
}

impl Schedule {
    /// As it is written in the variable that plays it again.
    pub fn name(&self) -> String {
        format!("{}: {}", self.scenario.name, written(&self.plan))
    }

    /// Reads a name.
    pub fn named(name: &str) -> Option<Self> {
        let (scenario, plan) = name.split_once(": ").or_else(|| name.split_once(':'))?;
        let scenario = ALL.iter().find(|one| one.name == scenario)?;
        Some(Self { scenario, plan: read(plan)?, seed: None })
    }
}

/// Points of a path that are the same by name and may yet be another matter: an answer shows only in what follows it.
const OVERLAP: usize = 4;

/// Every fault that makes sense at every point of a scenario, each alone.
pub fn singles(scenario: &'static Scenario, points: &[Point]) -> Vec<Schedule> {
    alone(scenario, points, 0..points.len(), |_, _| true)
}

/// The same without those that another one stands for: where this path goes as the `plain` one does, before it leaves it
/// and after it has come back, and where nothing can happen between this point and the next.
pub fn distinct_singles(scenario: &'static Scenario, points: &[Point], plain: &[Point]) -> Vec<Schedule> {
    let alike = points.iter().zip(plain).take_while(|(one, other)| one == other).count();
    let tail = points.iter().rev().zip(plain.iter().rev()).take_while(|(one, other)| one == other).count();
    let own = if points == plain {
        0..points.len()
    } else {
        alike.saturating_sub(OVERLAP)..((points.len() - tail).max(alike) + OVERLAP).min(points.len())
    };
    alone(scenario, points, own, |point, fault| match fault {
        Fault::Asleep => point.call || point.side == Side::Before,
        Fault::Delay | Fault::AsleepToTheEnd => point.call && point.side == Side::Before,
        _ => true,
    })
}

fn alone(
    scenario: &'static Scenario,
    points: &[Point],
    numbers: Range<usize>,
    wanted: impl Fn(Point, Fault) -> bool,
) -> Vec<Schedule> {
    let faults = numbers.flat_map(|at| points[at].faults().iter().map(move |fault| (at, *fault)));
    let wanted = faults.filter(|(at, fault)| wanted(points[*at], *fault));
    wanted.map(|fault| Schedule { scenario, plan: vec![fault], seed: None }).collect()
}

/// The pair or triple of faults of this seed. The later ones may lie beyond the points of a run without faults: faults
/// make it longer.
pub fn drawn(seed: u64, points: &[Vec<Point>]) -> Schedule {
    let mut dice = Dice::new(seed);
    let at = usize::try_from(dice.roll(ALL.len() as u64)).unwrap();
    let faults = if dice.percent(60) { 2 } else { 3 };
    let span = points[at].len() as u64 * 3 / 2;
    let mut plan: Plan = Vec::new();
    while plan.len() < faults {
        let number = usize::try_from(dice.roll(span)).unwrap();
        if plan.iter().all(|(taken, _)| *taken != number) {
            let possible = points[at].get(number).map_or(&Fault::ALL[..], |point| point.faults());
            plan.push((number, dice.pick(possible)));
        }
    }
    plan.sort_unstable();
    Schedule { scenario: &ALL[at], plan, seed: Some(seed) }
}
