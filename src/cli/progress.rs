//! Long commands show how far they are, on standard error: on a terminal one line that is written over, elsewhere a plain
//! line from time to time. Numbers only: what is worked on may be somebody's.

use std::io::{IsTerminal, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::progress::Count;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);
/// A plain line comes when so many more are done, or so much time has passed with some more.
const PLAIN_EVERY: usize = 1_000;
const PLAIN_PAUSE: Duration = Duration::from_secs(5);

/// Does `work`, and shows meanwhile how far it has come.
pub(super) async fn shown<T>(what: &'static str, count: &Count, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut lines = Lines::new(what, std::io::stderr().is_terminal());
    let (mut look, began) = (tokio::time::interval(LOOK), Instant::now());
    loop {
        tokio::select! {
            done = &mut work => {
                say(&lines.end(count.now(), began.elapsed()));
                return done;
            }
            _ = look.tick() => say(&lines.look(count.now(), began.elapsed())),
        }
    }
}

/// A terminal that is gone is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What is to be written, look by look.
struct Lines {
    what: &'static str,
    terminal: bool,
    /// What the last line told, and when.
    told: usize,
    at: Duration,
}

impl Lines {
    const fn new(what: &'static str, terminal: bool) -> Self {
        Self { what, terminal, told: 0, at: Duration::ZERO }
    }

    fn look(&mut self, (done, of): (usize, usize), after: Duration) -> String {
        let due = done - self.told.min(done) >= PLAIN_EVERY || (done != self.told && after - self.at >= PLAIN_PAUSE);
        match (of, self.terminal) {
            (0, _) => String::new(),
            (_, true) => format!("\r{}\x1b[K", self.line(done, of, after)),
            (_, false) if due => self.plain(done, of, after),
            (_, false) => String::new(),
        }
    }

    /// The terminal's line goes, so that the result stands alone; a plain end is told where it was worth telling at all.
    fn end(&mut self, (done, of): (usize, usize), after: Duration) -> String {
        match self.terminal {
            true if of > 0 => "\r\x1b[K".to_owned(),
            false if done != self.told && (done >= PLAIN_EVERY || self.told > 0) => self.plain(done, of, after),
            _ => String::new(),
        }
    }

    fn plain(&mut self, done: usize, of: usize, after: Duration) -> String {
        (self.told, self.at) = (done, after);
        format!("{}\n", self.line(done, of, after))
    }

    fn line(&self, done: usize, of: usize, after: Duration) -> String {
        let rate = done as u128 * 1_000 / after.as_millis().max(1);
        format!("{}: {done} of {of}, {rate} a second", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_terminal_has_one_line_that_is_written_over_and_goes_at_the_end() {
        let mut lines = Lines::new("registers", true);
        assert_eq!(lines.look((0, 0), s(0)), "");
        assert_eq!(lines.look((10, 40), s(2)), "\rregisters: 10 of 40, 5 a second\x1b[K");
        assert_eq!(lines.end((40, 40), s(4)), "\r\x1b[K");
        assert_eq!(Lines::new("registers", true).end((0, 0), s(1)), "", "nothing was shown");
    }

    #[test]
    fn elsewhere_a_line_comes_after_so_many_or_so_long_and_short_work_is_silent() {
        let mut lines = Lines::new("registers", false);
        assert_eq!(lines.look((999, 5000), s(1)), "");
        assert_eq!(lines.look((1000, 5000), s(2)), "registers: 1000 of 5000, 500 a second\n");
        assert_eq!(lines.look((1001, 5000), s(6)), "");
        assert_eq!(lines.look((1002, 5000), s(7)), "registers: 1002 of 5000, 143 a second\n");
        assert_eq!(lines.look((1002, 5000), s(20)), "", "nothing more is done");
        assert_eq!(lines.look((0, 5000), s(21)), "registers: 0 of 5000, 0 a second\n", "it has begun again");
        assert_eq!(lines.end((5000, 5000), s(25)), "registers: 5000 of 5000, 200 a second\n");
        assert_eq!(lines.end((5000, 5000), s(25)), "", "told already");
        assert_eq!(Lines::new("registers", false).end((40, 40), s(1)), "");
    }
}
