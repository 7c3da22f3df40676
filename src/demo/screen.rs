//! What the demo prints: colours on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::Failed;

/// Standard output, and the time since the start.
pub(super) struct Screen {
    colour: bool,
    started: Instant,
    steps: AtomicU32,
    checks: AtomicU32,
}

impl Screen {
    pub(super) fn start() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour, started: Instant::now(), steps: AtomicU32::new(0), checks: AtomicU32::new(0) }
    }

    /// The title of a part of the job.
    pub(super) fn chapter(&self, title: &str) {
        self.put("");
        self.put(&self.paint("1;35", &format!("== {title} ==")));
    }

    /// The title of the next step.
    pub(super) fn step(&self, title: &str) {
        let number = self.steps.fetch_add(1, Ordering::Relaxed) + 1;
        self.put("");
        self.put(&self.paint("1;36", &format!("{number}. {title}")));
    }

    /// A fact of the step.
    pub(super) fn fact(&self, name: &str, value: &str) {
        self.put(&format!("   {name:<18} {value}"));
    }

    /// A remark.
    pub(super) fn note(&self, text: &str) {
        self.put(&self.paint("2", &format!("   {text}")));
    }

    /// Something that happened just now.
    pub(super) fn event(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        self.put(&format!("   {} {text}", self.paint("2", &format!("{seconds:6.2} s"))));
    }

    /// Text as it is, for copying.
    pub(super) fn raw(&self, text: &str) {
        self.put(text);
    }

    /// Says what must hold; fails when it does not.
    pub(super) fn check(&self, what: &str, holds: bool) -> Result<(), Failed> {
        let sign = if holds { self.paint("32", "ok  ") } else { self.paint("1;31", "BAD ") };
        self.put(&format!("   {sign}{what}"));
        if !holds {
            return Err(Failed::new(format!("not so: {what}")));
        }
        self.checks.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The last line.
    pub(super) fn done(&self) {
        let (steps, checks) = (self.steps.load(Ordering::Relaxed), self.checks.load(Ordering::Relaxed));
        let seconds = self.started.elapsed().as_secs_f32();
        self.put("");
        self.put(&self.paint("1;32", &format!("All as expected: {steps} steps, {checks} checks, {seconds:.1} s")));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn put(&self, line: &str) {
        // The job goes on to its end when nobody reads any more.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
