//! What the process tells about itself: log lines to standard error, spans to a collector. What may be told is seen to by
//! the types; a panic is told by its place alone.

pub mod traces;

use std::io::IsTerminal;

use opentelemetry_otlp::ExporterBuildError;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};
use uuid::Uuid;

use self::traces::{Traces, TracesConfig};
use crate::config::{LogConfig, LogFormat};

/// Starts telling, and sending spans where a collector is configured; `instance` tells this process from other replicas there.
///
/// # Errors
/// A collector's endpoint that is no address.
pub fn begin(log: &LogConfig, config: &TracesConfig, instance: Uuid) -> Result<Traces, ExporterBuildError> {
    let traces = Traces::start(config, instance)?;
    start(log, &traces);
    Ok(traces)
}

/// Starts telling; a second start in one process is ignored. A filter that cannot be read counts as `info`.
pub fn start(log: &LogConfig, traces: &Traces) {
    let spans = traces.tracer().map(|tracer| {
        let ours = Targets::new().with_target(traces::TARGET, LevelFilter::DEBUG);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    });
    let _ = tracing_subscriber::registry().with(lines(log)).with(spans).try_init();
    std::panic::set_hook(Box::new(|panic| {
        // Its text may quote a value that nobody parsed yet.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// Reads the setting `log.filter`: levels, and targets with theirs; `None` when it is no filter. A bare target, which
/// the library takes for all of its lines and none of any other, is a level that is misspelt.
pub fn filter(text: &str) -> Option<Targets> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let sound = |part: &&str| match part.split_once('=') {
        Some((target, level)) => !target.is_empty() && !level.is_empty(),
        None => part.parse::<LevelFilter>().is_ok(),
    };
    if parts.iter().all(sound) { parts.join(",").parse().ok() } else { None }
}

fn lines(log: &LogConfig) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = filter(&log.filter).unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // Spans of traces are no log lines.
    let filter = filter.with_target(traces::TARGET, LevelFilter::OFF);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    match (log.format, terminal) {
        (LogFormat::Text, _) | (LogFormat::Auto, true) => {
            lines.with_target(false).with_ansi(terminal).with_filter(filter).boxed()
        }
        (LogFormat::Json | LogFormat::Auto, _) => {
            lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_filter_names_levels_and_targets() {
        for (text, ours, of_sqlx) in [
            ("info,sqlx=warn", Some(Level::INFO), Some(Level::WARN)),
            ("debug, sqlx=off,", Some(Level::DEBUG), None),
            ("", Some(Level::ERROR), Some(Level::ERROR)),
            ("off", None, None),
            ("off,litebox_partner::grpc=trace", Some(Level::TRACE), None),
            ("INFO", Some(Level::INFO), Some(Level::INFO)),
        ] {
            let filter = filter(text).unwrap();
            let least = |target| {
                [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR]
                    .into_iter()
                    .find(|level| filter.would_enable(target, level))
            };
            assert_eq!((least("litebox_partner::grpc::call"), least("sqlx::query")), (ours, of_sqlx), "{text}");
        }
        for wrong in
            ["information", "info,sqlx = warn", "info,=", "info,sqlx=", "=info", "info,sqlx=loud", "a=b=c", "sqlx"]
        {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
    }
}
