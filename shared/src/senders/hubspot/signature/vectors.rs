//! The published signature vectors, signed and verified.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde::Deserialize;

use super::*;
use crate::senders::bad_signature::BadSignature;

#[derive(Deserialize)]
struct Vector {
    id: String,
    version: String,
    client_secret: String,
    method: Option<String>,
    uri_as_received: Option<String>,
    uri_signed: Option<String>,
    body: String,
    timestamp_ms: Option<String>,
    expected: String,
    #[serde(default)]
    note: String,
}

impl Vector {
    fn version(&self) -> Version {
        self.version.parse().unwrap()
    }

    fn secret(&self) -> ClientSecret {
        self.client_secret.parse().unwrap()
    }

    fn now_ms(&self) -> i64 {
        self.timestamp_ms.as_deref().map_or(0, |text| text.parse().unwrap())
    }

    fn request<'a>(&'a self, signature: &'a str) -> Request<'a> {
        let v3 = self.version() == Version::V3;
        Request {
            method: self.method.as_deref().unwrap_or("POST"),
            uri: self.uri_as_received.as_deref().unwrap_or("https://www.example.com/"),
            body: self.body.as_bytes(),
            signature_v3: v3.then_some(signature.as_bytes()),
            timestamp: self.timestamp_ms.as_deref().map(str::as_bytes),
            signature: (!v3).then_some(signature.as_bytes()),
            version: (!v3).then_some(self.version.as_bytes()),
        }
    }

    fn verify(&self, signature: &str) -> Result<Version, BadSignature> {
        let secrets = Secrets { current: self.secret(), previous: None };
        let accepted = self.version.parse().unwrap();
        Verifier::new(secrets, accepted).verify(&self.request(signature), self.now_ms())
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../../tests/fixtures/signature-vectors.json")).unwrap()
}

#[test]
fn every_vector_is_signed_as_published() {
    for vector in vectors() {
        let signature = sign(
            vector.version(),
            &vector.secret(),
            vector.method.as_deref().unwrap_or_default(),
            vector.uri_signed.as_deref().unwrap_or_default(),
            vector.body.as_bytes(),
            vector.timestamp_ms.as_deref().unwrap_or_default(),
        );
        assert_eq!(signature, vector.expected, "{}", vector.id);
    }
}

#[test]
fn every_vector_verifies_as_received() {
    for vector in vectors() {
        assert_eq!(vector.verify(&vector.expected), Ok(vector.version()), "{}", vector.id);
    }
}

#[test]
fn negative_vectors_and_the_one_they_resemble_do_not_verify_as_each_other() {
    let vectors = vectors();
    let official = vectors.iter().find(|vector| vector.id == "v3-python-sdk").unwrap();
    let negatives: Vec<_> =
        vectors.iter().filter(|vector| vector.note.contains("NEGATIVE")).collect();
    assert_eq!(negatives.len(), 3);
    for negative in negatives {
        assert_ne!(negative.expected, official.expected);
        assert_eq!(
            official.verify(&negative.expected),
            Err(BadSignature::Mismatch),
            "{}",
            negative.id
        );
        assert_eq!(
            negative.verify(&official.expected),
            Err(BadSignature::Mismatch),
            "{}",
            negative.id
        );
    }
}

#[test]
fn no_vector_verifies_under_another_secret() {
    for mut vector in vectors() {
        vector.client_secret.push('x');
        assert_eq!(vector.verify(&vector.expected), Err(BadSignature::Mismatch), "{}", vector.id);
    }
}
