//! No call without an end: the caller's deadline, and never more than ours.

use std::time::{Duration, Instant};

use http::HeaderMap;
use tonic::{Code, Status};

use super::layers::{Inner, Request, Response, Step};
use super::status;
use crate::budget;

const HEADER: &str = "grpc-timeout";
/// tonic ends calls as well, at the time that the caller asked for and with a bare CANCELLED, and cannot be told not to. We are
/// so much earlier, or a tenth of a short time.
const HEAD_START: Duration = Duration::from_millis(5);

/// Ends a call whose answer does not begin in time with DEADLINE_EXCEEDED. A stream begins at once; how long it goes on is for its handler to bound. What goes on behind the answer sends nothing new
/// outside: see [`budget`].
#[derive(Clone)]
pub struct Deadline {
    /// Longest time a call may take, and the time it has when the caller names none.
    pub cap: Duration,
}

impl Step for Deadline {
    async fn call<S: Inner>(&self, request: Request, mut inner: S) -> Response {
        let asked = asked(request.headers()).map(|asked| asked.saturating_sub(HEAD_START.min(asked / 10)));
        let limit = asked.map_or(self.cap, |asked| asked.min(self.cap));
        let end = Instant::now() + limit;
        match tokio::time::timeout(limit, budget::within(end, inner.pass(request))).await {
            // What fails after the end fails because of it, whatever it says: nothing new was asked outside any more.
            Ok(response) if Instant::now() < end || !failed(&response) => response,
            Ok(_) | Err(_) => status::deadline_exceeded().into_http(),
        }
    }
}

fn failed(response: &Response) -> bool {
    Status::from_header_map(response.headers()).is_some_and(|status| status.code() != Code::Ok)
}

/// What the caller asks for. A malformed header is no deadline.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(HEADER)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !matches!(digits.len(), 1..=8) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_deadline_is_read_in_every_unit() {
        let cases = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("250m", Some(Duration::from_millis(250))),
            ("9u", Some(Duration::from_micros(9))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("5", None),
            ("5s", None),
            ("-5S", None),
            ("123456789S", None),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(HEADER.parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(asked(&headers), expected, "{text:?}");
        }
    }
}
