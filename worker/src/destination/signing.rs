//! How a request to a destination is signed.
//!
//! Owns which forms there are and the headers of each. Refuses to show a secret, and to send anything.

mod hubspot;
mod signed;
mod standard;
mod standard_secret;

use std::time::SystemTime;

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
        /// Those before it, until the destination verifies with them no more.
        former: Vec<Former>,
    },
    /// As HubSpot signs in version 3, for what has verified HubSpot's own deliveries so far.
    HubSpot {
        /// The secret of the app for which the destination verifies.
        secret: ClientSecret,
    },
    /// Not at all.
    None,
}

/// A secret that another one takes the place of.
#[derive(Clone, Debug)]
pub(crate) struct Former {
    secret: StandardSecret,
    /// When it signs no more, if that is known.
    until: Option<SystemTime>,
}

impl Signing {
    /// Standard Webhooks, from secrets as people paste them. Those before the newest sign as well, some until a
    /// time.
    pub(crate) fn standard(
        secret: &SecretString,
        former: &[(&SecretString, Option<SystemTime>)],
    ) -> Result<Self, SigningError> {
        let parse = |(secret, until): &(&SecretString, _)| {
            Ok(Former { secret: StandardSecret::parse(secret)?, until: *until })
        };
        let former = former.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self::Standard { secret: StandardSecret::parse(secret)?, former })
    }

    /// The headers that sign this request, named in lower case. Each attempt is signed anew: its time is
    /// part of what is signed.
    pub(crate) fn headers(&self, signed: &Signed<'_>) -> Vec<(&'static str, String)> {
        match self {
            Self::Standard { secret, former } => {
                let signs = |former: &&Former| former.until.is_none_or(|until| signed.now < until);
                let former = former.iter().filter(signs).map(|former| &former.secret);
                standard::headers(std::iter::once(secret).chain(former), signed).into()
            }
            Self::HubSpot { secret } => hubspot::headers(secret, signed).into(),
            Self::None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::Duration;

    use reqwest::{Method, Url};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=";

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
        assert!(Signing::standard(&good, &[]).is_ok());
        assert!(Signing::standard(&good, &[(&good, None)]).is_ok());
        assert_eq!(Signing::standard(&bad, &[]).unwrap_err(), SigningError::Length);
        assert_eq!(Signing::standard(&good, &[(&bad, None)]).unwrap_err(), SigningError::Length);
    }

    #[test]
    fn a_former_secret_signs_until_its_time_is_over() {
        let (secret, former) = (SecretString::from(SECRET), SecretString::from(OTHER));
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let signing = Signing::standard(&secret, &[(&former, Some(until))]).unwrap();
        let url = Url::parse("https://hooks.example.com/").unwrap();
        let signatures = |now| {
            let signed = Signed { method: &Method::POST, url: &url, id: "1", now, body: b"{}" };
            let headers = signing.headers(&signed);
            let (_, value) =
                headers.into_iter().find(|(name, _)| *name == "webhook-signature").unwrap();
            value.split(' ').count()
        };
        assert_eq!(signatures(until - Duration::from_millis(1)), 2);
        assert_eq!(signatures(until), 1);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = SecretString::from(SECRET);
        let standard = Signing::standard(&text, &[(&text, None)]).unwrap();
        let hubspot = Signing::HubSpot { secret: ClientSecret::new("client-s3cret").unwrap() };
        let shown = format!("{standard:?} {hubspot:?}");
        // The key's first bytes, as a slice of bytes would show them.
        for secret in ["MfKQ9r8G", "s3cret", "49, 242, 144"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("[REDACTED]"));
    }
}
