//! The port that Prometheus asks, of servers that run as processes.

mod ages;
mod alerts;
mod counts;
mod documented;
mod figures;
mod trouble;

use std::time::{Duration, Instant};

use litebox_partner::pb::client::ListRequest;
use tonic::Status;

use super::exposition::Exposition;
use crate::support::process::Server;

const LIST: &str = "litebox.client.v1.ClientService/List";

/// What the server shows now. It must answer at once, whatever else it does.
async fn scrape(server: &Server) -> Exposition {
    // Made before: it reads certificates, which takes its time.
    let client = reqwest::Client::new();
    let began = Instant::now();
    let answer = client.get(format!("http://{}/metrics", server.metrics())).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    Exposition::parse(&text)
}

/// One series now.
async fn shows(server: &Server, name: &str, labels: &[(&str, &str)]) -> f64 {
    scrape(server).await.get(name, labels)
}

/// How many calls of List were answered so.
fn lists(shown: &Exposition, code: &str) -> f64 {
    let labels = [("rpc_method", LIST), ("rpc_status_code", code)];
    shown.find("rpc_server_call_duration_seconds_count", &labels).unwrap_or(0.0)
}

async fn list(server: &Server, token: &str) -> Result<(), Status> {
    server.clients(token).list(ListRequest::default()).await.map(drop)
}
