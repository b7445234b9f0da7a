//! A delivery that HubSpot signed, as an extractor: a handler cannot see any other. The head is
//! judged first; what fails there is refused unread.

use actix_web::dev::Payload;
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use shared::listener::Connection;
use shared::signature::{Rejection, Request, Version};
use tokio::time::Instant;

use crate::app::Intake;
use crate::error::Refusal;
use crate::head::{self, Head, public_url, signed};
use crate::receipt::Receipt;
use crate::refusals::refused;
use crate::room::Share;

/// Larger bodies are digested beside the thread that also publishes, in bytes.
const DIGEST_HERE: usize = 256 * 1024;

/// A delivery whose signature holds. It has no `Debug`, which would show its body.
pub(crate) struct Verified {
    /// The body as received.
    pub(crate) body: Bytes,
    /// When its head had come.
    pub(crate) since: Instant,
    /// Its receipt, until it is answered.
    pub(crate) receipt: Receipt,
    /// Held until the delivery is answered.
    _share: Share,
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
            verify(&request, payload, since, intake).await
        })
    }
}

async fn verify(
    request: &HttpRequest,
    payload: Payload,
    since: Instant,
    intake: &Data<Intake>,
) -> Result<Verified, Refusal> {
    let head = match Head::judge(request, intake) {
        Ok(head) => head,
        Err((refusal, hint)) => {
            refused(intake, request, None, &public_url(request, intake), &refusal, hint);
            return Err(refusal);
        }
    };
    let receipt = Receipt::begin(&intake.tracer, request);
    let (body, share) = match intake.bodies.read(payload, head.announced).await {
        Ok(read) => read,
        Err(refusal) => {
            refused(intake, request, Some(receipt), &head.url, &refusal, None);
            return Err(refusal);
        }
    };
    match check(request, &head, &body, intake).await {
        Ok(version) => {
            intake.metrics.verified(version);
            // Nobody would hear of what is published now.
            if Connection::of(request).is_some_and(|connection| !connection.trust()) {
                receipt.discard();
                return Err(Refusal::Busy);
            }
            Ok(Verified { body, since, receipt, _share: share })
        }
        Err(rejection) => {
            let hint = head::mismatch(request, intake, &head.url);
            let refusal = Refusal::Signature(rejection);
            refused(intake, request, Some(receipt), &head.url, &refusal, hint);
            Err(refusal)
        }
    }
}

async fn check(
    request: &HttpRequest,
    head: &Head,
    body: &Bytes,
    intake: &Data<Intake>,
) -> Result<Version, Rejection> {
    let here = signed(request, &head.url, body);
    if body.len() <= DIGEST_HERE {
        return intake.verifier.check(&head.claim, &here);
    }
    let (intake, claim, url, body) = (intake.clone(), head.claim, head.url.clone(), body.clone());
    let method = request.method().clone();
    let timestamp = here.timestamp.map(<[u8]>::to_vec);
    let digesting = web::block(move || {
        let there = Request {
            method: method.as_str(),
            uri: &url,
            body: &body,
            timestamp: timestamp.as_deref(),
            signature_v3: None,
            signature: None,
            version: None,
        };
        intake.verifier.check(&claim, &there)
    });
    // Only a panic has no answer.
    digesting.await.unwrap_or(Err(Rejection::Mismatch))
}
