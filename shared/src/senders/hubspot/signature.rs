//! HubSpot's request signatures, all three versions: verified by the receiver, made by `send`.
//!
//! Owns what is signed, how digests are compared and what most likely is wrong. Refuses to know
//! HTTP: a [`Request`] is the few parts that count, as they came. Source of the formats:
//! HubSpot's "Validating requests" guide and the tests of its SDKs.

mod encoding;
mod hint;
mod request;
mod secret;
mod timestamp;
mod uri;
mod v1;
mod v2;
mod v3;
#[cfg(test)]
mod vectors;
mod verifier;
mod version;

pub use hint::hint;
pub use request::{Request, TIMESTAMP, is_shown, is_signature};
pub use secret::{ClientSecret, SecretError, Secrets};
pub use timestamp::TOLERANCE_MS;
pub use uri::decoded;
pub use verifier::{Claim, Verifier};
pub use version::{AcceptedVersions, Version, VersionError};

/// Signs a request as HubSpot does, for its `X-HubSpot-Signature-v3` or `X-HubSpot-Signature`.
///
/// `method` is upper-case and `uri` the full public URL, both signed as given; `timestamp` is the
/// text of `X-HubSpot-Request-Timestamp`. Version 1 signs the body alone, version 2 no timestamp.
pub fn sign(
    version: Version,
    secret: &ClientSecret,
    method: &str,
    uri: &str,
    body: &[u8],
    timestamp: &str,
) -> String {
    match version {
        Version::V1 => encoding::hex(&v1::digest(secret, body)),
        Version::V2 => encoding::hex(&v2::digest(secret, method, uri, body)),
        Version::V3 => {
            encoding::base64(&v3::digest(secret, method, uri, body, timestamp.as_bytes()))
        }
    }
}
