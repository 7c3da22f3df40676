use serde_json::{Value, json};

use super::sandbox;

async fn call(method: &str, url: String, body: Value) -> (u16, Value) {
    let method = method.parse().unwrap();
    let answer = reqwest::Client::new().request(method, url).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn faults_are_added_shown_and_removed() {
    let sandbox = sandbox().await;
    let url = || format!("{}/sandbox/faults", sandbox.http_url());
    let (status, added) = call("POST", url(), json!({ "rule": "ofd.Connect:refuse=CODE_USED,times=1" })).await;
    assert_eq!((status, &added["id"]), (200, &json!(1)));
    assert_eq!(call("POST", url(), json!({ "rule": "ofd.Connect:explode" })).await.0, 400);
    assert_eq!(call("GET", url(), Value::Null).await.1["faults"][0]["rule"], added["rule"]);
    call("DELETE", url(), Value::Null).await;
    assert_eq!(call("GET", url(), Value::Null).await.1["faults"], json!([]));
}

#[tokio::test]
async fn registers_are_set_up_and_changed() {
    let sandbox = sandbox().await;
    let url = |path: &str| format!("{}/sandbox/devices{path}", sandbox.http_url());
    let kkt = json!({ "id": "till", "serial": "199036000123", "fn_serial": "9999078902000123" });
    assert_eq!(call("POST", url(""), kkt).await.0, 200);
    let (_, changed) = call("PATCH", url("/till"), json!({ "shift": "opened" })).await;
    assert_eq!((&changed["shift"], &changed["serial"]), (&json!("opened"), &json!("199036000123")));
    assert_eq!(call("PATCH", url("/till"), json!({ "colour": "red" })).await.0, 400);
    assert_eq!(call("PATCH", url("/nobody"), json!({})).await.0, 404);
}

#[tokio::test]
async fn the_ledger_can_be_waited_for_and_filtered() {
    let sandbox = sandbox().await;
    let base = sandbox.http_url();
    let waiter = tokio::spawn(call("GET", format!("{base}/sandbox/ledger?operation=device&wait=60000"), Value::Null));
    call("PATCH", format!("{base}/sandbox/devices/kkt-5"), json!({ "paper": false })).await;
    let (_, told) = waiter.await.unwrap();
    assert_eq!(told["entries"][0]["kind"], "state");
    let (_, none) = call("GET", format!("{base}/sandbox/ledger?kind=effect"), Value::Null).await;
    assert_eq!(none["entries"], json!([]));
}

#[tokio::test]
async fn the_inventory_learns_numbers() {
    let sandbox = sandbox().await;
    let url = || format!("{}/sandbox/inventory", sandbox.http_url());
    assert_eq!(call("POST", url(), json!({ "inn": "7707083893" })).await.0, 200);
    assert_eq!(call("POST", url(), json!({ "inn": "7707083894" })).await.0, 400);
}

#[tokio::test]
async fn a_caller_of_the_live_world_is_turned_away_unheard() {
    use litebox_partner::gateways::pb::ofd::{ReleaseCodeRequest, ofd_service_client::OfdServiceClient};
    let sandbox = sandbox().await;
    let channel = tonic::transport::Endpoint::from_shared(sandbox.grpc_url()).unwrap().connect().await.unwrap();
    let mut client = OfdServiceClient::new(channel);
    let mut request = tonic::Request::new(ReleaseCodeRequest { effect_id: super::effect(1).to_string() });
    request.metadata_mut().insert("x-litebox-environment", "live".parse().unwrap());
    assert_eq!(client.release_code(request).await.unwrap_err().code(), tonic::Code::PermissionDenied);

    let url = format!("{}/api/v2/serverInfo", sandbox.http_url());
    let answer = reqwest::Client::new().get(url).header("x-litebox-environment", "live").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert!(sandbox.entries().is_empty());
}

/// A message that begins as every command of the contracts does and has a field that none knows.
#[derive(Clone, PartialEq, prost::Message)]
struct Wider {
    #[prost(string, tag = "1")]
    effect_id: String,
    #[prost(string, tag = "99")]
    colour: String,
}

#[tokio::test]
async fn a_field_that_the_contract_does_not_know_is_refused() {
    let sandbox = sandbox().await;
    let channel = tonic::transport::Endpoint::from_shared(sandbox.grpc_url()).unwrap().connect().await.unwrap();
    let ask = async |path: &'static str, colour: &str| {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.unwrap();
        let wider = Wider { effect_id: super::effect(1).to_string(), colour: colour.into() };
        let codec = tonic_prost::ProstCodec::<Wider, Wider>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        client.unary(tonic::Request::new(wider), path, codec).await.map(|_| ()).map_err(|status| status.code())
    };
    for path in [
        "/litebox.gateway.accounts.v1.AccountsService/ReportOrVoid",
        "/litebox.gateway.fns.v1.FnsService/ReportOrVoid",
        "/litebox.gateway.ofd.v1.OfdService/ReportOrVoid",
        "/litebox.gateway.ofd.v1.OfdService/ReleaseCode",
    ] {
        assert_eq!(ask(path, "red").await, Err(tonic::Code::InvalidArgument), "{path}");
        assert_eq!(ask(path, "").await, Ok(()), "{path}");
    }
}
