//! What signatures cover: one attempt of a request to a destination, as it goes out.
//!
//! Owns how each part is written. Has no `Debug`: an address can be a secret, and a body is nobody's to see.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Method, Url};

/// One attempt.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// The same at every attempt; characters that a header may hold, and no full stop, which parts it from
    /// what is signed next.
    pub(crate) id: &'a str,
    pub(crate) now: SystemTime,
    /// The bytes that are sent.
    pub(crate) body: &'a [u8],
}

impl Signed<'_> {
    /// The address as the destination is called: no fragment is ever sent.
    pub(super) fn uri(&self) -> &str {
        let url = self.url.as_str();
        url.split_once('#').map_or(url, |(sent, _)| sent)
    }

    /// The time since 1970; a clock that stands before that is no reason to fail.
    pub(super) fn time(&self) -> Duration {
        self.now.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn the_fragment_is_not_signed() {
        for (written, sent) in [
            ("https://a.example/x?y=%23z#part", "https://a.example/x?y=%23z"),
            ("https://a.example:443/#", "https://a.example/"),
            ("https://a.example:8443/x", "https://a.example:8443/x"),
        ] {
            let url = Url::parse(written).unwrap();
            let (method, now) = (&Method::POST, UNIX_EPOCH - Duration::from_secs(1));
            let signed = Signed { method, url: &url, id: "1", now, body: b"" };
            assert_eq!(signed.uri(), sent);
            assert_eq!(signed.time(), Duration::ZERO);
        }
    }
}
