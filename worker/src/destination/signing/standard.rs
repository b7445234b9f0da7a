//! Signatures of Standard Webhooks (standardwebhooks.com, version 1 of the specification).
//!
//! Owns the three headers and what is signed: `{id}.{timestamp}.{body}`. Refuses the asymmetric form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::signed::Signed;
use super::standard_secret::StandardSecret;

/// The headers, with a signature of each secret.
pub(super) fn headers<'a>(
    secrets: impl Iterator<Item = &'a StandardSecret>,
    signed: &Signed<'_>,
) -> [(&'static str, String); 3] {
    let timestamp = signed.time().as_secs().to_string();
    let signatures: Vec<String> =
        secrets.map(|secret| signature(secret, signed, &timestamp)).collect();
    [
        ("webhook-id", signed.id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures.join(" ")),
    ]
}

fn signature(secret: &StandardSecret, signed: &Signed<'_>, timestamp: &str) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    let digest = mac
        .chain_update(signed.id)
        .chain_update(".")
        .chain_update(timestamp)
        .chain_update(".")
        .chain_update(signed.body)
        .finalize()
        .into_bytes();
    format!("v1,{}", STANDARD.encode(digest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::{Duration, UNIX_EPOCH};

    use reqwest::{Method, Url};

    use super::*;

    /// Of the tests of the specification's libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    /// Computed from the specification.
    const OTHER: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=";

    fn headers_by(secrets: &[&str], body: &[u8]) -> [(&'static str, String); 3] {
        let secrets: Vec<_> =
            secrets.iter().map(|text| StandardSecret::parse(&(*text).into()).unwrap()).collect();
        let url = Url::parse("https://hooks.example.com/").unwrap();
        let signed = Signed {
            method: &Method::POST,
            url: &url,
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            now: UNIX_EPOCH + Duration::from_millis(1_614_265_330_999),
            body,
        };
        headers(secrets.iter(), &signed)
    }

    #[test]
    fn the_published_vector_is_signed_as_published() {
        let expected = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", SIGNATURE),
        ];
        assert_eq!(headers_by(&[SECRET], BODY), expected.map(|(name, value)| (name, value.into())));
    }

    #[test]
    fn during_a_rotation_the_newest_secret_signs_first() {
        let [_, _, (_, value)] = headers_by(&[OTHER, SECRET], BODY);
        let other = "v1,9oDm2mQAqd19B+s45wevPscNB3IUHzLR1xwlbqMrbUQ=";
        assert_eq!(value, format!("{other} {SIGNATURE}"));
    }

    #[test]
    fn a_body_is_signed_as_the_bytes_it_is() {
        let [_, _, (_, value)] = headers_by(&[OTHER], &[0xff, 0x00]);
        assert_eq!(value, "v1,GJMw/at4Cd1MBuwfuFcMKw0RUHm4shJnqzp3OozyNr0=");
    }
}
