//! The parts of a request that a signature covers.
//!
//! Owns nothing but their names. Refuses to know HTTP, and to show content in `Debug`.

use std::fmt;

/// One request as it was received.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, upper-case.
    pub method: &'a str,
    /// The full public URL as the sender called it: scheme, host, path and query, escapes untouched.
    pub uri: &'a str,
    /// The body's bytes as received.
    pub body: &'a [u8],
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
