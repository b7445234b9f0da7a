//! A request's body, read within its time, its size and its share of the room for all.

use std::time::Duration;

use actix_web::dev::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::error::Refusal;
use crate::room::{Room, Share};

/// What is charged and allocated at first for a body that does not say its length, in bytes.
const CHUNKED_BYTES: usize = 64 * 1024;

/// How bodies are read.
#[derive(Debug)]
pub(crate) struct Bodies {
    pub(crate) room: Room,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

impl Bodies {
    /// Reads a body of `announced` bytes, or of a length that shows. Its room is taken before
    /// anything is read, and held until the share is dropped.
    pub(crate) async fn read(
        &self,
        payload: Payload,
        announced: Option<usize>,
    ) -> Result<(Bytes, Share), Refusal> {
        let capacity = announced.unwrap_or(CHUNKED_BYTES.min(self.max_bytes));
        let mut share = self.room.take(capacity)?;
        let given_up = share.given_up();
        let reading = async {
            tokio::select! {
                biased;
                () = given_up => Err(Refusal::Busy),
                body = self.gather(payload, capacity, &mut share) => body,
            }
        };
        let body =
            tokio::time::timeout(self.timeout, reading).await.unwrap_or(Err(Refusal::Slow))?;
        share.keep()?;
        Ok((body, share))
    }

    async fn gather(
        &self,
        mut payload: Payload,
        mut capacity: usize,
        share: &mut Share,
    ) -> Result<Bytes, Refusal> {
        // One chunk is the usual case and needs no copy.
        let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
        let first = first.map_err(|_| Refusal::Broken)?;
        if first.len() > self.max_bytes {
            return Err(Refusal::TooLarge);
        }
        let Some(second) = payload.next().await else { return Ok(first) };
        let mut chunk = second.map_err(|_| Refusal::Broken)?;
        capacity = capacity.max(first.len());
        let mut body = BytesMut::with_capacity(capacity);
        body.extend_from_slice(&first);
        loop {
            let length = body.len() + chunk.len();
            if length > self.max_bytes {
                return Err(Refusal::TooLarge);
            }
            if length > capacity {
                capacity = (capacity * 2).clamp(length, self.max_bytes);
                share.grow(capacity)?;
                body.reserve(capacity - body.len());
            }
            body.extend_from_slice(&chunk);
            match payload.next().await {
                None => return Ok(body.freeze()),
                Some(next) => chunk = next.map_err(|_| Refusal::Broken)?,
            }
        }
    }
}
