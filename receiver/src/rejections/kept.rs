//! The last rejected requests of each reason, so that "every request is 401" takes a minute to explain,
//! whatever else is rejected meanwhile.
//!
//! Kept: reason, URL as rebuilt for the signature, which headers were there, the clock's
//! distance. Never kept: bodies, signatures, secrets, the values of headers and of the query's
//! parameters, which may hold them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use serde::Serialize;
use shared::clock::now_ms;
use shared::senders::Sender;

/// How many are kept of one reason. All of them together, as large as anybody can make them, stay below
/// the 2 MiB that the console reads.
const KEPT: usize = 20;
const MAX_URL: usize = 512;
const MAX_HEADER: usize = 128;
const MAX_NAME: usize = 64;
const MAX_HEADERS: usize = 16;

/// Headers whose values explain a rejection and hold nothing secret, beside those of the sender.
const SHOWN: [&str; 8] = [
    "host",
    "content-type",
    "content-length",
    "user-agent",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
];

/// What is kept of one rejected request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// When, ms since the Unix epoch.
    at_ms: i64,
    reason: &'static str,
    method: String,
    /// As it went into the check of the signature, but for the values in its query.
    url: String,
    /// The request's own timestamp minus this machine's clock, ms; positive is the future.
    clock_distance_ms: Option<i64>,
    headers: Vec<String>,
    /// What most likely is wrong.
    hint: Option<&'static str>,
}

impl Sample {
    pub(super) fn new(
        sender: Sender,
        reason: &'static str,
        request: &HttpRequest,
        url: &str,
        hint: Option<&'static str>,
    ) -> Self {
        let now = now_ms();
        let sent = sender.sent_ms(|name| request.headers().get(name)?.to_str().ok());
        Self {
            at_ms: now,
            reason,
            method: cut(request.method().as_str(), MAX_NAME),
            url: cut(&without_values(url), MAX_URL),
            clock_distance_ms: sent.map(|sent| sent.saturating_sub(now)),
            headers: describe(sender, request.headers()),
            hint,
        }
    }

    /// The request's clock against ours, ms.
    pub(super) fn clock_distance_ms(&self) -> Option<i64> {
        self.clock_distance_ms
    }
}

fn describe(sender: Sender, headers: &HeaderMap) -> Vec<String> {
    let mut described: Vec<String> = headers
        .iter()
        .take(MAX_HEADERS)
        .map(|(name, value)| match value.to_str() {
            Ok(value) if SHOWN.contains(&name.as_str()) || sender.shows(name.as_str()) => {
                cut(&format!("{name}: {value}"), MAX_HEADER)
            }
            _ => cut(name.as_str(), MAX_NAME),
        })
        .collect();
    described.sort();
    described
}

fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

/// The URL with `…` for each value in its query.
fn without_values(url: &str) -> String {
    let Some((address, query)) = url.split_once('?') else { return url.to_owned() };
    let names = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        // Without a name it may be the value.
        None if parameter.is_empty() => String::new(),
        None => "…".to_owned(),
    });
    format!("{address}?{}", names.collect::<Vec<_>>().join("&"))
}

/// The last [`KEPT`] rejected requests of each reason, newest first when listed.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Samples>);

#[derive(Debug, Default)]
struct Samples {
    /// With the number of each, for the clock does not tell their order.
    by_reason: BTreeMap<&'static str, VecDeque<(u64, Sample)>>,
    count: u64,
}

impl Kept {
    pub(super) fn add(&self, sample: Sample) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.count += 1;
        let number = kept.count;
        let like = kept.by_reason.entry(sample.reason).or_default();
        if like.len() == KEPT {
            like.pop_back();
        }
        like.push_front((number, sample));
    }

    pub(super) fn list(&self) -> Vec<Sample> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = kept.by_reason.values().flatten().cloned().collect();
        drop(kept);
        all.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        all.into_iter().map(|(_, sample)| sample).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn neither_signatures_nor_unknown_values_are_kept_and_the_oldest_of_a_reason_goes_first() {
        let kept = Kept::default();
        for n in 0..150 {
            let request = TestRequest::post()
                .uri("/x")
                .insert_header(("x-hubspot-signature-v3", "s3cret-signature"))
                .insert_header(("authorization", "Bearer s3cret"))
                .insert_header(("x-forwarded-proto", "http"))
                .insert_header(("x-hubspot-request-timestamp", "1"))
                .to_http_request();
            kept.add(Sample::new(
                Sender::HubSpot,
                "signature_mismatch",
                &request,
                &format!("https://h/{n}?token=s3cret&s3cret"),
                None,
            ));
        }
        let scan = TestRequest::get().uri("/y").to_http_request();
        kept.add(Sample::new(Sender::HubSpot, "not_found", &scan, "https://h/y", None));
        let listed = kept.list();
        assert_eq!(listed.len(), KEPT + 1);
        assert_eq!((listed[0].reason, listed[0].url.as_str()), ("not_found", "https://h/y"));
        assert_eq!(listed[1].url, "https://h/149?token=…&…");
        assert_eq!(listed[KEPT].url, format!("https://h/{}?token=…&…", 150 - KEPT));
        assert!(listed[1].clock_distance_ms.unwrap() < -1_000_000);
        let text = serde_json::to_string(&listed).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            text.contains("x-hubspot-signature-v3") && text.contains("x-forwarded-proto: http")
        );
    }
}
