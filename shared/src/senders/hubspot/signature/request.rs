//! The parts of an HTTP request that HubSpot's signature covers or consists of.
//!
//! Owns the names of its headers. Refuses to show signatures or content in `Debug`.

use std::fmt;

use crate::senders::request::Request as Signed;

/// What the names of the headers begin with that hold a signature.
const SIGNATURE: &str = "x-hubspot-signature";

/// The header with the time that version 3 signs.
pub const TIMESTAMP: &str = "x-hubspot-request-timestamp";

const VERSION: &str = "x-hubspot-signature-version";

/// Whether the value of a header may be shown: it tells when and how a request was signed, and not with
/// what.
#[must_use]
pub fn is_shown(header: &str) -> bool {
    header == TIMESTAMP || header == VERSION
}

/// Whether a header, by its name in lower case, is one that only who signs like HubSpot sends.
#[must_use]
pub fn is_signature(header: &str) -> bool {
    header.starts_with(SIGNATURE)
}

/// One request as it was received; a header that was absent is `None`.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, upper-case.
    pub method: &'a str,
    /// The full public URL as HubSpot called it: scheme, host, path and query, escapes untouched.
    pub uri: &'a str,
    /// The body's bytes as received.
    pub body: &'a [u8],
    /// `X-HubSpot-Signature-v3`.
    pub signature_v3: Option<&'a [u8]>,
    /// `X-HubSpot-Request-Timestamp`.
    pub timestamp: Option<&'a [u8]>,
    /// `X-HubSpot-Signature`, of version 1 or 2.
    pub signature: Option<&'a [u8]>,
    /// `X-HubSpot-Signature-Version`, which tells 1 from 2.
    pub version: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// A request with the headers that `header` gives by their names in lower case.
    pub fn of(signed: Signed<'a>, header: impl Fn(&'static str) -> Option<&'a [u8]>) -> Self {
        let Signed { method, uri, body } = signed;
        Self {
            method,
            uri,
            body,
            signature_v3: header("x-hubspot-signature-v3"),
            timestamp: header(TIMESTAMP),
            signature: header(SIGNATURE),
            version: header(VERSION),
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("body_bytes", &self.body.len())
            .field("has_signature_v3", &self.signature_v3.is_some())
            .field("has_timestamp", &self.timestamp.is_some())
            .field("has_signature", &self.signature.is_some())
            .finish_non_exhaustive()
    }
}
