//! One run: asks, learns what it has asked with, and keeps every error that it is told.

use litebox_partner::pb::kkt as pb;
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_types::StatusExt;

use super::search::Marks;
use crate::support::app::until;
use crate::support::raw::Raw;
use crate::tenancy::fields::{methods, name};
use crate::tenancy::wire::dynamic;

/// What has been asked and told so far.
pub struct Run {
    pub marks: Marks,
    /// The errors: of which call, the reason, everything in it.
    pub errors: Vec<(String, String, Vec<u8>)>,
    /// The reason of the last answer; empty when it was none.
    pub reason: String,
    pub channel: Channel,
    pub credentials: String,
}

/// `ClientService/Get`.
pub fn method(named: &str) -> MethodDescriptor {
    methods().into_iter().find(|method| name(method) == named).unwrap()
}

impl Run {
    pub fn new(channel: Channel, token: &str) -> Self {
        let mut marks = Marks::default();
        marks.add("token", token);
        // Without its public part, which may be told.
        marks.add("secret of a token", &token[21..]);
        Self { marks, errors: Vec::new(), reason: String::new(), channel, credentials: format!("Bearer {token}") }
    }

    /// Asks and is answered.
    pub async fn told<R: Message + Default>(&mut self, named: &str, message: &impl Message) -> R {
        let answer = self.ask(named, message).await;
        let last = || self.errors.last().map(|(call, _, all)| format!("{call}: {}", String::from_utf8_lossy(all)));
        R::decode(answer.unwrap_or_else(|| panic!("{named}: {:?}", last())).as_slice()).unwrap()
    }

    /// Asks; the answer, or none when it was an error.
    pub async fn ask(&mut self, named: &str, message: &impl Message) -> Option<Vec<u8>> {
        let method = method(named);
        self.send(&method, &dynamic(&method, message)).await
    }

    /// The same with a message of any content.
    pub async fn send(&mut self, method: &MethodDescriptor, message: &DynamicMessage) -> Option<Vec<u8>> {
        self.marks.learn(method, message);
        let answer = call(&self.channel, &self.credentials, method, message.encode_to_vec()).await;
        self.reason.clear();
        answer.map_err(|status| self.refused(&name(method), &status)).ok()
    }

    /// Keeps an error.
    pub fn refused(&mut self, call: &str, status: &Status) {
        self.reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        self.errors.push((call.to_owned(), self.reason.clone(), everything(status)));
    }

    /// A registration as it stands.
    pub async fn kkt(&mut self, id: &str) -> pb::Kkt {
        let request = pb::GetRequest { kkt_id: id.into() };
        self.told::<pb::GetResponse>("KktService/Get", &request).await.kkt.unwrap()
    }

    /// A registration when it has come so far.
    pub async fn reach(&mut self, id: &str, what: &str, wanted: impl Fn(&pb::Kkt) -> bool) -> pb::Kkt {
        let mut last = self.kkt(id).await;
        until(&format!("{what}, not {:?} {:?}", last.state(), last.blocked), async || {
            last = self.kkt(id).await;
            wanted(&last)
        })
        .await;
        last
    }

    /// The errors in which something marked is told. Where the contract gives addresses to choose from, they may be.
    pub fn leaks(&self) -> Vec<String> {
        let (all, addresses) = (self.marks.search(&[]), self.marks.search(&[".address."]));
        let leaks = self.errors.iter().flat_map(|(call, reason, told)| {
            let search = if reason == "ADDRESS_NOT_RESOLVED" { &addresses } else { &all };
            search.find(told).into_iter().map(move |hit| format!("{call} {reason}: {hit}"))
        });
        leaks.collect()
    }
}

/// Calls by bytes; of a stream everything until it ends.
pub async fn call(
    to: &Channel,
    credentials: &str,
    method: &MethodDescriptor,
    message: Vec<u8>,
) -> Result<Vec<u8>, Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name()).parse().unwrap();
    let mut grpc = Grpc::new(to.clone());
    grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", credentials.parse().unwrap());
    if !method.is_server_streaming() {
        return Ok(grpc.unary(request, path, Raw).await?.into_inner());
    }
    let mut stream = grpc.server_streaming(request, path, Raw).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(message) = stream.message().await? {
        bytes.extend(message);
    }
    Ok(bytes)
}

/// All of an error, decoded and as it came.
fn everything(status: &Status) -> Vec<u8> {
    let shown = format!("{} {:?} {:?}\n", status.message(), status.get_error_details(), status.metadata());
    [shown.as_bytes(), status.details()].concat()
}
