//! The id of a call, its span and its log line, and what every error must carry whoever made it.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Code, Status};
use tracing::{Instrument, Span, field};
use uuid::Uuid;

use super::layers::{Inner, Request, Response, Step};
use super::quiet::{Quiet, Seen};
use super::status::Completed;
use super::{health, status};
use crate::clock::{Clock, Ids};
use crate::metrics::{Meters, Shed};
use crate::pb::METHOD_SCOPES;
use crate::telemetry::traces::{self, traced};

/// The header in which an answer tells its call id, and a caller may give one.
pub const CALL_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Methods besides those of the contract that are named in traces and metrics.
const OTHERS: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// What a path that leads nowhere is called there and in the log: strangers must not make names, nor write into it.
const NO_METHOD: &str = "_OTHER";

/// The id of a call, for people who report an error and for the log. Found in the request's extensions. Not the
/// request_id of the contract, which a repeat has again: this one is the caller's when it is a UUID, else a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallId(pub String);

/// Gives every call an id, a span with one log line at its end, and completes its error.
#[derive(Clone)]
pub struct Calls {
    /// The time inside ids.
    pub clock: Clock,
    /// Where ids come from.
    pub ids: Ids,
    /// Whether a call is a part of its caller's trace.
    pub follow_callers: bool,
    /// Counts calls and what they came to.
    pub meters: Meters,
    /// Bounds the lines of calls that are refused.
    pub quiet: Quiet,
}

impl Step for Calls {
    async fn call<S: Inner>(&self, mut request: Request, mut inner: S) -> Response {
        let id = self.id(request.headers());
        let seen = Seen::default();
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(seen.clone());
        let method = method(request.uri().path());
        let trace = traced!(
            "server",
            method,
            "rpc.system.name" = "grpc",
            "rpc.method" = method,
            "rpc.status_code" = field::Empty
        );
        traces::join(&trace, request.headers(), self.follow_callers);
        let line = trace.in_scope(|| line(method, &id));
        let entered = trace.clone();
        let probe = method.starts_with(health::NAME);
        async move {
            tracing::debug!("begun");
            let waiting = self.waiting(&seen, probe);
            let response = inner.pass(request).await;
            let took = waiting.answered();
            let (response, answer) = finish(response, &id);
            if self.tells(&answer, &seen) {
                log(&answer, took, probe);
            }
            record(&trace, answer.code);
            self.meters.answered(method, traces::code_name(answer.code), took);
            if let Some(why) = answer.shed {
                self.meters.shed(why);
            }
            response
        }
        .instrument(line)
        .instrument(entered)
        .await
    }
}

impl Calls {
    fn waiting(&self, seen: &Seen, probe: bool) -> Waiting {
        let (quiet, seen) = (self.quiet.clone(), seen.clone());
        Waiting { since: Instant::now(), quiet, seen, probe, answered: false }
    }

    /// Whether this answer gets a line of its own.
    fn tells(&self, answer: &Answer, seen: &Seen) -> bool {
        let reason = answer.reason.as_deref().unwrap_or(traces::code_name(answer.code));
        let kind = || seen.kind(reason, answer.shed.is_some());
        answer.code == Code::Ok || kind().is_none_or(|kind| self.quiet.tells(kind))
    }

    /// Of what callers give only a UUID is taken: anything else could be personal data, and ends in the log.
    fn id(&self, headers: &HeaderMap) -> CallId {
        let given = headers.get(CALL_ID_HEADER).and_then(|value| Uuid::try_parse_ascii(value.as_bytes()).ok());
        CallId(given.unwrap_or_else(|| self.ids.uuid_v7(&self.clock)).to_string())
    }
}

/// A call that has no answer yet. Dropped so, its caller has gone away, or a stop has cut it; that has a line too.
struct Waiting {
    since: Instant,
    quiet: Quiet,
    seen: Seen,
    probe: bool,
    answered: bool,
}

impl Waiting {
    /// There is an answer; how long it took.
    fn answered(mut self) -> Duration {
        self.answered = true;
        self.since.elapsed()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let code = traces::code_name(Code::Cancelled);
        // At the end of the process nobody is left who could count.
        let told = !self.answered && tokio::runtime::Handle::try_current().is_ok();
        // Hanging up costs nothing, whoever does it.
        if told && self.seen.kind(code, true).is_none_or(|kind| self.quiet.tells(kind)) {
            let us = micros(self.since.elapsed());
            match self.probe {
                true => tracing::debug!(code, us, "gone before the answer"),
                false => tracing::info!(code, us, "gone before the answer"),
            }
        }
    }
}

/// The span of the log. The rest is recorded by the authentication layer: who calls, for whom, or why nobody is let in.
fn line(method: &'static str, id: &CallId) -> Span {
    let (caller, partner, refused) = (field::Empty, field::Empty, field::Empty);
    let trace = traces::trace_id();
    tracing::info_span!("call", method, id = %id.0, trace, caller, partner, refused)
}

/// `litebox.kkt.v1.KktService/Get`, for what is offered.
fn method(path: &str) -> &'static str {
    let known = METHOD_SCOPES.iter().map(|(method, _)| *method).chain(OTHERS).find(|known| *known == path);
    known.and_then(|known| known.strip_prefix('/')).unwrap_or(NO_METHOD)
}

/// How a call was answered.
struct Answer {
    code: Code,
    reason: Option<String>,
    shed: Option<Shed>,
}

/// Completes the error of `response`, if it is one, and adds the id of the call.
fn finish(mut response: Response, id: &CallId) -> (Response, Answer) {
    let (mut response, answer) = match error(&mut response) {
        Some(status) => {
            let Completed { status, reason, shed } = status::complete(&status, id);
            let code = status.code();
            (status.into_http(), Answer { code, reason, shed })
        }
        None => (response, Answer { code: Code::Ok, reason: None, shed: None }),
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(CALL_ID_HEADER, value);
    }
    (response, answer)
}

/// The error that an answer is. Whoever makes one leaves it beside its headers too, from which it need not be read then.
fn error(response: &mut Response) -> Option<Status> {
    let left = response.extensions_mut().remove::<Status>();
    let status = left.or_else(|| Status::from_header_map(response.headers()));
    status.filter(|status| status.code() != Code::Ok)
}

/// Whoever asks for health asks all day long.
fn log(answer: &Answer, took: Duration, probe: bool) {
    let us = micros(took);
    let (code, reason) = (traces::code_name(answer.code), answer.reason.as_deref());
    match probe {
        true => tracing::debug!(code, reason, us, "answered"),
        false => tracing::info!(code, reason, us, "answered"),
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Only what is a fault of the server is an error of its span, as the conventions of OpenTelemetry have it.
fn record(trace: &Span, code: Code) {
    trace.record("rpc.status_code", traces::code_name(code));
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    if matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss) {
        traces::failed(trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, Limit};
    use crate::partners::model::Holder;
    use crate::values::PartnerId;

    fn calls() -> Calls {
        let (clock, ids) = (Clock::fixed(1_795_000_000_000), Ids::counted(1));
        Calls { clock, ids, follow_callers: true, meters: Meters::default(), quiet: Quiet::default() }
    }

    #[test]
    fn the_callers_id_is_taken_when_it_can_hold_nothing_else() {
        let given = "6F1A1F0E-6B0E-4C39-8A5D-0d9c1b2a3f4e";
        for (text, taken) in [
            (given, true),
            ("6f1a1f0e6b0e4c398a5d0d9c1b2a3f4e", true),
            ("", false),
            ("+79161234567", false),
            ("ivanov@example.ru", false),
            ("6f1a1f0e6b0e4c398a5d0d9c1b2a3f4e0", false),
        ] {
            let headers = HeaderMap::from_iter([(CALL_ID_HEADER, HeaderValue::from_static(text))]);
            let id = calls().id(&headers);
            assert_eq!(id.0 == given.to_lowercase(), taken, "{text:?}");
            assert!(Uuid::try_parse(&id.0).is_ok());
        }
    }

    /// Some makers leave it beside the headers, and some in these alone.
    #[test]
    fn an_error_is_completed_wherever_its_maker_left_it() {
        let limit = Failure::RateLimited { limit: Limit::Calls, retry_after: Duration::from_secs(1) };
        for (status, shed) in [
            (status::overloaded(), Some(Shed::Server)),
            (limit.into(), Some(Shed::Partner(Limit::Calls))),
            (Failure::Conflict.into(), None),
            (Status::unimplemented(""), None),
        ] {
            let finished = |response: Response| {
                let (response, answer) = finish(response, &CallId("a call".into()));
                (response.headers().clone(), answer.code, answer.reason, answer.shed)
            };
            let both: Response = status.into_http();
            let mut bare = Response::default();
            bare.headers_mut().clone_from(both.headers());
            let told = finished(both);
            assert_eq!(told.3, shed);
            assert!(told.2.is_some() && told.0.contains_key(CALL_ID_HEADER));
            assert_eq!(finished(bare), told);
        }
    }

    /// Lines that are written of calls which end without an answer.
    fn lines(seen: &Seen, probe: bool, answered: bool) -> usize {
        let (calls, lines) = (calls(), Lines::default());
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        for _ in 0..25 {
            let waiting = calls.waiting(seen, probe);
            if answered {
                waiting.answered();
            }
        }
        let written = lines.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap().matches("gone before the answer code=\"CANCELLED\"").count()
    }

    #[tokio::test]
    async fn whoever_goes_away_before_the_answer_leaves_a_line_and_only_so_many() {
        let known = Seen::default();
        known.known(Holder::Partner(PartnerId::new(Uuid::nil())));
        assert_eq!((lines(&known, false, false), lines(&Seen::default(), false, false)), (20, 20));
        assert_eq!((lines(&known, true, false), lines(&known, false, true)), (0, 0), "probes; what is answered");
    }

    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl tracing_subscriber::fmt::MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn methods_are_those_that_are_offered() {
        assert_eq!(method("/litebox.kkt.v1.KktService/Get"), "litebox.kkt.v1.KktService/Get");
        assert_eq!(method("/grpc.health.v1.Health/Check"), "grpc.health.v1.Health/Check");
        for path in ["/litebox.kkt.v1.KktService/Gett", "/", "", "litebox.kkt.v1.KktService/Get", "/x/79161234567"] {
            assert_eq!(method(path), "_OTHER", "{path:?}");
        }
    }
}
