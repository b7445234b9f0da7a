//! What a request's head must say before its body is read: a length that is taken, a type that can be
//! read, and a signature that could be true now.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use shared::clock::now_ms;
use shared::senders::{Claim, Request, Verifier};

use crate::public_url::PublicUrl;
use crate::rejection::Rejection;

/// What all headers may have together, in bytes: they are kept while the body is read. HubSpot's and
/// those of some proxies have about 2 KiB.
const MAX_BYTES: usize = 32 * 1024;
const NOT_JSON: &str = "HubSpot sends application/json: a proxy writes another Content-Type";

/// What heads are judged by.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) public_url: PublicUrl,
    pub(crate) max_body_bytes: usize,
}

/// What the head of a request says that may be read on. It has no `Debug`: the URL's query may hold a
/// secret.
pub(crate) struct Head {
    /// The URL as the sender wrote it.
    pub(crate) url: String,
    pub(crate) claim: Claim,
    /// The body's length; `None` if it comes in chunks. HTTP/1.1 sees to it that it is true.
    pub(crate) announced: Option<usize>,
}

impl Door {
    /// The head of a request that may be read on; or why it may not, and what most likely is wrong.
    pub(crate) fn judge(
        &self,
        request: &HttpRequest,
    ) -> Result<Head, (Rejection, Option<&'static str>)> {
        let headers = request.headers().iter();
        let bytes: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_BYTES {
            return Err((Rejection::HeadTooLarge, None));
        }
        let announced = announced(request);
        if announced.is_some_and(|length| length > self.max_body_bytes) {
            return Err((Rejection::TooLarge, None));
        }
        if !may_be_json(request) {
            return Err((Rejection::ContentType, Some(NOT_JSON)));
        }
        let url = self.url(request);
        let signed = Request { method: request.method().as_str(), uri: &url, body: &[] };
        let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        match self.verifier.claim(signed, header, now_ms()) {
            Ok(claim) => Ok(Head { url, claim, announced }),
            Err((bad, hint)) => Err((Rejection::Signature(bad), hint)),
        }
    }

    /// The URL as the sender wrote it.
    pub(crate) fn url(&self, request: &HttpRequest) -> String {
        let path =
            request.uri().path_and_query().map_or_else(|| request.path(), |path| path.as_str());
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        self.public_url.rebuild(host.unwrap_or_default(), path)
    }
}

fn announced(request: &HttpRequest) -> Option<usize> {
    // One that is no number has been refused by the HTTP server; one that is too large for us is too
    // large.
    let length = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?;
    Some(length.parse().unwrap_or(usize::MAX))
}

/// A type that got lost on the way is no reason to lose the delivery: its sender would give up on it.
fn may_be_json(request: &HttpRequest) -> bool {
    request.headers().get(CONTENT_TYPE).is_none_or(|value| {
        value
            .to_str()
            .ok()
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    })
}
