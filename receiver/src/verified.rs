//! A delivery that HubSpot signed, as an extractor: a handler cannot see any other.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use shared::clock::now_ms;
use shared::signature::{Rejection, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::app::Intake;
use crate::error::Refusal;
use crate::receipt::Receipt;
use crate::rejections::Refused;

const GUESSED_URL: &str = "PUBLIC_URL is not set, so the URL was guessed from the Host header: \
    set it to the origin HubSpot calls";

/// A delivery whose signature holds.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The body as received.
    pub(crate) body: Bytes,
    /// When its head had come.
    pub(crate) since: Instant,
    /// Its receipt, until it is answered.
    pub(crate) receipt: Receipt,
    /// Held until the delivery is answered.
    _room: Room,
}

impl FromRequest for Verified {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload, since) = (request.clone(), payload.take(), Instant::now());
        Box::pin(async move {
            let Some(intake) = request.app_data::<Data<Intake>>() else {
                return Err(Refusal::NotFound);
            };
            let receipt = Receipt::begin(&intake.tracer, &request);
            let (body, room) = verify(&request, payload, intake, &receipt).await?;
            Ok(Self { body, since, receipt, _room: room })
        })
    }
}

async fn verify(
    request: &HttpRequest,
    payload: Payload,
    intake: &Intake,
    receipt: &Receipt,
) -> Result<(Bytes, Room), Refusal> {
    let url = public_url(request, intake);
    // Read also before a refusal, unless it is too large: leaving a body unread costs the
    // connection.
    let read = if announced(request).is_some_and(|length| length > intake.max_body_bytes) {
        Err(Refusal::TooLarge)
    } else {
        read(payload, intake).await
    };
    let checked =
        read.and_then(|read| is_json(request).then_some(read).ok_or(Refusal::ContentType));
    let (body, room) = match checked {
        Ok(read) => read,
        Err(refusal) => {
            refused(intake, request, receipt, &url, &refusal, None);
            return Err(refusal);
        }
    };
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let signed = Request {
        method: request.method().as_str(),
        uri: &url,
        body: &body,
        signature_v3: header("x-hubspot-signature-v3"),
        timestamp: header("x-hubspot-request-timestamp"),
        signature: header("x-hubspot-signature"),
        version: header("x-hubspot-signature-version"),
    };
    match intake.verifier.verify(&signed, now_ms()) {
        Ok(version) => {
            intake.metrics.verified(version.to_string());
            Ok((body, room))
        }
        Err(rejection) => {
            let hint = match rejection {
                Rejection::Mismatch if intake.public_url.is_guessed() => Some(GUESSED_URL),
                _ => rejection.hint(&signed),
            };
            let refusal = Refusal::Signature(rejection);
            refused(intake, request, receipt, &url, &refusal, hint);
            Err(refusal)
        }
    }
}

/// The URL as HubSpot wrote it.
pub(crate) fn public_url(request: &HttpRequest, intake: &Intake) -> String {
    let path = request.uri().path_and_query().map_or_else(|| request.path(), |path| path.as_str());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    intake.public_url.rebuild(host, path)
}

/// Counts, logs and keeps a refusal.
pub(crate) fn refused(
    intake: &Intake,
    request: &HttpRequest,
    receipt: &Receipt,
    url: &str,
    refusal: &Refusal,
    hint: Option<&'static str>,
) {
    let code = refusal.code();
    intake.metrics.refused(code);
    let refused = Refused::new(code, request, url, hint);
    tracing::warn!(
        reason = code,
        http.method = request.method().as_str(),
        url.path = request.path(),
        clock_distance_ms = refused.clock_distance_ms(),
        hint,
        trace.id = receipt.trace_id(),
        span.id = receipt.span_id(),
        "request refused"
    );
    receipt.refused(refusal);
    intake.rejections.add(refused);
}

/// The body's length as the request says it; HTTP/1.1 sees to it that this is true.
fn announced(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body, within its limits and within what all bodies together may take up.
async fn read(mut payload: Payload, intake: &Intake) -> Result<(Bytes, Room), Refusal> {
    let reading = async {
        let mut room = Room::default();
        // One chunk is the usual case and needs no copy.
        let mut body = match payload.next().await {
            None => return Ok((Bytes::new(), room)),
            Some(chunk) => chunk.map_err(|_| Refusal::Broken)?,
        };
        let mut gathered: Option<BytesMut> = None;
        loop {
            let length = gathered.as_ref().map_or(body.len(), BytesMut::len);
            if length > intake.max_body_bytes {
                return Err(Refusal::TooLarge);
            }
            room.grow(&intake.bodies, length)?;
            match payload.next().await {
                None => break,
                Some(chunk) => {
                    let chunk = chunk.map_err(|_| Refusal::Broken)?;
                    gathered
                        .get_or_insert_with(|| BytesMut::from(&*std::mem::take(&mut body)))
                        .extend_from_slice(&chunk);
                }
            }
        }
        Ok((gathered.map_or(body, BytesMut::freeze), room))
    };
    tokio::time::timeout(intake.body_timeout, reading).await.unwrap_or(Err(Refusal::Slow))
}

/// What one body takes up of the room for all: without a bound on the sum, anybody could fill
/// the memory with bodies that nobody signed.
#[derive(Debug, Default)]
struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Takes room for `length` bytes in all, in KiB.
    fn grow(&mut self, bodies: &Arc<Semaphore>, length: usize) -> Result<(), Refusal> {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(length.div_ceil(1024).saturating_sub(held)).unwrap_or(u32::MAX);
        let more = Arc::clone(bodies).try_acquire_many_owned(missing).map_err(|_| Refusal::Busy)?;
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }
}

fn is_json(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn bodies_share_one_room_and_give_it_back() {
        let bodies = Arc::new(Semaphore::new(10));
        let (mut first, mut second) = (Room::default(), Room::default());
        first.grow(&bodies, 1).unwrap();
        first.grow(&bodies, 6 * 1024).unwrap();
        assert_eq!(bodies.available_permits(), 4);
        second.grow(&bodies, 4 * 1024).unwrap();
        assert!(matches!(second.grow(&bodies, 4 * 1024 + 1), Err(Refusal::Busy)));
        drop(first);
        second.grow(&bodies, 10 * 1024).unwrap();
        drop(second);
        assert_eq!(bodies.available_permits(), 10);
    }
}
