//! What goes out for an event: address, headers, body, signature.

use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use shared::event::Event;

use super::choice::Body;
use super::outlet::Outlet;
use crate::clients::destinations::Outgoing;
use crate::destination::{Signed, Signing};

/// What names a delivery: the same in every attempt and replay, and another for each route.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The request for this event with this body, signed now.
pub(crate) fn outgoing<'a>(
    outlet: &'a Outlet,
    route: &str,
    event: &Event,
    body: Body,
) -> Outgoing<'a> {
    let Body { bytes, content_type } = body;
    let body = enveloped(outlet, bytes);
    // No full stop: Standard Webhooks parts what is signed by one.
    let id = format!("{}_{route}", event.identity);
    let signed = Signed {
        method: &outlet.method,
        url: &outlet.url,
        id: &id,
        now: SystemTime::now(),
        body: &body,
    };
    let mut headers = outlet.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let given = outlet.signing.headers(&signed).into_iter();
    for (name, value) in given.chain([(IDEMPOTENCY_KEY, id.clone())]) {
        // Letters, digits and signs of base64: always what a header can hold.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let (method, url, timeouts) = (&outlet.method, &outlet.url, outlet.timeouts);
    Outgoing { method, url, headers, body, timeouts }
}

/// As it is. Who verifies as HubSpot's endpoints do expects what HubSpot sends: a batch.
fn enveloped(outlet: &Outlet, body: Bytes) -> Bytes {
    if !matches!(outlet.signing, Signing::HubSpot { .. }) {
        return body;
    }
    let mut batch = BytesMut::with_capacity(body.len() + 2);
    batch.put_u8(b'[');
    batch.put_slice(&body);
    batch.put_u8(b']');
    batch.freeze()
}
