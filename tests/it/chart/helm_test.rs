//! `helm test`: the pods that the chart renders for it, run against a server that runs as it is rendered.

use serde_json::{Value, json};

use super::manifest::{Release, helm};
use super::standing::Standing;

const MODE: &str = "test-sqlite-values.yaml";

/// With a call, which shows a token.
fn values(tls: Value) -> Value {
    json!({"serviceTokens": {"enabled": true}, "tests": {"authenticated": {"enabled": true}}, "tls": tls})
}

fn call(release: &Release) -> Value {
    let mut calls = release.tests().filter(|pod| pod["metadata"]["name"] == "shop-litebox-partner-test-call");
    calls.next().unwrap().clone()
}

async fn is_let_in_with_its_own_token_alone(standing: &Standing) {
    let mut ran = 0;
    for pod in standing.release.tests() {
        assert_eq!(standing.tested(pod).await, None, "{}", pod["metadata"]["name"]);
        ran += 1;
    }
    assert_eq!(ran, 2);
    let mut elsewhere = call(&standing.release);
    elsewhere["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"] = "elsewhere".into();
    let mut stranger = call(&standing.release);
    stranger["spec"]["serviceAccountName"] = "default".into();
    for pod in [elsewhere, stranger] {
        let said = standing.tested(&pod).await.unwrap();
        assert!(said.contains("a call with the token: The request does not have valid authentication"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_helm_test_is_let_in_with_the_projected_token_and_with_no_other() {
    let Some(helm) = helm() else { return };
    let callers = json!({"existingSecret": "authorities", "required": true, "probeSecret": "probe"});
    for tls in [json!({}), json!({"enabled": true, "existingSecret": "t", "clientCa": callers})] {
        println!("with TLS: {tls}");
        let standing = Standing::start(&helm, MODE, values(tls)).await.unwrap();
        is_let_in_with_its_own_token_alone(&standing).await;
    }
}
