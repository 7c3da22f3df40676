use kkt::watch_response::Event;
use tonic::{Code, Streaming};

use super::*;

/// A client and a way to its registrations.
async fn ready(front: &Front) -> (KktServiceClient<With>, String) {
    let token = front.partner().await;
    let request = registration("7707083893", "shop@example.ru");
    let card = front.clients(&token).register(request).await.unwrap().into_inner().client.unwrap();
    (front.kkts(&token), card.id)
}

async fn ordered(kkts: &mut KktServiceClient<With>, client_id: &str, number: u32) -> kkt::Kkt {
    let serial = format!("001061{number:08}");
    let mut request = order(client_id, &serial, &format!("99990789020{number:05}"));
    // Whatever the catalogues warn of has been read.
    loop {
        match kkts.quick_register(request.clone()).await {
            Ok(answer) => return answer.into_inner().kkt.unwrap(),
            Err(status) => {
                let details = tonic_types::StatusExt::get_error_details(&status);
                let words: Vec<_> = details
                    .precondition_failure()
                    .unwrap_or_else(|| panic!("{status:?}"))
                    .violations
                    .iter()
                    .map(|v| v.r#type.clone())
                    .collect();
                assert!(request.acknowledged_warnings.is_empty(), "{status:?}");
                request.acknowledged_warnings = words;
            }
        }
    }
}

/// The next registration told, with its token; `None` when the stream ended with OK.
async fn next(stream: &mut Streaming<kkt::WatchResponse>) -> Option<(kkt::Kkt, String)> {
    loop {
        let message = stream.message().await.unwrap()?;
        assert!(!message.resume_token.is_empty());
        if let Some(Event::Kkt(kkt)) = message.event {
            return Some((kkt, message.resume_token));
        }
    }
}

#[tokio::test]
async fn an_order_is_accepted_shown_and_listed() {
    let front = Front::new().await;
    let (mut kkts, client_id) = ready(&front).await;
    let kkt = ordered(&mut kkts, &client_id, 1).await;
    assert_eq!((kkt.state(), kkt.revision), (kkt::KktState::Reserving, 1));
    let got = kkts.get(kkt::GetRequest { kkt_id: kkt.id.clone() }).await.unwrap().into_inner().kkt.unwrap();
    assert_eq!(got.history.len(), 1);
    let states = vec![kkt::KktState::Reserving.into()];
    let query = kkt::ListRequest { client_id, states, ..kkt::ListRequest::default() };
    let page = kkts.list(query).await.unwrap().into_inner();
    assert_eq!(page.kkts.iter().map(|k| k.id.as_str()).collect::<Vec<_>>(), [kkt.id.as_str()]);
}

#[tokio::test]
async fn a_watched_registration_is_told_as_it_is_and_the_stream_ends_with_ok() {
    let front = Front::new().await;
    let (mut kkts, client_id) = ready(&front).await;
    let kkt = ordered(&mut kkts, &client_id, 1).await;
    let request = kkt::WatchRequest { kkt_ids: vec![kkt.id.clone()], ..kkt::WatchRequest::default() };
    let mut stream = kkts.watch(request).await.unwrap().into_inner();
    let (first, _) = next(&mut stream).await.unwrap();
    assert_eq!((first.id, first.revision), (kkt.id, 1));
    assert_eq!(next(&mut stream).await, None);
}

#[tokio::test]
async fn a_stream_begins_with_a_sign_of_life_and_its_last_message_is_an_end() {
    let front = Front::new().await;
    let (mut kkts, _) = ready(&front).await;
    let mut stream = kkts.watch(kkt::WatchRequest::default()).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(matches!(first.event, Some(Event::Heartbeat(_))), "{first:?}");
    assert!(!first.resume_token.is_empty(), "whoever is cut off now can go on");
    front.stop.cancel();
    let message = stream.message().await.unwrap().unwrap();
    assert!(matches!(message.event, Some(Event::End(kkt::End {}))));
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_watch_of_the_whole_partner_tells_new_orders_and_goes_on_from_a_token() {
    let front = Front::new().await;
    let (mut kkts, client_id) = ready(&front).await;
    let mut stream = kkts.watch(kkt::WatchRequest::default()).await.unwrap().into_inner();
    let first = ordered(&mut kkts, &client_id, 1).await;
    let (told, resume_token) = next(&mut stream).await.unwrap();
    assert_eq!(told.id, first.id);
    drop(stream);

    let second = ordered(&mut kkts, &client_id, 2).await;
    let request = kkt::WatchRequest { resume_token, ..kkt::WatchRequest::default() };
    let mut stream = kkts.watch(request).await.unwrap().into_inner();
    let mut told = Vec::new();
    while let Some((kkt, _)) = next(&mut stream).await {
        told.push(kkt.id);
    }
    assert!(told.contains(&second.id), "{told:?}");
}

#[tokio::test]
async fn a_token_of_another_question_and_a_foreign_id_are_refused() {
    let front = Front::new().await;
    let (mut kkts, client_id) = ready(&front).await;
    let kkt = ordered(&mut kkts, &client_id, 1).await;
    let mut stream = kkts.watch(kkt::WatchRequest::default()).await.unwrap().into_inner();
    let (_, resume_token) = next(&mut stream).await.unwrap();
    let other = kkt::WatchRequest { kkt_ids: vec![kkt.id.clone()], resume_token };
    assert_eq!(kkts.watch(other).await.unwrap_err().code(), Code::InvalidArgument);

    let mut stranger = front.kkts(&front.token(Theme::LiteBox, Scopes::all()).await);
    let foreign = kkt::WatchRequest { kkt_ids: vec![kkt.id], ..kkt::WatchRequest::default() };
    assert_eq!(stranger.watch(foreign).await.unwrap_err().code(), Code::NotFound);
}
