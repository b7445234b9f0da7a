//! What an operator should look at first when a request of HubSpot's is not known to be its.
//!
//! For the log and never for the answer.

use super::request::Request;
use crate::senders::bad_signature::BadSignature;

/// What an operator should look at first, for the log and never for the answer.
#[must_use]
pub fn hint(bad: BadSignature, request: &Request<'_>) -> Option<&'static str> {
    let spaced = |header: Option<&[u8]>| header.is_some_and(|text| text.contains(&b' '));
    match bad {
        BadSignature::Missing if request.signature_v3.is_some() => {
            Some("only a version 3 signature came, which the accepted versions leave out")
        }
        BadSignature::Missing if request.signature.is_some() => Some(
            "only an old signature came: a proxy drops X-HubSpot-Signature-v3, or the app \
             signs with version 1 or 2 alone, which must be accepted explicitly",
        ),
        BadSignature::Missing => {
            Some("no signature came: not HubSpot, or a proxy drops X-HubSpot-* headers")
        }
        BadSignature::Malformed if spaced(request.signature_v3) || spaced(request.signature) => {
            Some(
                "the signature contains a space: a proxy turns + into a space, \
             which cannot be undone here",
            )
        }
        BadSignature::Malformed => Some("a proxy or a client altered the signature's header"),
        BadSignature::TimestampMissing => Some("a proxy drops X-HubSpot-Request-Timestamp"),
        BadSignature::TimestampMalformed => None,
        BadSignature::Expired => Some(
            "this machine's clock is ahead, a proxy held the request back, \
             or an old request is being replayed",
        ),
        BadSignature::InFuture => Some("this machine's clock is behind"),
        BadSignature::Mismatch if !request.uri.starts_with("https://") => Some(
            "the URL was rebuilt without https://: set the public URL to the origin \
             that HubSpot calls",
        ),
        BadSignature::Mismatch => Some(
            "the rebuilt URL differs from the one HubSpot calls, the client secret is \
             another app's, or a proxy altered the body",
        ),
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
        let spaced = hint(BadSignature::Malformed, &Request { signature_v3: signature, ..EMPTY });
        assert!(spaced.is_some_and(|hint| hint.contains("+ into a space")));
        let other = hint(BadSignature::Malformed, &Request { signature_v3: Some(b"x"), ..EMPTY });
        assert!(other.is_some_and(|hint| !hint.contains("space")));
    }

    #[test]
    fn an_inner_url_is_recognised() {
        let inner = Request { uri: "http://10.0.0.7:8080/webhooks/hubspot", ..EMPTY };
        assert!(hint(BadSignature::Mismatch, &inner).is_some_and(|hint| hint.contains("https://")));
        assert!(
            hint(BadSignature::Mismatch, &EMPTY).is_some_and(|hint| hint.contains("client secret"))
        );
    }

    #[test]
    fn the_clock_is_suspected_in_the_right_direction() {
        assert!(hint(BadSignature::Expired, &EMPTY).is_some_and(|hint| hint.contains("ahead")));
        assert!(hint(BadSignature::InFuture, &EMPTY).is_some_and(|hint| hint.contains("behind")));
    }

    #[test]
    fn an_old_signature_alone_is_told_from_none() {
        let old = Request { signature: Some(b"00"), ..EMPTY };
        assert!(
            hint(BadSignature::Missing, &old).is_some_and(|hint| hint.contains("old signature"))
        );
        assert!(
            hint(BadSignature::Missing, &EMPTY).is_some_and(|hint| hint.contains("not HubSpot"))
        );
    }
}
