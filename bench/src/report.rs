//! What was measured, as people read it.

use std::fmt::Write;

use crate::Outcome;
use crate::machine::{self, Spent};

/// Figures of the same thing from several rounds.
#[derive(Clone, Default)]
pub struct Figures(pub Vec<f64>);

impl Figures {
    /// The one in the middle.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.as_slice() {
            [] => 0.0,
            all if all.len() % 2 == 1 => all[all.len() / 2],
            all => f64::midpoint(all[all.len() / 2 - 1], all[all.len() / 2]),
        }
    }

    /// Median, and the range in brackets.
    pub fn shown(&self, digits: usize) -> String {
        let (low, high) = self.0.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        match self.0.len() {
            0 => "-".to_owned(),
            1 => format!("{:.digits$}", self.median()),
            _ => format!("{:.digits$} ({low:.digits$} to {high:.digits$})", self.median()),
        }
    }
}

/// A scenario that stands beside its floor.
pub struct Row {
    pub name: String,
    /// Calls a second.
    pub rate: Figures,
    /// What the parts beneath reach, composed.
    pub floor: Figures,
    /// The two, round by round.
    pub ratio: Figures,
    pub goal: f64,
    /// Milliseconds.
    pub p50: Figures,
    pub p99: Figures,
    /// Processor time of a call.
    pub spent: Vec<Spent>,
}

impl Row {
    /// What the ratio would be if the server took no time of the processors, and all else what it took.
    fn at_best(&self) -> String {
        let beside = Spent::median(&self.spent).without_server() / 1e6;
        if self.goal == 0.0 || beside == 0.0 {
            return String::new();
        }
        format!("{:.2}", machine::cores() / beside / self.floor.median())
    }
}

/// One figure with its goal.
pub struct Fact {
    pub name: String,
    pub value: String,
    pub goal: String,
    pub met: Option<bool>,
}

/// All of it.
#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub facts: Vec<Fact>,
    /// Scenarios that could not be measured to their end, and why.
    pub failed: Vec<String>,
}

impl Report {
    /// Notes what became of a scenario: one that fails keeps the figures of the others, and fails the run.
    pub fn ended(&mut self, scenario: &str, came: Outcome<()>) {
        if let Err(error) = came {
            eprintln!("{scenario}: {error}");
            self.failed.push(format!("{scenario}: {error}"));
        }
    }

    /// Notes a figure, and shows it at once.
    pub fn fact(&mut self, name: &str, value: String, goal: &str, met: Option<bool>) {
        println!("{name}: {value} (goal: {goal})");
        self.facts.push(Fact { name: name.to_owned(), value, goal: goal.to_owned(), met });
    }

    /// The goals that were missed.
    pub fn missed(&self) -> Vec<&str> {
        let rows = self.rows.iter().filter(|row| row.ratio.median() < row.goal).map(|row| row.name.as_str());
        let facts = self.facts.iter().filter(|fact| fact.met == Some(false)).map(|fact| fact.name.as_str());
        rows.chain(facts).collect()
    }

    /// The tables, in Markdown.
    pub fn tables(&self) -> String {
        let mut text = String::from(
            "| scenario | calls/s | floor/s | ratio | goal | met | p50 / p99 ms | CPU µs a call: server, database, sandbox, load | \
             ratio if the server cost nothing |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let met = if row.goal == 0.0 { "" } else { verdict(Some(row.ratio.median() >= row.goal)) };
            let goal = if row.goal == 0.0 { String::new() } else { format!("{}", row.goal) };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {goal} | {met} | {:.1} / {:.1} | {} | {} |",
                row.name,
                row.rate.shown(0),
                row.floor.shown(0),
                row.ratio.shown(2),
                row.p50.median(),
                row.p99.median(),
                Spent::median(&row.spent).shown(),
                row.at_best()
            );
        }
        text.push_str("\n| what | figure | goal | met |\n|---|---|---|---|\n");
        for fact in &self.facts {
            let _ = writeln!(text, "| {} | {} | {} | {} |", fact.name, fact.value, fact.goal, verdict(fact.met));
        }
        for failed in &self.failed {
            let _ = writeln!(text, "\nNot measured to its end: {failed}.");
        }
        text
    }
}

const fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}
