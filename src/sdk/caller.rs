//! Does with each call what must not be forgotten.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::global::get_text_map_propagator;
use opentelemetry::propagation::Injector;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::error::Error;
use super::request_id::Named;
use super::retry;
use super::token::Tokens;

/// Nobody waits longer for one call; what clocks cannot count is no time either.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);

/// What one call wants otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions {
    /// Bounds the call with all its attempts, in place of the timeout of the [`Options`](super::Options).
    pub timeout: Option<Duration>,
}

pub(super) struct Caller {
    pub(super) channel: Channel,
    /// Streams have a connection of their own: the service takes 100 of both on one, and as many streams would keep every call
    /// waiting.
    pub(super) streams: Channel,
    pub(super) tokens: Tokens,
    pub(super) partner_id: Option<MetadataValue<Ascii>>,
    pub(super) timeout: Duration,
    pub(super) watch_silence: Duration,
}

impl Caller {
    /// Makes a call with all its attempts.
    pub(super) async fn unary<M, R, F>(
        &self,
        method: &'static str,
        mut message: M,
        options: CallOptions,
        send: impl Fn(Channel, Request<M>) -> F,
    ) -> Result<R, Error>
    where
        M: Named + Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let deadline = Instant::now() + options.timeout.unwrap_or(self.timeout).min(LONGEST);
        let request_id = message.name();
        let (mut attempts, mut token_replaced) = (0, false);
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            let sent = self.head(request.metadata_mut()).await;
            attempts += 1;
            let failed = match timeout_at(deadline, pin!(send(self.channel.clone(), request))).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => Error::new(method, &status),
                Err(_) => Error::late(method),
            };
            let failed = failed.of_call(&request_id, attempts);
            if failed.code() == Code::Unauthenticated && !token_replaced {
                token_replaced = true;
                if self.tokens.replaced(sent.as_ref()).await {
                    continue;
                }
            }
            if !waited(&failed, attempts, deadline).await {
                return Err(failed);
            }
        }
    }

    /// Writes the headers of one attempt; the credential among them, to compare it with a later one.
    pub(super) async fn head(&self, metadata: &mut MetadataMap) -> Option<MetadataValue<Ascii>> {
        get_text_map_propagator(|propagator| propagator.inject_context(&Context::current(), &mut Headers(metadata)));
        if let Some(id) = &self.partner_id {
            metadata.insert("x-litebox-partner-id", id.clone());
        }
        let token = self.tokens.current().await;
        if let Some(token) = &token {
            metadata.insert("authorization", token.clone());
        }
        token
    }
}

/// Waits until the call may be repeated, or says that it may not.
async fn waited(failed: &Error, attempts: u32, deadline: Instant) -> bool {
    if failed.code() != Code::Unavailable || attempts >= retry::ATTEMPTS {
        return false;
    }
    let pause = retry::pause(attempts).max(failed.retry_after().unwrap_or_default());
    // What went wrong says more than that time is up.
    if Instant::now() + pause >= deadline {
        return false;
    }
    sleep(pause).await;
    true
}

/// Headers of a trace; what cannot be one is left out, and what a program tells its own services: baggage may be private.
struct Headers<'a>(&'a mut MetadataMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        let traced = ["traceparent", "tracestate"].contains(&key.to_ascii_lowercase().as_str());
        if let (true, Ok(key), Ok(value)) = (traced, key.parse::<MetadataKey<Ascii>>(), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

#[cfg(feature = "server")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::Options;
    use crate::sdk::tests::scripted::Scripted;

    #[tokio::test]
    async fn headers_say_who_calls_and_how_long_it_may_take() {
        let scripted = Scripted::default();
        let options = Options { token: Some("secret".into()), partner_id: Some("p".into()), ..Options::default() };
        let partner = scripted.partner(options).await;
        let timeout = Some(Duration::from_secs(7));
        partner.kkts().with(CallOptions { timeout }).get("k").await.unwrap();
        assert_eq!(scripted.headers("authorization"), ["Bearer secret"]);
        assert_eq!(scripted.headers("x-litebox-partner-id"), ["p"]);
        let agent = format!("litebox-partner-rust/{}", env!("CARGO_PKG_VERSION"));
        assert!(scripted.headers("user-agent")[0].starts_with(&agent));
        // "6999000u", say.
        let told = scripted.headers("grpc-timeout").remove(0);
        assert!(told.starts_with('6') || told == "7S" || told == "7000000u", "{told}");
    }

    #[tokio::test]
    async fn a_call_waits_as_long_as_the_service_asks() {
        let asked = Duration::from_millis(400);
        let told = tonic_types::ErrorDetails::with_retry_info(Some(asked));
        let busy = <Status as tonic_types::StatusExt>::with_error_details(Code::Unavailable, "busy", told);
        let scripted = Scripted::failing([busy]);
        let partner = scripted.partner(Options::default()).await;
        let began = Instant::now();
        partner.kkts().get("k").await.unwrap();
        assert!(began.elapsed() >= asked, "{:?}", began.elapsed());
        assert_eq!(scripted.headers("user-agent").len(), 2);
    }
}
