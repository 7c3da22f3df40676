//! How long a connection lives, and how it is ended when its peer does not help.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Ids;

/// What an honest peer may be late.
const MARGIN: Duration = Duration::from_secs(30);

/// The bounds of a connection's life.
#[derive(Clone)]
pub struct Life {
    /// At this age the peer is told to open no more calls here (GOAWAY). The same for all connections of a process, and
    /// within 10 % of what is configured, so that replicas do not send everybody away at one instant.
    pub age: Duration,
    /// Streams end by themselves within this time.
    longest: Duration,
    /// A peer that takes nothing for so long is cut.
    pub stall: Duration,
    /// Between the end of the longest stream and the cut.
    pub(super) margin: Duration,
    ids: Ids,
}

impl Life {
    /// The life of connections of this process: `age` give or take 10 %, streams of `longest`.
    pub fn new(age: Duration, longest: Duration, stall: Duration, ids: Ids) -> Self {
        let age = age.mul_f64(0.9 + 0.2 * fraction(&ids));
        Self { age, longest, stall, margin: MARGIN, ids }
    }

    /// When a connection that begins now is cut, whatever it does: later than any honest one needs.
    pub fn cut(&self) -> Duration {
        let jitter = self.age.mul_f64(0.1 * fraction(&self.ids));
        self.age + self.longest + self.margin + jitter
    }
}

/// From 0 to 1.
fn fraction(ids: &Ids) -> f64 {
    let mut byte = [0];
    ids.random(&mut byte);
    f64::from(byte[0]) / 255.0
}

/// What a call knows of its connection: found in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Link(CancellationToken);

impl Link {
    /// Ends the connection at once.
    pub fn cut(&self) {
        self.0.cancel();
    }

    /// What tells the connection.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_and_the_cut_comes_after_the_longest_stream() {
        let minute = Duration::from_secs(60);
        let lives: Vec<_> = (0..50).map(|_| Life::new(minute, minute, minute, Ids::system())).collect();
        assert!(lives.iter().all(|l| (54..=66).contains(&l.age.as_secs())));
        assert!(lives.iter().any(|l| l.age != lives[0].age));
        for life in lives {
            let (least, most) = (life.age + minute + MARGIN, life.age.mul_f64(1.1) + minute + MARGIN);
            assert!((least..=most).contains(&life.cut()));
        }
    }
}
