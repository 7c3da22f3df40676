//! Calls by bytes: any method of the contract, with everything that comes back.

use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage, Value, prost::Message};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::support::app::TestApp;
use crate::support::raw::Raw;

/// All that a caller gets to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub code: Code,
    pub text: String,
    /// Without the id of the call, which is different every time.
    pub details: Vec<String>,
    pub headers: Vec<String>,
    /// Of all messages; whole only for calls that answer.
    pub bytes: Vec<u8>,
}

impl Seen {
    fn of(result: Result<Vec<u8>, Status>) -> Self {
        match result {
            Ok(bytes) => Self { code: Code::Ok, text: String::new(), details: Vec::new(), headers: Vec::new(), bytes },
            Err(status) => Self::refused(&status),
        }
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
        let headers = status.metadata().keys().map(|key| format!("{key:?}")).collect();
        Self { code: status.code(), text: status.message().to_owned(), details, headers, bytes: Vec::new() }
    }

    /// Everything as one text, for looking for strings.
    pub fn everything(&self) -> String {
        format!("{} {} {}", self.text, self.details.join(" "), String::from_utf8_lossy(&self.bytes))
    }
}

/// Calls `method` with the token and tells all that came back; of a stream everything until it ends.
pub async fn call(app: &TestApp, token: &str, method: &MethodDescriptor, message: &DynamicMessage) -> Seen {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name()).parse().unwrap();
    let mut grpc = Grpc::new(app.channel());
    grpc.ready().await.unwrap();
    let mut request = Request::new(message.encode_to_vec());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    if !method.is_server_streaming() {
        return Seen::of(grpc.unary(request, path, Raw).await.map(tonic::Response::into_inner));
    }
    let stream = match grpc.server_streaming(request, path, Raw).await {
        Ok(answer) => answer,
        Err(status) => return Seen::refused(&status),
    };
    let mut stream = stream.into_inner();
    let mut bytes = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(message)) => bytes.extend(message),
            Ok(None) => return Seen::of(Ok(bytes)),
            Err(status) => return Seen::refused(&status),
        }
    }
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
