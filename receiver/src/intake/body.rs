//! A request's body, read within its time, its size and its share of the room for all.

use std::time::Duration;

use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::rejection::Rejection;

mod room;

pub(crate) use room::Room;
use room::Share;

/// What is charged and allocated at first for a body that does not say its length, in bytes.
const CHUNKED_BYTES: usize = 64 * 1024;

/// A body that was read whole, and its room, which it has until this is dropped. It has no `Debug`, which
/// would show it.
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    _share: Share,
}

/// How bodies are read.
#[derive(Debug)]
pub(crate) struct Bodies {
    pub(crate) room: Room,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

impl Bodies {
    /// Reads a body of `announced` bytes, or of a length that shows. Its room is taken before
    /// anything is read.
    pub(crate) async fn read(
        &self,
        payload: Payload,
        announced: Option<usize>,
    ) -> Result<Body, Rejection> {
        let capacity = announced.unwrap_or(CHUNKED_BYTES.min(self.max_bytes));
        let mut share = self.room.take(capacity)?;
        let given_up = share.given_up();
        let reading = async {
            tokio::select! {
                biased;
                () = given_up => Err(Rejection::Busy),
                body = self.gather(payload, capacity, &mut share) => body,
            }
        };
        let bytes =
            tokio::time::timeout(self.timeout, reading).await.unwrap_or(Err(Rejection::Slow))?;
        share.keep()?;
        Ok(Body { bytes, _share: share })
    }

    async fn gather(
        &self,
        mut payload: Payload,
        mut capacity: usize,
        share: &mut Share,
    ) -> Result<Bytes, Rejection> {
        // One chunk is the usual case and needs no copy.
        let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
        let first = first.map_err(|_| Rejection::Broken)?;
        if first.len() > self.max_bytes {
            return Err(Rejection::TooLarge);
        }
        let Some(second) = payload.next().await else { return Ok(first) };
        let mut chunk = second.map_err(|_| Rejection::Broken)?;
        capacity = capacity.max(first.len());
        let mut body = BytesMut::with_capacity(capacity);
        body.extend_from_slice(&first);
        loop {
            let length = body.len() + chunk.len();
            if length > self.max_bytes {
                return Err(Rejection::TooLarge);
            }
            if length > capacity {
                capacity = (capacity * 2).clamp(length, self.max_bytes);
                share.grow(capacity)?;
                body.reserve(capacity - body.len());
            }
            body.extend_from_slice(&chunk);
            match payload.next().await {
                None => return Ok(body.freeze()),
                Some(next) => chunk = next.map_err(|_| Rejection::Broken)?,
            }
        }
    }
}
