//! Every span and every event, of every library and at every level, also those that no log shows.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use litebox_partner::pb::client as cl;
use litebox_partner::pb::kkt as pb;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::canaries::requests::{company, order, register};
use super::canaries::run::Run;
use crate::kkt::shop::Shop;
use crate::support::app::{TestApp, on_both_apps};

/// Writes down all fields.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }
}

impl<S: Subscriber> Layer<S> for Said {
    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut said = self.0.lock().unwrap();
        let _ = write!(said, "\nspan {} {}", span.metadata().target(), span.metadata().name());
        span.record(&mut Line(&mut said));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = self.0.lock().unwrap();
        let _ = write!(said, "\nevent {}", event.metadata().target());
        event.record(&mut Line(&mut said));
    }
}

/// On one thread, so that all that runs for this test, and nothing else, tells this subscriber.
#[tokio::test]
async fn no_span_and_no_event_of_any_library_holds_anything_personal() {
    on_both_apps(async |app| {
        let said = Said::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(said.clone()));
        // Other tests may have been meeting the same places in the code just now, without anybody who listens; after a first call
        // all of them are known, and are told that somebody does.
        app.clients().list(cl::ListRequest::default()).await.unwrap();
        tracing::callsite::rebuild_interest_cache();
        let run = registered(app).await;
        drop(guard);
        let all = said.0.lock().unwrap();
        for expected in ["span litebox_partner::grpc::call call method=litebox.kkt", "span h2::", "event hyper_util::"]
        {
            assert!(all.contains(expected), "{expected}");
        }
        assert_eq!(run.marks.search(&[]).find(all.as_bytes()), Vec::<String>::new());
    })
    .await;
}

/// From the tax number to the card.
async fn registered(app: &TestApp) -> Run {
    let mut run = Run::new(app.channel(), &app.partner.token);
    let call = register(&company(11), 0);
    let client_id = run.told::<cl::RegisterResponse>("ClientService/Register", &call).await.client.unwrap().id;
    run.ask("ClientService/Register", &register(&company(11), 20)).await;
    assert_eq!(run.reason, "CLIENT_ALREADY_REGISTERED");
    let shop = Shop { app, client_id, kkts: app.kkts() };
    let order = order(&shop.client_id, &shop.device(1).await, 1);
    let kkt = run.told::<pb::QuickRegisterResponse>("KktService/QuickRegister", &order).await.kkt.unwrap();
    run.reach(&kkt.id, "REGISTERED", |kkt| kkt.state() == pb::KktState::Registered).await;
    run
}
