//! The parts of an HTTP request that a signature covers or consists of.
//!
//! Owns nothing but their names. Refuses to show signatures or content in `Debug`.

use std::fmt;

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
