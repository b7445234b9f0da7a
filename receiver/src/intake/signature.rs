//! A body whose signature holds: nothing is split or published that did not come through here.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web;
use bytes::Bytes;
use shared::senders::{BadSignature, Request, Verifier};

use super::body::Body;
use super::head::{Door, Head};

/// Larger bodies are digested beside the thread that also publishes, in bytes.
const DIGEST_HERE: usize = 256 * 1024;
const GUESSED_URL: &str = "PUBLIC_URL is not set, so the URL was guessed from the Host header: \
    set it to the origin HubSpot calls";
const PREFIX: &str = "a gateway takes a part off the path that HubSpot calls: put that part into \
    PUBLIC_URL, e.g. https://hooks.example.com/prod";

/// A body that its sender signed.
pub(crate) struct Verified(Body);

impl Verified {
    /// Whether what the head claims is true of the body; also tells the version of the signature.
    pub(super) async fn check(
        verifier: &Arc<Verifier>,
        request: &HttpRequest,
        head: &Head,
        body: Body,
    ) -> Result<(Self, &'static str), BadSignature> {
        let version = if body.bytes.len() <= DIGEST_HERE {
            let method = request.method().as_str();
            verifier.check(&head.claim, Request { method, uri: &head.url, body: &body.bytes })?
        } else {
            let (verifier, method) = (Arc::clone(verifier), request.method().clone());
            let (claim, uri, bytes) = (head.claim.clone(), head.url.clone(), body.bytes.clone());
            let digesting = web::block(move || {
                let signed = Request { method: method.as_str(), uri: &uri, body: &bytes };
                verifier.check(&claim, signed)
            });
            // Only a panic has no answer.
            digesting.await.unwrap_or(Err(BadSignature::Mismatch))?
        };
        Ok((Self(body), version))
    }

    /// The body, as it was received.
    pub(crate) fn body(&self) -> &Bytes {
        &self.0.bytes
    }
}

/// What most likely is wrong with a request whose signature does not match.
pub(super) fn hint(door: &Door, request: &HttpRequest, url: &str) -> Option<&'static str> {
    if door.public_url.is_guessed() {
        Some(GUESSED_URL)
    } else if request.headers().contains_key("x-forwarded-prefix") {
        Some(PREFIX)
    } else {
        let method = request.method().as_str();
        door.verifier.mismatch_hint(Request { method, uri: url, body: &[] })
    }
}
