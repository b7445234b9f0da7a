//! What goes out for an event: address, headers, body, signature.

use std::time::SystemTime;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use super::choice::Body;
use super::endpoint::Endpoint;
use super::form::{self, Part};
use super::parcel::Parcel;
use crate::clients::destinations::Outgoing;
use crate::destination::{Signed, Signing};
use crate::tenants::Timeouts;

/// What names a delivery: the same in every attempt and replay, and another for each route.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const JSON: &str = "application/json";

/// The request for this event with this body, signed now: where events gather, a batch of one.
pub(crate) fn outgoing<'a>(
    endpoint: &'a Endpoint,
    timeouts: Timeouts,
    parcel: &Parcel,
) -> Outgoing<'a> {
    let Body { bytes, content_type } = &parcel.body;
    let id = parcel.name();
    let part = Part { id, body: bytes };
    if endpoint.batching.is_some() {
        // Whoever is tested is to see it where everybody looks.
        let name = if parcel.is_test() { id.to_owned() } else { form::name(&[part]) };
        return gathered(endpoint, timeouts, &name, &[part]);
    }
    // Who verifies as HubSpot's endpoints do expects what HubSpot sends: a batch.
    let is_listed = matches!(endpoint.signing, Signing::HubSpot { .. });
    let body = if is_listed { form::listed(&[part]) } else { bytes.clone() };
    request(endpoint, timeouts, id, content_type, body)
}

/// The request for these events, of which each has a body in JSON, signed now.
pub(crate) fn batch<'a>(
    endpoint: &'a Endpoint,
    timeouts: Timeouts,
    parts: &[Part<'_>],
) -> Outgoing<'a> {
    gathered(endpoint, timeouts, &form::name(parts), parts)
}

fn gathered<'a>(
    endpoint: &'a Endpoint,
    timeouts: Timeouts,
    name: &str,
    parts: &[Part<'_>],
) -> Outgoing<'a> {
    let body = match endpoint.signing {
        Signing::HubSpot { .. } => form::listed(parts),
        Signing::Standard { .. } | Signing::None => form::named(parts),
    };
    request(endpoint, timeouts, name, JSON, body)
}

fn request<'a>(
    endpoint: &'a Endpoint,
    timeouts: Timeouts,
    id: &str,
    content_type: &'static str,
    body: Bytes,
) -> Outgoing<'a> {
    let signed = Signed {
        method: &endpoint.method,
        url: &endpoint.url,
        id,
        now: SystemTime::now(),
        body: &body,
    };
    let mut headers = endpoint.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let given = endpoint.signing.headers(&signed).into_iter();
    for (name, value) in given.chain([(IDEMPOTENCY_KEY, id.to_owned())]) {
        // Letters, digits and signs of base64: always what a header can hold.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let Endpoint { method, url, secrets, .. } = endpoint;
    Outgoing { method, url, headers, body, timeouts, secrets: secrets.into() }
}
