//! How a request to a destination is signed.
//!
//! Owns which forms there are and the headers of each. Refuses to show a secret, and to send anything.

mod hubspot;
mod signed;
mod standard;
mod standard_secret;

use secrecy::SecretString;
use shared::senders::hubspot::signature::ClientSecret;

pub(crate) use signed::Signed;
pub(crate) use standard_secret::{SigningError, StandardSecret};

/// A destination's form of signature, with its secrets.
#[derive(Clone, Debug)]
pub(crate) enum Signing {
    /// Standard Webhooks. While one secret replaces another, both sign.
    Standard {
        /// The newest.
        secret: StandardSecret,
        /// The one before it, until the destination verifies with it no more.
        previous: Option<StandardSecret>,
    },
    /// As HubSpot signs in version 3, for what has verified HubSpot's own deliveries so far.
    HubSpot {
        /// The secret of the app for which the destination verifies.
        secret: ClientSecret,
    },
    /// Not at all.
    None,
}

impl Signing {
    /// Standard Webhooks, from secrets as people paste them.
    pub(crate) fn standard(
        secret: &SecretString,
        previous: Option<&SecretString>,
    ) -> Result<Self, SigningError> {
        Ok(Self::Standard {
            secret: StandardSecret::parse(secret)?,
            previous: previous.map(StandardSecret::parse).transpose()?,
        })
    }

    /// The headers that sign this request, named in lower case. Each attempt is signed anew: its time is
    /// part of what is signed.
    pub(crate) fn headers(&self, signed: &Signed<'_>) -> Vec<(&'static str, String)> {
        match self {
            Self::Standard { secret, previous } => {
                standard::headers(std::iter::once(secret).chain(previous), signed).into()
            }
            Self::HubSpot { secret } => hubspot::headers(secret, signed).into(),
            Self::None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::SystemTime;

    use reqwest::{Method, Url};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn who_asks_for_no_signature_gets_no_header() {
        let signed = Signed {
            method: &Method::POST,
            url: &Url::parse("https://hooks.example.com/").unwrap(),
            id: "1",
            now: SystemTime::UNIX_EPOCH,
            body: b"{}",
        };
        assert!(Signing::None.headers(&signed).is_empty());
    }

    #[test]
    fn both_secrets_are_looked_at() {
        let (good, bad) = (SecretString::from(SECRET), SecretString::from("whsec_c2hvcnQ="));
        assert!(Signing::standard(&good, None).is_ok());
        assert!(Signing::standard(&good, Some(&good)).is_ok());
        assert_eq!(Signing::standard(&bad, None).unwrap_err(), SigningError::Length);
        assert_eq!(Signing::standard(&good, Some(&bad)).unwrap_err(), SigningError::Length);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = SecretString::from(SECRET);
        let standard = Signing::standard(&text, Some(&text)).unwrap();
        let hubspot = Signing::HubSpot { secret: ClientSecret::new("client-s3cret").unwrap() };
        let shown = format!("{standard:?} {hubspot:?}");
        // The key's first bytes, as a slice of bytes would show them.
        for secret in ["MfKQ9r8G", "s3cret", "49, 242, 144"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("[REDACTED]"));
    }
}
