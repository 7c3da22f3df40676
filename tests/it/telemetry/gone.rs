//! Calls whose caller does not wait for the answer.

use litebox_partner::pb::client::ListRequest;
use litebox_partner::storage::Backend;

use crate::kkt::shop::{COMPANY, register};
use crate::support::stage::Stage;

#[tokio::test]
async fn a_call_whose_caller_goes_away_before_the_answer_has_its_line_with_who_it_was() {
    let stage = Stage::new(Backend::Sqlite).await;
    let server = stage.server().await;
    stage.sandbox.add_fault("accounts.FindByInn:hold,times=1").unwrap();
    let mut clients = server.clients(&stage.partner.token);
    let call = tokio::spawn(async move { clients.register(register(COMPANY)).await });
    stage.sandbox.wait_for_holds(|holds| holds.len() == 1).await;
    assert!(!server.log().contains("gone before the answer"));
    call.abort();
    server.says("gone before the answer").await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("gone before the answer")).unwrap();
    for part in
        ["litebox.client.v1.ClientService/Register", "\"CANCELLED\"", "\"caller\"", &stage.partner.id.to_string()]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
    stage.sandbox.release_holds();
    server.clients(&stage.partner.token).list(ListRequest::default()).await.unwrap();
    server.says("\"answered\"").await;
    assert_eq!(server.log().matches("gone before the answer").count(), 1, "what is answered has another line");
}
