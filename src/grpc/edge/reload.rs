//! Certificates that change while the server runs: the files are looked at again and again.
//!
//! A change counts when two looks in a row see the same, so that what is being written is not taken: half a chain can look
//! whole. What cannot be served with is said once, and what is served stays. Files are opened by name at every look, so
//! a mount whose symbolic link is swapped is followed.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::config::TlsConfig;
use super::tls::{Files, Seen, Served, Tls, TlsError};

/// Looks at the files of one listener.
pub struct Reload {
    config: TlsConfig,
    tls: Tls,
    glance: Glance,
}

/// What was seen before.
struct Glance {
    served: Seen,
    last: Seen,
    /// What was found broken and said to be.
    broken: Option<Seen>,
}

/// What a look is good for.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing new.
    Old,
    /// Not what the look before has seen.
    Moving,
    /// New, and the same as before.
    Settled,
}

impl Glance {
    fn look(&mut self, seen: Seen) -> Look {
        let moving = std::mem::replace(&mut self.last, seen) != seen;
        if seen == self.served {
            self.broken = None;
            return Look::Old;
        }
        match moving {
            true => Look::Moving,
            false if self.broken == Some(seen) => Look::Old,
            false => Look::Settled,
        }
    }
}

impl Reload {
    /// TLS with what stands in the files, and what keeps it up to date. `None` when TLS is off.
    ///
    /// # Errors
    /// [`TlsError`] when the files cannot be served with.
    pub fn start(config: &TlsConfig) -> Result<Option<(Tls, Self)>, TlsError> {
        if !config.is_on() {
            return Ok(None);
        }
        let files = Files::read(config)?;
        let tls = Tls::new(files.served(config.client_required)?);
        let glance = Glance { served: files.seen(), last: files.seen(), broken: None };
        Ok(Some((tls.clone(), Self { config: config.clone(), tls, glance })))
    }

    /// Looks until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.config.reload_ms);
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let config = self.config.clone();
            // Files may lie on a slow disk.
            if let Ok(read) = tokio::task::spawn_blocking(move || Files::read(&config)).await {
                self.take(&read);
            }
        }
    }

    fn take(&mut self, read: &Result<Files, TlsError>) {
        let seen = match read {
            Ok(files) => files.seen(),
            Err(error) => Sha256::digest(error.to_string()).into(),
        };
        if self.glance.look(seen) != Look::Settled {
            return;
        }
        match self.fit(read) {
            Ok(served) => {
                self.tls.renew(served);
                self.glance.served = seen;
                self.glance.broken = None;
                tracing::info!("the certificate was renewed");
            }
            Err(error) => {
                self.glance.broken = Some(seen);
                tracing::error!(%error, "the new certificate cannot be served; the old one stays");
            }
        }
    }

    fn fit(&self, read: &Result<Files, TlsError>) -> Result<Served, TlsError> {
        read.as_ref().map_err(Clone::clone)?.served(self.config.client_required)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_is_seen_twice_and_a_broken_one_is_told_once() {
        let [old, torn, new] = [[0; 32], [1; 32], [2; 32]];
        let mut glance = Glance { served: old, last: old, broken: None };
        assert_eq!(
            [old, torn, new, new].map(|seen| glance.look(seen)),
            [Look::Old, Look::Moving, Look::Moving, Look::Settled]
        );
        glance.broken = Some(new);
        assert_eq!(
            [new, old, new, new].map(|seen| glance.look(seen)),
            [Look::Old, Look::Old, Look::Moving, Look::Settled]
        );
    }
}
