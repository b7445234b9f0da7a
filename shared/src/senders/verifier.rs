//! Whether a request comes from its sender: asked of whoever it says it is from.
//!
//! First what the headers claim, which costs no digest and needs no body; then whether that is true.

use super::bad_signature::BadSignature;
use super::hubspot::signature as hubspot;
use super::request::Request;
use crate::origin::Sender;

/// Verifies the deliveries of one sender, under the secrets that it shares with us.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// HubSpot's.
    HubSpot(hubspot::Verifier),
}

/// A signature that a request claims to have.
#[derive(Clone, Debug)]
pub enum Claim {
    /// As HubSpot signs.
    HubSpot(hubspot::Claim),
}

impl Verifier {
    /// Whose deliveries it verifies.
    #[must_use]
    pub fn sender(&self) -> Sender {
        match self {
            Self::HubSpot(_) => Sender::HubSpot,
        }
    }

    /// What the headers claim, if they claim something that could be true now: what fails here need not be
    /// read. `header` gives a header by its name in lower case, `now_ms` is milliseconds since the Unix
    /// epoch. An error comes with what an operator should look at first.
    pub fn claim<'a>(
        &self,
        request: Request<'a>,
        header: impl Fn(&'static str) -> Option<&'a [u8]>,
        now_ms: i64,
    ) -> Result<Claim, (BadSignature, Option<&'static str>)> {
        match self {
            Self::HubSpot(verifier) => {
                let signed = hubspot::Request::of(request, header);
                let claim = verifier.claim(&signed, now_ms);
                claim.map(Claim::HubSpot).map_err(|bad| (bad, hubspot::hint(bad, &signed)))
            }
        }
    }

    /// Whether the claim is true, and the version of the signature that holds. Takes as long for a wrong
    /// digest as for a right one.
    pub fn check(&self, claim: &Claim, request: Request<'_>) -> Result<&'static str, BadSignature> {
        match (self, claim) {
            (Self::HubSpot(verifier), Claim::HubSpot(claim)) => {
                verifier.check(claim, request).map(hubspot::Version::name)
            }
        }
    }

    /// What an operator should look at first if a signature does not match.
    #[must_use]
    pub fn mismatch_hint(&self, request: Request<'_>) -> Option<&'static str> {
        match self {
            Self::HubSpot(_) => {
                hubspot::hint(BadSignature::Mismatch, &hubspot::Request::of(request, |_| None))
            }
        }
    }

    /// The names of all versions of the sender's signature.
    pub fn versions(&self) -> impl Iterator<Item = &'static str> + use<> {
        match self {
            Self::HubSpot(_) => {
                hubspot::Version::STRONGEST_FIRST.into_iter().map(hubspot::Version::name)
            }
        }
    }
}
