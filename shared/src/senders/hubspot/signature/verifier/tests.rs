//! Signatures that must be accepted, and every way to be refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::{ClientSecret, sign};
use super::*;

const NOW: i64 = 1_769_081_994_066;
const STAMP: &str = "1769081994066";
const URI: &str = "https://hooks.example.com/webhooks/hubspot";
const BODY: &[u8] = br#"[{"eventId":1}]"#;

fn secret(text: &str) -> ClientSecret {
    ClientSecret::new(text).unwrap()
}

fn verifier(accepted: &str) -> Verifier {
    let secrets = Secrets { current: secret("new"), previous: Some(secret("old")) };
    Verifier::new(secrets, accepted.parse().unwrap())
}

fn signed(version: Version, key: &str, uri: &str) -> String {
    sign(version, &secret(key), "POST", uri, BODY, STAMP)
}

fn bare() -> Request<'static> {
    Request {
        method: "POST",
        uri: URI,
        body: BODY,
        signature_v3: None,
        timestamp: Some(STAMP.as_bytes()),
        signature: None,
        version: None,
    }
}

#[test]
fn both_live_secrets_verify_and_no_other_does() {
    for version in [Version::V1, Version::V2, Version::V3] {
        for (key, expected) in
            [("new", Ok(version)), ("old", Ok(version)), ("older", Err(BadSignature::Mismatch))]
        {
            let signature = signed(version, key, URI);
            let name = version.to_string();
            let request = if version == Version::V3 {
                Request { signature_v3: Some(signature.as_bytes()), ..bare() }
            } else {
                let (signature, version) = (Some(signature.as_bytes()), Some(name.as_bytes()));
                Request { signature, version, ..bare() }
            };
            assert_eq!(verifier("v1,v2,v3").verify(&request, NOW), expected, "{key} {version}");
        }
    }
    let alone = Secrets { current: secret("new"), previous: None };
    let signature = signed(Version::V3, "old", URI);
    let request = Request { signature_v3: Some(signature.as_bytes()), ..bare() };
    let verdict = Verifier::new(alone, AcceptedVersions::default()).verify(&request, NOW);
    assert_eq!(verdict, Err(BadSignature::Mismatch));
}

#[test]
fn a_delivery_with_version_1_and_3_is_judged_by_version_3() {
    let (v1, v3) = (signed(Version::V1, "new", URI), signed(Version::V3, "new", URI));
    let both = Request {
        signature_v3: Some(v3.as_bytes()),
        signature: Some(v1.as_bytes()),
        version: Some(b"v1"),
        ..bare()
    };
    for (accepted, expected) in [("v3", Version::V3), ("v3,v1", Version::V3), ("v1", Version::V1)] {
        assert_eq!(verifier(accepted).verify(&both, NOW), Ok(expected));
    }
    let forged = signed(Version::V3, "forger", URI);
    for (signature, timestamp, expected) in [
        (forged.as_bytes(), bare().timestamp, BadSignature::Mismatch),
        (b"", bare().timestamp, BadSignature::Malformed),
        (v3.as_bytes(), None, BadSignature::TimestampMissing),
    ] {
        let request = Request { signature_v3: Some(signature), timestamp, ..both };
        assert_eq!(verifier("v3,v2,v1").verify(&request, NOW), Err(expected));
    }
}

#[test]
fn an_old_signature_counts_only_where_it_is_accepted_and_as_what_it_says() {
    let (v1, v2) = (signed(Version::V1, "new", URI), signed(Version::V2, "new", URI));
    let missing = Err(BadSignature::Missing);
    let mismatch = Err(BadSignature::Mismatch);
    for (accepted, signature, version, expected) in [
        ("v3", &v1, None, missing),
        ("v3", &v1, Some(&b"v3"[..]), missing),
        ("v3,v1", &v1, None, Ok(Version::V1)),
        ("v3,v1", &v1, Some(b"v1"), Ok(Version::V1)),
        ("v3,v1", &v2, Some(b"v2"), missing),
        ("v3,v2", &v2, Some(b"v2"), Ok(Version::V2)),
        ("v3,v2", &v1, None, missing),
        ("v2,v1", &v1, Some(b"v2"), mismatch),
        ("v2,v1", &v2, Some(b"v1"), mismatch),
        ("v2,v1", &v1, Some(b"v9"), Err(BadSignature::Malformed)),
    ] {
        let request = Request { signature: Some(signature.as_bytes()), version, ..bare() };
        assert_eq!(verifier(accepted).verify(&request, NOW), expected, "{accepted} {version:?}");
    }
    let upper = v1.to_uppercase();
    let request = Request { signature: Some(upper.as_bytes()), ..bare() };
    assert_eq!(verifier("v1").verify(&request, NOW), Err(BadSignature::Malformed));
}

#[test]
fn without_any_signature_it_is_missing() {
    for accepted in ["v3", "v2", "v1", "v3,v2,v1"] {
        assert_eq!(verifier(accepted).verify(&bare(), NOW), Err(BadSignature::Missing));
    }
    let v3 = signed(Version::V3, "new", URI);
    let request = Request { signature_v3: Some(v3.as_bytes()), ..bare() };
    assert_eq!(verifier("v2,v1").verify(&request, NOW), Err(BadSignature::Missing));
}

#[test]
fn a_stale_request_is_refused_alike_whether_it_was_signed_well_or_not() {
    let (right, wrong) = (signed(Version::V3, "new", URI), signed(Version::V3, "forger", URI));
    for signature in [&right, &wrong] {
        let request = Request { signature_v3: Some(signature.as_bytes()), ..bare() };
        let at = |now| verifier("v3").verify(&request, now);
        assert_eq!(at(NOW + 300_001), Err(BadSignature::Expired));
        assert_eq!(at(NOW - 300_001), Err(BadSignature::InFuture));
        let odd = Request { timestamp: Some(b"soon"), ..request };
        assert_eq!(verifier("v3").verify(&odd, NOW), Err(BadSignature::TimestampMalformed));
    }
    let request = Request { signature_v3: Some(right.as_bytes()), ..bare() };
    for now in [NOW - 300_000, NOW, NOW + 300_000] {
        assert_eq!(verifier("v3").verify(&request, now), Ok(Version::V3));
    }
    let malformed = Request { signature_v3: Some(b"?"), timestamp: None, ..bare() };
    assert_eq!(verifier("v3").verify(&malformed, NOW), Err(BadSignature::Malformed));
}

#[test]
fn a_url_with_escapes_may_be_signed_either_way() {
    let received = "https://hooks.example.com/in?src=hs%3Aapp%2fv3&x=%28a%29&y=%253A%20%2B";
    let decoded = "https://hooks.example.com/in?src=hs:app/v3&x=(a)&y=%253A%20%2B";
    let further = "https://hooks.example.com/in?src=hs:app/v3&x=(a)&y=%3A +";
    for (uri, expected) in [
        (received, Ok(Version::V3)),
        (decoded, Ok(Version::V3)),
        (further, Err(BadSignature::Mismatch)),
    ] {
        let signature = signed(Version::V3, "new", uri);
        let request = Request { uri: received, signature_v3: Some(signature.as_bytes()), ..bare() };
        assert_eq!(verifier("v3").verify(&request, NOW), expected, "{uri}");
    }
    let signature = signed(Version::V3, "new", received);
    let request = Request { uri: decoded, signature_v3: Some(signature.as_bytes()), ..bare() };
    assert_eq!(verifier("v3").verify(&request, NOW), Err(BadSignature::Mismatch));
}

#[test]
fn every_bit_of_the_digest_counts() {
    for version in [Version::V1, Version::V2, Version::V3] {
        let text = signed(version, "new", URI);
        let v3 = version == Version::V3;
        let decode = if v3 { encoding::from_base64 } else { encoding::from_hex };
        let encode = if v3 { encoding::base64 } else { encoding::hex };
        let right = decode(text.as_bytes()).unwrap();
        for bit in 0..256 {
            let mut wrong = right;
            wrong[bit / 8] ^= 1 << (bit % 8);
            let (signature, name) = (encode(&wrong), version.to_string());
            let header = Some(signature.as_bytes());
            let request = if v3 {
                Request { signature_v3: header, ..bare() }
            } else {
                Request { signature: header, version: Some(name.as_bytes()), ..bare() }
            };
            let verdict = verifier("v1,v2,v3").verify(&request, NOW);
            assert_eq!(verdict, Err(BadSignature::Mismatch), "bit {bit} of {version}");
        }
    }
}

#[test]
fn every_bit_of_the_body_and_the_url_counts() {
    let signature = signed(Version::V3, "new", URI);
    let request = Request { signature_v3: Some(signature.as_bytes()), ..bare() };
    assert_eq!(verifier("v3").verify(&request, NOW), Ok(Version::V3));
    for bit in 0..BODY.len() * 8 {
        let mut body = BODY.to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        let verdict = verifier("v3").verify(&Request { body: &body, ..request }, NOW);
        assert_eq!(verdict, Err(BadSignature::Mismatch), "bit {bit}");
    }
    // The eighth bit of a character would make the URL no text.
    for bit in (0..URI.len() * 8).filter(|bit| bit % 8 != 7) {
        let mut uri = URI.as_bytes().to_vec();
        uri[bit / 8] ^= 1 << (bit % 8);
        let uri = String::from_utf8(uri).unwrap();
        let verdict = verifier("v3").verify(&Request { uri: &uri, ..request }, NOW);
        assert_eq!(verdict, Err(BadSignature::Mismatch), "bit {bit}");
    }
}

#[test]
fn the_method_and_the_timestamps_text_count() {
    let signature = signed(Version::V3, "new", URI);
    let request = Request { signature_v3: Some(signature.as_bytes()), ..bare() };
    for other in [
        Request { method: "PUT", ..request },
        Request { timestamp: Some(b"1769081994067"), ..request },
        Request { timestamp: Some(b"01769081994066"), ..request },
    ] {
        assert_eq!(verifier("v3").verify(&other, NOW), Err(BadSignature::Mismatch));
    }
}

#[test]
fn zeros_are_no_signature() {
    let zeros = encoding::base64(&[0; 32]);
    let request = Request { signature_v3: Some(zeros.as_bytes()), ..bare() };
    assert_eq!(verifier("v3").verify(&request, NOW), Err(BadSignature::Mismatch));
}

#[test]
fn debug_shows_no_secret_no_signature_and_no_body() {
    let signature = signed(Version::V3, "new", URI);
    let request = Request { signature_v3: Some(signature.as_bytes()), ..bare() };
    let secrets = Secrets { current: secret("s3cret"), previous: Some(secret("0ld-s3cret")) };
    let shown = format!("{:?} {request:?}", Verifier::new(secrets, AcceptedVersions::default()));
    assert!(!shown.contains("s3cret") && !shown.contains(&signature) && !shown.contains("eventId"));
}
