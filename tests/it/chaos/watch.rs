//! A stream tells what another replica has done: the one that streams never drives a registration.

use std::collections::BTreeSet;
use std::time::Duration;

use litebox_partner::pb::kkt as pb;
use litebox_partner::pb::kkt::kkt_service_client::KktServiceClient;
use pb::watch_response::Event;
use tokio::time::timeout;

use super::amounts::report;
use super::fleet::{Fleet, Profile, possible};
use super::load::Load;

/// The replica that streams looks for work once in ten minutes; all other calls go to the other.
const STREAMS: usize = 0;
const WORKS: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_the_whole_way_of_a_registration_that_another_replica_drives() {
    if !possible() {
        return;
    }
    let mut profile = Profile::pair(1, &[]);
    profile.replicas[STREAMS].push(("worker.idle_poll_ms", "600000".to_owned()));

    profile.replicas[STREAMS].push(("server.watch_poll_ms", "10".to_owned()));
    let load = Load::new(Fleet::start(profile).await);
    let caller = load.caller(0);
    let client = load.client(0).await;
    // FNS takes its time, so that the states before and after are seen.
    load.fleet.sandbox.add_fault("fns.GetApplication:delay=200ms").unwrap();
    let mut stream = KktServiceClient::new(caller.wire(STREAMS).unwrap());
    let mut stream = stream.watch(pb::WatchRequest::default()).await.unwrap().into_inner();
    let order = load.order(0, &client).await;
    let mut works = KktServiceClient::new(caller.wire(WORKS).unwrap());
    let id = works.quick_register(order).await.unwrap().into_inner().kkt.unwrap().id;
    let mut told = BTreeSet::new();
    let following = async {
        while !told.contains(&pb::KktState::Registered) {
            let message = stream.message().await.unwrap().expect("the stream has ended early");
            if let Some(Event::Kkt(kkt)) = message.event {
                assert_eq!(kkt.id, id);
                told.insert(kkt.state());
            }
        }
    };
    timeout(Duration::from_secs(60), following).await.expect("the end was never told");
    assert!(told.contains(&pb::KktState::AwaitingRnm) && told.contains(&pb::KktState::AwaitingCard), "{told:?}");
    report("stream at the replica that does not work", 1, &format!("{} states told", told.len()));
}
