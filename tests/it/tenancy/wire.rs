//! Calls by bytes: any method of the contract, with everything that comes back.

use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value};
use tonic::client::Grpc;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt;

use crate::support::app::TestApp;
use crate::support::raw::Raw;

/// Headers and trailers. Their values differ from call to call: they are looked into, and only the names compared.
#[derive(Debug, Clone, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    fn of<'a>(all: impl IntoIterator<Item = &'a MetadataMap>) -> Self {
        let read = |header: KeyAndValueRef<'_>| match header {
            KeyAndValueRef::Ascii(name, value) => (name.to_string(), text(value.as_encoded_bytes())),
            KeyAndValueRef::Binary(name, value) => (name.to_string(), text(&value.to_bytes().unwrap())),
        };
        let mut headers: Vec<_> = all.into_iter().flat_map(MetadataMap::iter).map(read).collect();
        headers.sort();
        Self(headers)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that a caller gets to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub code: Code,
    pub text: String,
    /// Without the id of the call, which is different every time.
    pub details: Vec<String>,
    pub headers: Headers,
    /// Of all messages; whole only for calls that answer.
    pub bytes: Vec<u8>,
}

impl Seen {
    fn answered(bytes: Vec<u8>, headers: Headers) -> Self {
        Self { code: Code::Ok, text: String::new(), details: Vec::new(), headers, bytes }
    }

    fn refused(status: &Status) -> Self {
        let all = status.get_error_details();
        let details = vec![
            format!("{:?}", all.error_info()),
            format!("{:?}", all.localized_message()),
            format!("{:?}", all.retry_info()),
            format!("{:?}", all.bad_request()),
            format!("{:?}", all.precondition_failure()),
            format!("{:?} {:?} {:?}", all.resource_info(), all.quota_failure(), all.help()),
            format!("{:?}", all.debug_info()),
            format!("request info: {}", all.request_info().is_some()),
        ];
        let headers = Headers::of([status.metadata()]);
        Self { code: status.code(), text: status.message().to_owned(), details, headers, bytes: Vec::new() }
    }

    /// Everything as one text, for looking for strings.
    pub fn everything(&self) -> String {
        format!("{} {} {} {:?}", self.text, self.details.join(" "), text(&self.bytes), self.headers)
    }
}

/// Calls `method` with the token and tells all that came back; of a stream everything until it ends.
pub async fn call(app: &TestApp, token: &str, method: &MethodDescriptor, message: &DynamicMessage) -> Seen {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name()).parse().unwrap();
    let mut grpc = Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let mut request = Request::new(message.encode_to_vec());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let seen = if method.is_server_streaming() {
        match grpc.server_streaming(request, path, Raw).await {
            Ok(answer) => followed(answer).await,
            Err(status) => Err(status),
        }
    } else {
        let answer = grpc.unary(request, path, Raw).await;
        answer.map(|answer| Seen::answered(answer.get_ref().clone(), Headers::of([answer.metadata()])))
    };
    seen.unwrap_or_else(|status| Seen::refused(&status))
}

/// A stream to its end.
async fn followed(answer: Response<Streaming<Vec<u8>>>) -> Result<Seen, Status> {
    let (headers, mut stream, _) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(message) = stream.message().await? {
        bytes.extend(message);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    Ok(Seen::answered(bytes, Headers::of([&headers, &trailers])))
}

/// The typed request of a method as one that can be changed by name.
pub fn dynamic(method: &MethodDescriptor, request: &impl Message) -> DynamicMessage {
    DynamicMessage::decode(method.input(), request.encode_to_vec().as_slice()).unwrap()
}

/// The same request with another text at `path`; in a list it becomes the only one.
pub fn with(message: &DynamicMessage, path: &str, text: &str) -> DynamicMessage {
    let mut message = message.clone();
    set(&mut message, path, text);
    message
}

/// Whether a text stands at `path`.
pub fn is_text(message: &MessageDescriptor, path: &str) -> bool {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match (message.get_field_by_name(head).unwrap().kind(), rest) {
        (Kind::Message(inner), Some(rest)) => is_text(&inner, rest),
        (kind, _) => kind == Kind::String,
    }
}

fn set(message: &mut DynamicMessage, path: &str, text: &str) {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let field = message.descriptor().get_field_by_name(head).unwrap();
    match rest {
        Some(rest) => match message.get_field_mut(&field) {
            Value::Message(inner) => set(inner, rest, text),
            other => panic!("{head} is {other:?}"),
        },
        None if field.is_list() => message.set_field(&field, Value::List(vec![Value::String(text.to_owned())])),
        None => message.set_field(&field, Value::String(text.to_owned())),
    }
}

#[test]
fn what_stands_in_a_header_is_seen() {
    let mut said = MetadataMap::new();
    said.insert("x-note", "a canary".parse().unwrap());
    said.insert_bin("x-note-bin", tonic::metadata::MetadataValue::from_bytes("ещё одна".as_bytes()));
    let all = Seen::refused(&Status::with_metadata(Code::NotFound, "", said)).everything();
    assert!(all.contains("a canary") && all.contains("ещё одна"), "{all}");
}
