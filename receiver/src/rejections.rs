//! The last refused requests, so that "every request is 401" takes a minute to explain.
//!
//! Kept: reason, URL as rebuilt for the signature, which headers were there, the clock's
//! distance. Never kept: bodies, signatures, secrets, the values of headers that may hold them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use serde::Serialize;
use shared::clock::now_ms;

const KEPT: usize = 100;
const MAX_TEXT: usize = 512;
const MAX_HEADERS: usize = 64;

/// Headers whose values explain a refusal and hold nothing secret.
const SHOWN: [&str; 9] = [
    "host",
    "content-type",
    "content-length",
    "user-agent",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-hubspot-request-timestamp",
    "x-hubspot-signature-version",
];

/// One refused request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refused {
    /// When, ms since the Unix epoch.
    at_ms: i64,
    reason: &'static str,
    method: String,
    /// As it went into the check of the signature.
    url: String,
    /// The request's own timestamp minus this machine's clock, ms; positive is the future.
    clock_distance_ms: Option<i64>,
    headers: Vec<String>,
    /// What most likely is wrong.
    hint: Option<&'static str>,
}

impl Refused {
    pub(crate) fn new(
        reason: &'static str,
        request: &HttpRequest,
        url: &str,
        hint: Option<&'static str>,
    ) -> Self {
        let now = now_ms();
        let sent: Option<i64> = request
            .headers()
            .get("x-hubspot-request-timestamp")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            at_ms: now,
            reason,
            method: cut(request.method().as_str()),
            url: cut(url),
            clock_distance_ms: sent.map(|sent| sent.saturating_sub(now)),
            headers: describe(request.headers()),
            hint,
        }
    }

    /// The request's clock against ours, ms.
    pub(crate) fn clock_distance_ms(&self) -> Option<i64> {
        self.clock_distance_ms
    }
}

fn describe(headers: &HeaderMap) -> Vec<String> {
    let mut described: Vec<String> = headers
        .iter()
        .take(MAX_HEADERS)
        .map(|(name, value)| match value.to_str() {
            Ok(value) if SHOWN.contains(&name.as_str()) => cut(&format!("{name}: {value}")),
            _ => cut(name.as_str()),
        })
        .collect();
    described.sort();
    described
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

/// The last [`KEPT`] refused requests, newest first when listed.
#[derive(Debug, Default)]
pub(crate) struct Rejections(Mutex<VecDeque<Refused>>);

impl Rejections {
    pub(crate) fn add(&self, refused: Refused) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_back();
        }
        kept.push_front(refused);
    }

    pub(crate) fn list(&self) -> Vec<Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn neither_signatures_nor_unknown_values_are_kept_and_the_oldest_goes_first() {
        let rejections = Rejections::default();
        for n in 0..150 {
            let request = TestRequest::post()
                .uri("/x")
                .insert_header(("x-hubspot-signature-v3", "s3cret-signature"))
                .insert_header(("authorization", "Bearer s3cret"))
                .insert_header(("x-forwarded-proto", "http"))
                .insert_header(("x-hubspot-request-timestamp", "1"))
                .to_http_request();
            rejections.add(Refused::new(
                "signature_mismatch",
                &request,
                &format!("https://h/{n}"),
                None,
            ));
        }
        let listed = rejections.list();
        assert_eq!(listed.len(), KEPT);
        assert_eq!(listed[0].url, "https://h/149");
        assert!(listed[0].clock_distance_ms.unwrap() < -1_000_000);
        let text = serde_json::to_string(&listed).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            text.contains("x-hubspot-signature-v3") && text.contains("x-forwarded-proto: http")
        );
    }
}
