//! What goes out for an event: address, headers, body, signature.

use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use shared::event::Event;

use super::choice::Body;
use super::form::{self, Part};
use super::outlet::Outlet;
use crate::clients::destinations::Outgoing;
use crate::destination::{Signed, Signing};

/// What names a delivery: the same in every attempt and replay, and another for each route.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const JSON: &str = "application/json";

/// The request for this event with this body, signed now: where events gather, a batch of one.
pub(crate) fn outgoing<'a>(
    outlet: &'a Outlet,
    route: &str,
    event: &Event,
    body: Body,
) -> Outgoing<'a> {
    let Body { bytes, content_type } = body;
    let id = name(event, route);
    let part = Part { id: &id, body: &bytes };
    if outlet.batching.is_some() {
        return batch(outlet, &[part]);
    }
    // Who verifies as HubSpot's endpoints do expects what HubSpot sends: a batch.
    let is_listed = matches!(outlet.signing, Signing::HubSpot { .. });
    let body = if is_listed { form::listed(&[part]) } else { bytes };
    request(outlet, &id, content_type, body)
}

/// The request for these events, of which each has a body in JSON, signed now.
pub(crate) fn batch<'a>(outlet: &'a Outlet, parts: &[Part<'_>]) -> Outgoing<'a> {
    let body = match outlet.signing {
        Signing::HubSpot { .. } => form::listed(parts),
        Signing::Standard { .. } | Signing::None => form::named(parts),
    };
    request(outlet, &form::name(parts), JSON, body)
}

/// What names the delivery of an event on a route. No full stop: Standard Webhooks parts what is signed by one.
pub(crate) fn name(event: &Event, route: &str) -> String {
    format!("{}_{route}", event.identity)
}

fn request<'a>(
    outlet: &'a Outlet,
    id: &str,
    content_type: &'static str,
    body: Bytes,
) -> Outgoing<'a> {
    let signed = Signed {
        method: &outlet.method,
        url: &outlet.url,
        id,
        now: SystemTime::now(),
        body: &body,
    };
    let mut headers = outlet.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let given = outlet.signing.headers(&signed).into_iter();
    for (name, value) in given.chain([(IDEMPOTENCY_KEY, id.to_owned())]) {
        // Letters, digits and signs of base64: always what a header can hold.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let (method, url, timeouts) = (&outlet.method, &outlet.url, outlet.timeouts);
    Outgoing { method, url, headers, body, timeouts }
}
