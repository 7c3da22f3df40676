//! The codec of the gRPC emulators: protobuf that refuses fields it does not know.
//!
//! A decoder of protobuf drops unknown fields silently; here they mean that the two sides have different contracts. What
//! was understood, written again, is as long as what came; a message with more in it is longer.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Protobuf without unknown fields.
#[derive(Debug, Clone)]
pub struct Strict<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Strict<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Strict<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Half<T>;
    type Decoder = Half<U>;

    fn encoder(&mut self) -> Half<T> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<U> {
        Half(PhantomData)
    }
}

/// One direction.
#[derive(Debug, Clone)]
pub struct Half<T>(PhantomData<T>);

impl<T: Message> Encoder for Half<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|e| Status::internal(e.to_string()))
    }
}

impl<U: Message + Default> Decoder for Half<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let came = from.remaining();
        let message = U::decode(from).map_err(|_| Status::invalid_argument("the message is malformed"))?;
        if message.encoded_len() < came {
            return Err(Status::invalid_argument("the message has a field that the contract does not know"));
        }
        Ok(Some(message))
    }
}
