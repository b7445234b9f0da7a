//! HubSpot's signature, version 3, for destinations that have verified HubSpot's own deliveries so far.
//!
//! Owns the two headers. Refuses to know the digest or the escapes, which whoever verifies HubSpot owns, and
//! versions 1 and 2, which a captured request passes for ever.

use shared::senders::hubspot::signature::{ClientSecret, TIMESTAMP, Version, decoded, sign};

use super::signed::Signed;

/// The headers. The address is signed as HubSpot documents it, twelve of its escapes decoded.
pub(super) fn headers(secret: &ClientSecret, signed: &Signed<'_>) -> [(&'static str, String); 2] {
    let timestamp = signed.time().as_millis().to_string();
    let uri = decoded(signed.uri());
    let method = signed.method.as_str();
    let signature = sign(Version::V3, secret, method, &uri, signed.body, &timestamp);
    [("x-hubspot-signature-v3", signature), (TIMESTAMP, timestamp)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::{Duration, UNIX_EPOCH};

    use reqwest::{Method, Url};

    use super::*;

    /// Of HubSpot's documentation, and of a third party's tests; none is a secret of anybody's.
    const DOCUMENTED: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const OTHER: &str = "autopilot-test-client-secret-0001";

    const BATCH: &str = concat!(
        r#"[{"eventId":4100000001,"subscriptionId":5100001,"portalId":12345678,"appId":7100001,"#,
        r#""occurredAt":1790000000000,"subscriptionType":"contact.creation","attemptNumber":0,"#,
        r#""objectId":901,"changeFlag":"NEW","changeSource":"FORM"},"#,
        r#"{"eventId":4100000002,"subscriptionId":5100001,"portalId":12345678,"appId":7100001,"#,
        r#""occurredAt":1790000000500,"subscriptionType":"contact.creation","attemptNumber":0,"#,
        r#""objectId":902,"changeFlag":"NEW","changeSource":"CRM_UI"}]"#,
    );
    const EMOJI: &str = concat!(
        r#"[{"objectId":1,"propertyName":"firstname","propertyValue":"Zoë 😀 — \u00e4","#,
        r#""subscriptionType":"contact.propertyChange"}]"#,
    );

    fn signature(secret: &str, url: &str, body: &str, now_ms: u64) -> String {
        let signed = Signed {
            method: &Method::POST,
            url: &Url::parse(url).unwrap(),
            id: "not part of it",
            now: UNIX_EPOCH + Duration::from_millis(now_ms),
            body: body.as_bytes(),
        };
        let [(name, signature), timestamp] = headers(&ClientSecret::new(secret).unwrap(), &signed);
        assert_eq!(name, "x-hubspot-signature-v3");
        assert_eq!(timestamp, ("x-hubspot-request-timestamp", now_ms.to_string()));
        signature
    }

    #[test]
    fn documented_requests_are_signed_as_documented() {
        let body = "{'example_field':'example_value'}";
        for (url, expected) in [
            ("https://www.example.com/webhook_uri", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
            ("http://www.example.com/webhook_uri", "DYFD5JKzCIBwA8rc/SOlJbUThqNsRPVlKYT0zfu3Iqs="),
            (
                "https://www.example.com/webhook_uri/",
                "d/BCIIaTEQ/YO+iTrhZz21e6HT73gGVfLKpWHHTXduM=",
            ),
        ] {
            assert_eq!(signature(DOCUMENTED, url, body, 1_693_657_560_000), expected, "{url}");
        }
    }

    #[test]
    fn a_body_is_signed_as_the_bytes_it_is() {
        let url = "https://www.example.com/webhook_uri";
        let expected = "psXKHkERmIAwkKJ72+sGQEKzM32m6KUdN2ZKo4+DwgI=";
        assert_eq!(signature(DOCUMENTED, url, EMOJI, 1_700_000_300_000), expected);
        let url = "https://example.com/api/hubspot/webhooks";
        let expected = "vc6X4JO1KMElXem9r7vSovD2GajkBW8j6R1JB/N89Rk=";
        assert_eq!(signature(OTHER, url, BATCH, 1_790_000_001_000), expected);
    }

    #[test]
    fn the_address_is_signed_decoded_and_without_its_fragment() {
        let url = "https://example.com/api/hubspot/webhooks?src=hs%3Aapp%2Fv3&x=%28a%29#not-sent";
        let expected = "G8ddQlikFQ0ScZOZn+MHQ0E3WCV7vOJTzKlvrkvbvuk=";
        assert_eq!(signature(OTHER, url, "[]", 1_790_000_004_000), expected);
    }
}
