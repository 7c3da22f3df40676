//! What is known anyhow and read when somebody asks: nothing here waits for a disk, a network or a lock that is held long.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use time::{Date, OffsetDateTime};
use tokio::sync::watch;

use super::figures::{Figures, NOBODY, OTHER, Read};
use super::page::Page;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::gateways::Gateway;
use crate::gateways::breaker::Breakers;
use crate::kkt::model::WaitingFor;
use crate::kkt::state::Name;
use crate::partners::jwt::Services;
use crate::partners::why::{Refusals, Why};
use crate::storage::{Db, Pool};

/// What is running here.
#[derive(Clone, Copy)]
pub struct Build {
    /// `live` or `test`.
    pub mode: &'static str,
    /// When it started, Unix milliseconds.
    pub started_ms: i64,
}

/// Where what is shown comes from.
pub struct Sources {
    /// What runs.
    pub build: Build,
    /// Its pool.
    pub db: Db,
    /// Time.
    pub clock: Clock,
    /// Outer systems that rest.
    pub breakers: Breakers,
    /// Who was not let in.
    pub refusals: Refusals,
    /// The ages of keys.
    pub services: Services,
    /// The age of reference data.
    pub catalogue: Arc<Catalogue>,
}

/// All of them, and what was read of the database.
pub(super) struct Shown {
    pub sources: Sources,
    pub last: watch::Receiver<Read>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Sources {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let labels = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("commit", option_env!("LITEBOX_COMMIT").unwrap_or_default()),
            ("mode", self.build.mode),
            ("database", self.db.kind()),
        ];
        page.gauges("litebox_build_info", "What runs here; always 1", [(labels, 1.0)])?;
        let started = seconds_of_ms(self.build.started_ms);
        page.gauge("litebox_start_time_seconds", "When the process started, Unix time", started)?;
        self.pools(page)
    }

    fn pools(&self, page: &mut Page<'_>) -> fmt::Result {
        let (units, statements) = self.db.pools();
        let pools = || {
            [("units", Some(units)), ("statements", statements)].into_iter().filter_map(|(of, pool)| Some((of, pool?)))
        };
        let rows = pools().flat_map(|(of, Pool { open, in_use, .. })| {
            [("in_use", in_use), ("idle", open.saturating_sub(in_use))]
                .map(|(state, count)| ([("pool", of), ("state", state)], f64::from(count)))
        });
        page.gauges("litebox_db_pool_connections", "Connections of the pool", rows)?;
        let limits = pools().map(|(of, pool)| ([("pool", of)], f64::from(pool.most)));
        page.gauges("litebox_db_pool_connections_limit", "Connections that the pool may have", limits)
    }

    fn access(&self, page: &mut Page<'_>) -> fmt::Result {
        let refused = Why::ALL.iter().map(|why| ([("reason", why.as_str())], self.refusals.of(*why)));
        page.counters("litebox_auth_failures", "Calls that were not let in, by reason", refused)?;
        let ages = self.services.ages();
        let missing = ages.iter().filter(|(_, age)| age.is_none()).count();
        let oldest = ages.iter().filter_map(|(_, age)| *age).max().unwrap_or_default();
        page.gauge("litebox_jwt_issuers_without_keys", "Issuers whose keys were never fetched", number(missing))?;
        page.gauge("litebox_jwks_age_seconds", "Age of the oldest keys of an issuer", oldest.as_secs_f64())
    }

    fn gateways(&self, page: &mut Page<'_>) -> fmt::Result {
        let resting =
            Gateway::ALL.map(|gateway| ([("gateway", gateway.name())], number(self.breakers.resting(gateway))));
        let of = "Outer systems left alone that have not answered since; of device each hub counts";
        page.gauges("litebox_gateway_resting", of, resting)
    }

    fn catalogue(&self, page: &mut Page<'_>) -> fmt::Result {
        let now = self.clock.now();
        let ages = self.catalogue.updated().iter().map(|(file, on)| {
            let name = file.trim_end_matches(".toml");
            ([("file", name)], (now - midnight(*on)).as_seconds_f64())
        });
        page.gauges("litebox_catalogue_age_seconds", "How old the reference data are, by their own date", ages)?;
        let until = midnight(self.catalogue.calendar_until()).saturating_add(time::Duration::DAY);
        let left = (until - now).as_seconds_f64();
        page.gauge("litebox_calendar_left_seconds", "For how long holidays are known", left)
    }

    fn database(&self, page: &mut Page<'_>, Read { at, figures }: Read) -> fmt::Result {
        let age = Instant::now().saturating_duration_since(at);
        page.gauge("litebox_figures_age_seconds", "How old the figures from the database are", age.as_secs_f64())?;
        figures.map_or(Ok(()), |figures| self.figures(page, &figures))
    }

    fn figures(&self, page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
        let count = open_states().flat_map(|state| {
            waited_for().map(move |who| {
                let count = figures.open.get(&(state, who)).map_or(0, |open| open.count);
                ([("state", state), ("waiting_for", who)], number(count))
            })
        });
        page.gauges("litebox_registrations", "Registrations under way", count)?;
        let now_ms = self.clock.now_ms();
        let oldest = open_states().flat_map(|state| {
            waited_for().map(move |who| {
                let since = figures.open.get(&(state, who)).and_then(|open| open.oldest_ms);
                let age_ms = since.map_or(0, |since| now_ms.saturating_sub(since).max(0));
                ([("state", state), ("waiting_for", who)], seconds_of_ms(age_ms))
            })
        });
        page.gauges("litebox_registration_oldest_seconds", "For how long the oldest has been in its state", oldest)?;
        let (overdue, pending) = (number(figures.overdue()), number(figures.pending_clients));
        page.gauge("litebox_reports_overdue", "Reports that FNS should have by now", overdue)?;
        page.gauge("litebox_clients_pending", "Clients without a confirmed account", pending)?;
        let stopped = Gateway::ALL
            .map(|gateway| ([("gateway", gateway.name())], f64::from(u8::from(figures.stopped.contains(&gateway)))));
        page.gauges("litebox_gateway_stopped", "Whether an operator has stopped it", stopped)
    }
}

impl Collector for Shown {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let (page, sources) = (&mut Page(encoder), &self.sources);
        sources.process(page)?;
        sources.access(page)?;
        sources.gateways(page)?;
        sources.catalogue(page)?;
        let last = self.last.borrow().clone();
        sources.database(page, last)
    }
}

fn open_states() -> impl Iterator<Item = &'static str> {
    Name::ALL.into_iter().filter(|name| !name.is_final()).map(Name::as_str).chain([OTHER])
}

fn waited_for() -> impl Iterator<Item = &'static str> {
    WaitingFor::ALL.into_iter().map(WaitingFor::name).chain([NOBODY, OTHER])
}

fn midnight(day: Date) -> OffsetDateTime {
    day.midnight().assume_utc()
}

fn seconds_of_ms(ms: i64) -> f64 {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).as_secs_f64()
}

fn number(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::INFINITY, f64::from)
}
