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

/// Reads the setting `log.filter`: a level, and targets with theirs; `None` when it is no filter. The library takes nearly
/// any text for the name of a target, and tells nothing else without a level for the rest.
pub fn filter(text: &str) -> Option<Targets> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let sound =
        parts.iter().any(|part| is_level(part)) && parts.iter().all(|part| is_level(part) || is_of_target(part));
    if sound { parts.join(",").parse().ok() } else { None }
}

fn is_level(part: &str) -> bool {
    // To the library nothing is a level too.
    !part.is_empty() && part.parse::<LevelFilter>().is_ok()
}

fn is_of_target(part: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
    part.split_once('=')
        .is_some_and(|(target, level)| !target.is_empty() && target.chars().all(named) && is_level(level))
}

/// Spans of traces are no log lines, whatever the filter says.
fn of_lines(text: &str) -> Targets {
    let filter = filter(text).unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    filter.with_target(traces::TARGET, LevelFilter::OFF)
}

fn lines(log: &LogConfig) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = of_lines(&log.filter);
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
            ("sqlx=warn,error", Some(Level::ERROR), Some(Level::WARN)),
            ("off", None, None),
            ("info,otel=trace", Some(Level::INFO), Some(Level::INFO)),
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
        for wrong in [
            "",
            ",",
            "level=info",
            "sqlx=warn",
            "information",
            "sqlx",
            "=",
            "info,=",
            "=info",
            "info,sqlx=",
            "info,sqlx=loud",
            "a=b=c",
            "info sqlx=warn",
            "info;sqlx=warn",
            "info,sqlx = warn",
            "*=debug",
            "'sqlx'=warn",
            "[call]=debug",
            "sqlx[span]=debug",
            "info,otel[{x}]=trace",
            "trace,h2",
        ] {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_filter_shows_spans_of_traces_as_lines() {
        for text in ["trace", "info,otel=trace", "no filter"] {
            assert!(!of_lines(text).would_enable(traces::TARGET, &Level::ERROR), "{text}");
            assert!(of_lines(text).would_enable("litebox_partner", &Level::INFO), "{text}");
        }
    }
}
