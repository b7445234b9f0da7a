//! Whether a request comes from HubSpot.
//!
//! Owns which signature of a request counts and that every refusal costs the same. Refuses to
//! fall back: where version 3 is accepted and there, no older signature can stand in for it.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use subtle::{Choice, ConstantTimeEq};

use super::{
    encoding::{self, Digest},
    rejection::Rejection,
    request::Request,
    secret::Secrets,
    timestamp, uri, v1, v2, v3,
    version::{AcceptedVersions, Version},
};

/// Verifies requests under an app's live secrets.
#[derive(Debug, Clone)]
pub struct Verifier {
    secrets: Secrets,
    accepted: AcceptedVersions,
}

impl Verifier {
    /// A verifier for signatures of the accepted versions under any of the secrets.
    pub fn new(secrets: Secrets, accepted: AcceptedVersions) -> Self {
        Self { secrets, accepted }
    }

    /// Tells the version under which the request is authentic, or why it is not.
    ///
    /// Every digest is computed before anything is judged, over the body as given and over
    /// whatever stands in the headers: how long an answer takes depends on the settings and on
    /// the request's size, not on what is wrong with it. `now_ms` is milliseconds since the Unix
    /// epoch.
    pub fn verify(&self, request: &Request<'_>, now_ms: i64) -> Result<Version, Rejection> {
        let evidence = self.evidence(request);
        let version = self.presented(request)?;
        let (claim, matches) = match version {
            Version::V1 => (&evidence.old_claim, evidence.v1),
            Version::V2 => (&evidence.old_claim, evidence.v2),
            Version::V3 => (&evidence.v3_claim, evidence.v3),
        };
        if !bool::from(claim.readable) {
            return Err(Rejection::Malformed);
        }
        if version == Version::V3 {
            timestamp::check(request.timestamp, now_ms)?;
        }
        if bool::from(matches) { Ok(version) } else { Err(Rejection::Mismatch) }
    }

    /// Which signature counts: version 3 by its own header, else the old header's, which is
    /// version 1 unless the version header says otherwise. HubSpot sends version 1 and 3 side by
    /// side with a version header of `v1`, so that header never chooses between those two.
    fn presented(&self, request: &Request<'_>) -> Result<Version, Rejection> {
        let accepts = |version| self.accepted.contains(version);
        if accepts(Version::V3) && request.signature_v3.is_some() {
            return Ok(Version::V3);
        }
        if request.signature.is_none() || !(accepts(Version::V1) || accepts(Version::V2)) {
            return Err(Rejection::Missing);
        }
        let version = match request.version {
            None | Some(b"v1") => Version::V1,
            Some(b"v2") => Version::V2,
            Some(_) => return Err(Rejection::Malformed),
        };
        if accepts(version) { Ok(version) } else { Err(Rejection::Missing) }
    }

    /// Compares what the headers claim with every digest that would be right.
    fn evidence(&self, request: &Request<'_>) -> Evidence {
        let Request { method, uri: received, body, .. } = *request;
        let timestamp = request.timestamp.unwrap_or_default();
        let v3_claim = Claim::new(request.signature_v3.and_then(encoding::from_base64));
        let old_claim = Claim::new(request.signature.and_then(encoding::from_hex));
        // HubSpot documents the decoded form and its SDKs sign the received one: either counts.
        let decoded = uri::decoded(received);
        let no = Choice::from(0);
        let (mut v1, mut v2, mut v3) = (no, no, no);
        for secret in self.secrets.live() {
            if self.accepted.contains(Version::V3) {
                v3 |= v3_claim.matches(&v3::digest(secret, method, received, body, timestamp));
                if let Cow::Owned(decoded) = &decoded {
                    v3 |= v3_claim.matches(&v3::digest(secret, method, decoded, body, timestamp));
                }
            }
            if self.accepted.contains(Version::V2) {
                v2 |= old_claim.matches(&v2::digest(secret, method, received, body));
            }
            if self.accepted.contains(Version::V1) {
                v1 |= old_claim.matches(&v1::digest(secret, body));
            }
        }
        Evidence { v3_claim, old_claim, v1, v2, v3 }
    }
}

/// What a request claims and which of the versions bear it out.
struct Evidence {
    v3_claim: Claim,
    old_claim: Claim,
    v1: Choice,
    v2: Choice,
    v3: Choice,
}

/// The digest that a header claims; zeros, which never match, where there is none to read.
struct Claim {
    digest: Digest,
    readable: Choice,
}

impl Claim {
    fn new(digest: Option<Digest>) -> Self {
        Self {
            readable: Choice::from(u8::from(digest.is_some())),
            digest: digest.unwrap_or_default(),
        }
    }

    fn matches(&self, expected: &Digest) -> Choice {
        self.digest.ct_eq(expected) & self.readable
    }
}
