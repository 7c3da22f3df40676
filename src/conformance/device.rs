//! ATOL Web Requests v2, as far as this service uses it. Only questions are asked: no fiscal drive is ever written to.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, Url};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Case, Checked, Finding, Inputs, Trouble, Unchecked, broken, cases, expect, fresh, run};
use crate::clock::Ids;
use crate::gateways::config::AtolConfig;
use crate::gateways::device::{AtolDevice, Device, DeviceAddress, Inquiry, TaskResult, VoidedTask};
use crate::values::EffectId;

const ANSWER: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// What the cases work with.
struct Bench<'a> {
    http: Client,
    device: AtolDevice,
    at: DeviceAddress,
    inputs: &'a Inputs,
    ids: &'a Ids,
}

/// Tries the protocol on the hub at `url`.
pub(super) async fn check(url: &str, inputs: &Inputs, ids: &Ids) -> Result<Vec<Finding>, Unchecked> {
    let http = Client::builder().timeout(ANSWER).no_proxy().build().map_err(|e| Unchecked::Input(e.to_string()))?;
    let at = DeviceAddress { hub: url.to_owned(), device: inputs.device.clone() };
    let address = requests(&at, None).ok_or_else(|| Unchecked::Input(format!("{url} is not a URL")))?;
    let config = AtolConfig {
        user: inputs.hub_user.clone(),
        password: SecretString::from(inputs.hub_password.clone()),
        ..AtolConfig::default()
    };
    let device = AtolDevice::new(&config, super::taxpayers::world(&http, address).await, ids.clone())?;
    let bench = Bench { http, device, at, inputs, ids };
    Ok(run(&all(), &bench, false).await)
}

fn all<'a>() -> [Case<Bench<'a>>; 9] {
    cases! {
        Reads unknown_request "unknown request" "an unknown uuid is 404, when asked for and when withdrawn"
        Reads missing_fields "missing fields" "a request without uuid or tasks is 400"
        Reads unknown_device "unknown device" "a request for a device that the hub does not have is not taken"
        Reads answered "question" "a question is queued with 201 and its result can be read"
        Reads taken_once "repeated request" "the same uuid again is 409"
        Reads finished "finished request" "a finished request is not withdrawn: 409"
        Reads inspected "inspection" "device, status, shift and FN answer as the driver's texts say"
        Reads registration "registration" "the FN tells its registration, or the driver's error"
        Reads occupied "occupied uuid" "a uuid that questions occupy is read as void, and takes nothing else: 409"
    }
}

/// `{hub}/api/v2/requests`, of this device or with a uuid.
fn requests(at: &DeviceAddress, id: Option<&str>) -> Option<Url> {
    let mut url = Url::parse(&at.hub).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["api", "v2", "requests"]).extend(id);
    if id.is_none() {
        url.query_pairs_mut().append_pair("deviceID", &at.device);
    }
    Some(url)
}

impl Bench<'_> {
    async fn call(
        &self,
        method: Method,
        at: &DeviceAddress,
        id: Option<&str>,
        body: &Value,
    ) -> Result<Response, Trouble> {
        let url = requests(at, id).ok_or_else(|| broken("not a URL"))?;
        let mut request = self.http.request(method.clone(), url);
        if method == Method::POST {
            request = request.json(body);
        }
        if !self.inputs.hub_user.is_empty() {
            request = request.basic_auth(&self.inputs.hub_user, Some(&self.inputs.hub_password));
        }
        request.send().await.map_err(|e| broken(format!("no answer: {}", e.without_url())))
    }

    async fn status(&self, method: Method, id: &str) -> Result<StatusCode, Trouble> {
        Ok(self.call(method, &self.at, Some(id), &Value::Null).await?.status())
    }

    async fn post(&self, body: &Value) -> Result<StatusCode, Trouble> {
        Ok(self.call(Method::POST, &self.at, None, body).await?.status())
    }

    fn id(&self) -> String {
        fresh(self.ids).to_string()
    }

    /// Asks under a new uuid and waits for the result.
    async fn asked(&self) -> Result<String, Trouble> {
        let id = self.id();
        status("a new request", self.post(&question(&id)).await?, StatusCode::CREATED)?;
        match tokio::time::timeout(PATIENCE, self.ended(&id)).await {
            Ok(ended) => ended.map(|()| id),
            Err(_) => Err(broken(format!("no result within {} s", PATIENCE.as_secs()))),
        }
    }

    async fn ended(&self, id: &str) -> Checked {
        loop {
            let answer = self.call(Method::GET, &self.at, Some(id), &Value::Null).await?;
            status("a request that was taken", answer.status(), StatusCode::OK)?;
            let body: Value = answer.json().await.map_err(|_| broken("the result is not JSON"))?;
            let state = body["results"][0]["status"].as_str().unwrap_or_default().to_owned();
            match state.as_str() {
                "wait" | "inProgress" => tokio::time::sleep(PAUSE).await,
                "ready" => return Ok(()),
                other => return Err(broken(format!("the result has the status {other:?}"))),
            }
        }
    }

    fn effect(&self) -> Result<EffectId, Trouble> {
        EffectId::parse(&self.id()).map_err(|_| broken("no effect id"))
    }
}

fn question(id: &str) -> Value {
    json!({ "uuid": id, "request": [{ "type": "getDeviceInfo" }] })
}

fn status(what: &str, seen: StatusCode, expected: StatusCode) -> Checked {
    expect(seen == expected, || format!("{what}: {} instead of {}", seen.as_u16(), expected.as_u16()))
}

async fn unknown_request(bench: &Bench<'_>) -> Checked {
    let id = bench.id();
    status("a question", bench.status(Method::GET, &id).await?, StatusCode::NOT_FOUND)?;
    status("a withdrawal", bench.status(Method::DELETE, &id).await?, StatusCode::NOT_FOUND)
}

async fn missing_fields(bench: &Bench<'_>) -> Checked {
    let tasks = json!({ "request": [{ "type": "getDeviceInfo" }] });
    status("no uuid", bench.post(&tasks).await?, StatusCode::BAD_REQUEST)?;
    status("no tasks", bench.post(&json!({ "uuid": bench.id() })).await?, StatusCode::BAD_REQUEST)
}

async fn unknown_device(bench: &Bench<'_>) -> Checked {
    let at = DeviceAddress { device: format!("none-{}", bench.id()), ..bench.at.clone() };
    let seen = bench.call(Method::POST, &at, None, &question(&bench.id())).await?.status();
    expect(seen.is_client_error(), || format!("the status {}", seen.as_u16()))
}

async fn answered(bench: &Bench<'_>) -> Checked {
    bench.asked().await.map(drop)
}

async fn taken_once(bench: &Bench<'_>) -> Checked {
    let id = bench.asked().await?;
    status("the uuid again", bench.post(&question(&id)).await?, StatusCode::CONFLICT)
}

async fn finished(bench: &Bench<'_>) -> Checked {
    let id = bench.asked().await?;
    status("a withdrawal", bench.status(Method::DELETE, &id).await?, StatusCode::CONFLICT)
}

async fn inspected(bench: &Bench<'_>) -> Checked {
    bench.device.inspect(&bench.at).await.map(drop).map_err(|inquiry| broken(worded(inquiry)))
}

async fn registration(bench: &Bench<'_>) -> Checked {
    match bench.device.registration(&bench.at).await {
        Ok(_) | Err(Inquiry::Driver(_)) => Ok(()),
        Err(inquiry) => Err(broken(worded(inquiry))),
    }
}

fn worded(inquiry: Inquiry) -> String {
    match inquiry {
        Inquiry::Hub(setback) => setback.to_string(),
        Inquiry::Driver(error) => format!("the driver's error {}", error.code),
    }
}

async fn occupied(bench: &Bench<'_>) -> Checked {
    let effect = bench.effect()?;
    for _ in 0..2 {
        let seen = bench.device.void(&bench.at, effect).await.map_err(|setback| broken(setback.to_string()))?;
        expect(seen == VoidedTask::Void, || format!("the uuid is not void: {seen:?}"))?;
    }
    let seen = bench.device.result(&bench.at, effect).await.map_err(|setback| broken(setback.to_string()))?;
    expect(seen == TaskResult::Voided, || format!("the result reads {seen:?}"))?;
    status("the uuid again", bench.post(&question(&effect.to_string())).await?, StatusCode::CONFLICT)
}
