//! What a request's head must say before its body is read: a length that is taken, a type that can be
//! read, and a signature that could be true now.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use shared::clock::now_ms;
use shared::signature::{Claim, Rejection, Request};

use crate::app::Intake;
use crate::error::Refusal;

/// What all headers may have together, in bytes: they are kept while the body is read. HubSpot's and
/// those of some proxies have about 2 KiB.
const MAX_BYTES: usize = 32 * 1024;
const GUESSED_URL: &str = "PUBLIC_URL is not set, so the URL was guessed from the Host header: \
    set it to the origin HubSpot calls";
const PREFIX: &str = "a gateway takes a part off the path that HubSpot calls: put that part into \
    PUBLIC_URL, e.g. https://hooks.example.com/prod";
const NOT_JSON: &str = "HubSpot sends application/json: a proxy writes another Content-Type";

/// What the head of a request says that may be read on. It has no `Debug`: the URL's query may hold a
/// secret.
pub(crate) struct Head {
    /// The URL as HubSpot wrote it.
    pub(crate) url: String,
    pub(crate) claim: Claim,
    /// The body's length; `None` if it comes in chunks. HTTP/1.1 sees to it that it is true.
    pub(crate) announced: Option<usize>,
}

/// Why not, and what most likely is wrong.
pub(crate) type Doubt = (Refusal, Option<&'static str>);

impl Head {
    pub(crate) fn judge(request: &HttpRequest, intake: &Intake) -> Result<Self, Doubt> {
        let headers = request.headers().iter();
        let bytes: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > MAX_BYTES {
            return Err((Refusal::HeadTooLarge, None));
        }
        let announced = announced(request);
        if announced.is_some_and(|length| length > intake.max_body_bytes) {
            return Err((Refusal::TooLarge, None));
        }
        if !may_be_json(request) {
            return Err((Refusal::ContentType, Some(NOT_JSON)));
        }
        let url = public_url(request, intake);
        let signed = signed(request, &url, &[]);
        match intake.verifier.claim(&signed, now_ms()) {
            Ok(claim) => Ok(Self { url, claim, announced }),
            Err(rejection) => Err((Refusal::Signature(rejection), rejection.hint(&signed))),
        }
    }
}

/// What a signature is over and what it consists of.
pub(crate) fn signed<'a>(request: &'a HttpRequest, url: &'a str, body: &'a [u8]) -> Request<'a> {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    Request {
        method: request.method().as_str(),
        uri: url,
        body,
        signature_v3: header("x-hubspot-signature-v3"),
        timestamp: header("x-hubspot-request-timestamp"),
        signature: header("x-hubspot-signature"),
        version: header("x-hubspot-signature-version"),
    }
}

/// What most likely is wrong with a request whose signature does not match.
pub(crate) fn mismatch(request: &HttpRequest, intake: &Intake, url: &str) -> Option<&'static str> {
    if intake.public_url.is_guessed() {
        Some(GUESSED_URL)
    } else if request.headers().contains_key("x-forwarded-prefix") {
        Some(PREFIX)
    } else {
        Rejection::Mismatch.hint(&signed(request, url, &[]))
    }
}

/// The URL as HubSpot wrote it.
pub(crate) fn public_url(request: &HttpRequest, intake: &Intake) -> String {
    let path = request.uri().path_and_query().map_or_else(|| request.path(), |path| path.as_str());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    intake.public_url.rebuild(host, path)
}

fn announced(request: &HttpRequest) -> Option<usize> {
    // One that is no number has been refused by the HTTP server; one that is too large for us is too
    // large.
    let length = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?;
    Some(length.parse().unwrap_or(usize::MAX))
}

/// A type that got lost on the way is no reason to lose the delivery: HubSpot would give up on it.
fn may_be_json(request: &HttpRequest) -> bool {
    request.headers().get(CONTENT_TYPE).is_none_or(|value| {
        value
            .to_str()
            .ok()
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    })
}
