//! Whether a request comes from HubSpot.
//!
//! Owns which signature of a request counts, and that no digest is computed for a request whose
//! headers cannot be right: whoever sends those learns nothing that the answer does not say, and costs
//! nothing. Constant time is for the comparison of digests. Refuses to fall back: where version 3 is
//! accepted and there, no older signature can stand in for it.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use super::{
    encoding::{self, Digest},
    request::Request,
    secret::Secrets,
    timestamp, uri, v1, v2, v3,
    version::{AcceptedVersions, Version},
};
use crate::senders::bad_signature::BadSignature;
use crate::senders::request::Request as Signed;

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
    /// `now_ms` is milliseconds since the Unix epoch.
    pub fn verify(&self, request: &Request<'_>, now_ms: i64) -> Result<Version, BadSignature> {
        let claim = self.claim(request, now_ms)?;
        let Request { method, uri, body, .. } = *request;
        self.check(&claim, Signed { method, uri, body })
    }

    /// What the headers claim, if they claim something that could be true now: a signature of an
    /// accepted version, of the right shape, of this time. Costs no digest, and does not look at the
    /// body: what fails here need not be read.
    pub fn claim(&self, request: &Request<'_>, now_ms: i64) -> Result<Claim, BadSignature> {
        let version = self.presented(request)?;
        let digest = match version {
            Version::V3 => request.signature_v3.and_then(encoding::from_base64),
            Version::V1 | Version::V2 => request.signature.and_then(encoding::from_hex),
        };
        let digest = digest.ok_or(BadSignature::Malformed)?;
        if version != Version::V3 {
            return Ok(Claim { version, digest, timestamp: Box::default() });
        }
        let timestamp = timestamp::check(request.timestamp, now_ms)?.into();
        Ok(Claim { version, digest, timestamp })
    }

    /// Whether the claim is true: whether any live secret gives this digest for the request. Takes
    /// as long for one secret as for another, and for a wrong digest as for a right one.
    pub fn check(&self, claim: &Claim, request: Signed<'_>) -> Result<Version, BadSignature> {
        let Signed { method, uri: received, body } = request;
        let timestamp = &claim.timestamp;
        let mut matches = Choice::from(0);
        for secret in self.secrets.live() {
            match claim.version {
                Version::V1 => matches |= v1::digest(secret, body).ct_eq(&claim.digest),
                Version::V2 => {
                    matches |= v2::digest(secret, method, received, body).ct_eq(&claim.digest);
                }
                Version::V3 => {
                    let digest = |uri| v3::digest(secret, method, uri, body, timestamp);
                    matches |= digest(received).ct_eq(&claim.digest);
                    // HubSpot documents the decoded form and its SDKs sign the received one: either
                    // counts.
                    if let Cow::Owned(decoded) = uri::decoded(received) {
                        matches |= digest(&decoded).ct_eq(&claim.digest);
                    }
                }
            }
        }
        if bool::from(matches) { Ok(claim.version) } else { Err(BadSignature::Mismatch) }
    }

    /// Which signature counts: version 3 by its own header, else the old header's, which is
    /// version 1 unless the version header says otherwise. HubSpot sends version 1 and 3 side by
    /// side with a version header of `v1`, so that header never chooses between those two.
    fn presented(&self, request: &Request<'_>) -> Result<Version, BadSignature> {
        let accepts = |version| self.accepted.contains(version);
        if accepts(Version::V3) && request.signature_v3.is_some() {
            return Ok(Version::V3);
        }
        if request.signature.is_none() || !(accepts(Version::V1) || accepts(Version::V2)) {
            return Err(BadSignature::Missing);
        }
        let version = match request.version {
            None | Some(b"v1") => Version::V1,
            Some(b"v2") => Version::V2,
            Some(_) => return Err(BadSignature::Malformed),
        };
        if accepts(version) { Ok(version) } else { Err(BadSignature::Missing) }
    }
}

/// A digest that a request claims to be signed with.
#[derive(Clone)]
pub struct Claim {
    version: Version,
    digest: Digest,
    /// The text of the time that version 3 signs.
    timestamp: Box<[u8]>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Claim").field("version", &self.version).finish_non_exhaustive()
    }
}
