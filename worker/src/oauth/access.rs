//! An access token, and how it is shared: sealed, under its portal's name, until it is over.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use shared::origin::Origin;

use crate::sealed::Keys;

/// So long before its end nobody begins a request with it any more.
const MARGIN: Duration = Duration::from_secs(5);

/// What requests of one portal go out with.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) secret: SecretString,
    /// Under which refresh it came: a larger number is younger.
    pub(crate) fence: i64,
    pub(crate) given_ms: i64,
    pub(crate) expires_ms: i64,
}

/// Leaves out the token.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("fence", &self.fence).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    token: String,
    fence: i64,
    given_ms: i64,
    expires_ms: i64,
}

impl AccessToken {
    /// How long it is still good for.
    pub(crate) fn lasts(&self, now_ms: i64) -> Duration {
        let left_ms = u64::try_from(self.expires_ms - now_ms).unwrap_or_default();
        Duration::from_millis(left_ms).saturating_sub(MARGIN.min(self.life() / 10))
    }

    /// After how long it is looked for a younger one, which there should be since 80 % of its life.
    pub(crate) fn fresh(&self, now_ms: i64) -> Duration {
        self.lasts(now_ms).saturating_sub(self.life() / 10)
    }

    fn life(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.expires_ms - self.given_ms).unwrap_or_default())
    }

    pub(super) fn seal(&self, keys: &Keys, origin: &Origin) -> anyhow::Result<String> {
        let written = Written {
            token: self.secret.expose_secret().to_owned(),
            fence: self.fence,
            given_ms: self.given_ms,
            expires_ms: self.expires_ms,
        };
        let json = SecretString::from(serde_json::to_string(&written)?);
        Ok(STANDARD_NO_PAD.encode(keys.seal(&what(origin), &json)?))
    }

    /// What was shared, if it is this portal's and opens.
    pub(super) fn open(keys: &Keys, origin: &Origin, text: &str) -> Option<Self> {
        let sealed = STANDARD_NO_PAD.decode(text).ok()?;
        let json = keys.open(&what(origin), &sealed).ok()?;
        let written: Written = serde_json::from_str(json.expose_secret()).ok()?;
        let Written { token, fence, given_ms, expires_ms } = written;
        Some(Self { secret: SecretString::from(token), fence, given_ms, expires_ms })
    }
}

fn what(origin: &Origin) -> String {
    format!("access token of {origin}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn it_is_shared_sealed_and_for_its_portal_alone() {
        let keys = SecretString::from("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned());
        let keys = Keys::parse(&keys).unwrap();
        let secret = SecretString::from("hunter2".to_owned());
        let token = AccessToken { secret, fence: 7, given_ms: 0, expires_ms: 1_800_000 };
        let (one, other) = (Origin::hubspot(1), Origin::hubspot(2));
        let shared = token.seal(&keys, &one).unwrap();
        assert!(!shared.contains("hunter2") && !format!("{token:?}").contains("hunter2"));
        let opened = AccessToken::open(&keys, &one, &shared).unwrap();
        assert_eq!((opened.secret.expose_secret(), opened.fence), ("hunter2", 7));
        assert!(AccessToken::open(&keys, &other, &shared).is_none());
        assert!(AccessToken::open(&keys, &one, "nonsense").is_none());
        assert_eq!(token.lasts(0), Duration::from_secs(1795));
        assert_eq!(token.fresh(0), Duration::from_secs(1615));
        assert_eq!(token.lasts(1_800_000), Duration::ZERO);
    }
}
