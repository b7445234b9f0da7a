//! Why a request is refused, for the one who sent it and for the operator.
//!
//! Owns the stable codes and the hints. Refuses to tell a sender whether a stale request was
//! signed well: a time is judged before a digest is.

use super::request::Request;

/// Why a request is not known to come from HubSpot, in the order in which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// No signature of an accepted version.
    #[error("no signature of an accepted version")]
    Missing,
    /// The signature's header does not hold a digest, or names no known version.
    #[error("the signature is malformed")]
    Malformed,
    /// Version 3 without a timestamp.
    #[error("the timestamp is missing")]
    TimestampMissing,
    /// The timestamp is not a whole number of milliseconds.
    #[error("the timestamp is malformed")]
    TimestampMalformed,
    /// Signed more than five minutes ago.
    #[error("the timestamp is too old")]
    Expired,
    /// Signed more than five minutes from now.
    #[error("the timestamp is in the future")]
    InFuture,
    /// No live secret gives this digest for this request.
    #[error("the signature does not match")]
    Mismatch,
}

impl Rejection {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::Missing,
        Self::Malformed,
        Self::TimestampMissing,
        Self::TimestampMalformed,
        Self::Expired,
        Self::InFuture,
        Self::Mismatch,
    ];

    /// The code that the answer and the metrics carry. Never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "signature_missing",
            Self::Malformed => "signature_malformed",
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampMalformed => "timestamp_malformed",
            Self::Expired => "timestamp_expired",
            Self::InFuture => "timestamp_in_future",
            Self::Mismatch => "signature_mismatch",
        }
    }

    /// What an operator should look at first, for the log and never for the answer.
    pub fn hint(self, request: &Request<'_>) -> Option<&'static str> {
        let spaced = |header: Option<&[u8]>| header.is_some_and(|text| text.contains(&b' '));
        match self {
            Self::Missing if request.signature_v3.is_some() => {
                Some("only a version 3 signature came, which the accepted versions leave out")
            }
            Self::Missing if request.signature.is_some() => Some(
                "only an old signature came: a proxy drops X-HubSpot-Signature-v3, or the app \
                 signs with version 1 or 2 alone, which must be accepted explicitly",
            ),
            Self::Missing => {
                Some("no signature came: not HubSpot, or a proxy drops X-HubSpot-* headers")
            }
            Self::Malformed if spaced(request.signature_v3) || spaced(request.signature) => Some(
                "the signature contains a space: a proxy turns + into a space, \
                 which cannot be undone here",
            ),
            Self::Malformed => Some("a proxy or a client altered the signature's header"),
            Self::TimestampMissing => Some("a proxy drops X-HubSpot-Request-Timestamp"),
            Self::TimestampMalformed => None,
            Self::Expired => Some(
                "this machine's clock is ahead, a proxy held the request back, \
                 or an old request is being replayed",
            ),
            Self::InFuture => Some("this machine's clock is behind"),
            Self::Mismatch if !request.uri.starts_with("https://") => Some(
                "the URL was rebuilt without https://: set the public URL to the origin \
                 that HubSpot calls",
            ),
            Self::Mismatch => Some(
                "the rebuilt URL differs from the one HubSpot calls, the client secret is \
                 another app's, or a proxy altered the body",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: Request<'_> = Request {
        method: "POST",
        uri: "https://a.example/",
        body: b"",
        signature_v3: None,
        timestamp: None,
        signature: None,
        version: None,
    };

    #[test]
    fn a_plus_that_became_a_space_is_recognised() {
        let signature = Some(&b"K36dawei4A QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="[..]);
        let hint = Rejection::Malformed.hint(&Request { signature_v3: signature, ..EMPTY });
        assert!(hint.is_some_and(|hint| hint.contains("+ into a space")));
        let hint = Rejection::Malformed.hint(&Request { signature_v3: Some(b"x"), ..EMPTY });
        assert!(hint.is_some_and(|hint| !hint.contains("space")));
    }

    #[test]
    fn an_inner_url_is_recognised() {
        let inner = Request { uri: "http://10.0.0.7:8080/webhooks/hubspot", ..EMPTY };
        assert!(Rejection::Mismatch.hint(&inner).is_some_and(|hint| hint.contains("https://")));
        assert!(
            Rejection::Mismatch.hint(&EMPTY).is_some_and(|hint| hint.contains("client secret"))
        );
    }

    #[test]
    fn the_clock_is_suspected_in_the_right_direction() {
        assert!(Rejection::Expired.hint(&EMPTY).is_some_and(|hint| hint.contains("ahead")));
        assert!(Rejection::InFuture.hint(&EMPTY).is_some_and(|hint| hint.contains("behind")));
    }

    #[test]
    fn an_old_signature_alone_is_told_from_none() {
        let old = Request { signature: Some(b"00"), ..EMPTY };
        assert!(Rejection::Missing.hint(&old).is_some_and(|hint| hint.contains("old signature")));
        assert!(Rejection::Missing.hint(&EMPTY).is_some_and(|hint| hint.contains("not HubSpot")));
    }
}
