//! Where an event comes from: who sent it, and whose account there it is about.
//!
//! As a text, which headers, keys, tables and labels have: `hubspot/62515`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod sender;

pub use sender::{NotASender, Sender};

/// The longest account, in bytes: it is part of keys and labels.
pub const MAX_ACCOUNT_BYTES: usize = 64;

/// The account of what could not be read.
const UNKNOWN: &str = "unknown";

/// A sender, and an account there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Origin {
    sender: Sender,
    account: Arc<str>,
}

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is a sender and an account, such as `hubspot/62515`: the account has 1 to \
     {MAX_ACCOUNT_BYTES} letters, digits and `_`, `-`, `.`"
)]
pub struct NotAnOrigin;

impl Origin {
    /// The account `account` at `sender`: 1 to [`MAX_ACCOUNT_BYTES`] ASCII letters, digits and `_`, `-`,
    /// `.`.
    pub fn new(sender: Sender, account: &str) -> Result<Self, NotAnOrigin> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_short = (1..=MAX_ACCOUNT_BYTES).contains(&account.len());
        if is_short && account.chars().all(allowed) {
            Ok(Self { sender, account: account.into() })
        } else {
            Err(NotAnOrigin)
        }
    }

    /// A HubSpot account, by its number.
    #[must_use]
    pub fn hubspot(portal_id: u64) -> Self {
        Self { sender: Sender::HubSpot, account: portal_id.to_string().into() }
    }

    /// Of what `sender` sent and nobody can read.
    #[must_use]
    pub fn unknown(sender: Sender) -> Self {
        Self { sender, account: UNKNOWN.into() }
    }

    /// Who sent it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// The account, as its sender names it.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether it could not be read.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        &*self.account == UNKNOWN
    }

    /// Its text in parts.
    pub(crate) fn parts(&self) -> [&str; 3] {
        [self.sender.as_str(), "/", &self.account]
    }

    /// The number of a HubSpot account.
    #[must_use]
    pub fn portal_id(&self) -> Option<u64> {
        match self.sender {
            Sender::HubSpot => self.account.parse().ok(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| f.write_str(part))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (sender, account) = text.split_once('/').ok_or(NotAnOrigin)?;
        Self::new(sender.parse().map_err(|_| NotAnOrigin)?, account)
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn an_origin_is_its_text() {
        let origin: Origin = "hubspot/62515".parse().unwrap();
        assert_eq!(origin, Origin::hubspot(62515));
        assert_eq!(origin.to_string(), "hubspot/62515");
        assert_eq!((origin.sender(), origin.account()), (Sender::HubSpot, "62515"));
        assert_eq!(origin.portal_id(), Some(62515));
        assert_eq!(serde_json::to_string(&origin).unwrap(), "\"hubspot/62515\"");
        assert_eq!(serde_json::from_str::<Origin>("\"hubspot/62515\"").unwrap(), origin);
        assert!(serde_json::from_str::<Origin>("\"62515\"").is_err());
    }

    #[test]
    fn what_cannot_be_read_has_an_origin_without_a_portal() {
        let origin = Origin::unknown(Sender::HubSpot);
        assert!(origin.is_unknown());
        assert_eq!(origin.portal_id(), None);
        assert_eq!(origin.to_string().parse(), Ok(origin));
    }

    #[test]
    fn no_other_text_is_one() {
        let long = format!("hubspot/{}", "1".repeat(MAX_ACCOUNT_BYTES + 1));
        for text in [
            "",
            "62515",
            "hubspot",
            "hubspot/",
            "/62515",
            "nobody/1",
            "hubspot/a b",
            "hubspot/1/2",
            &long,
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin), "{text}");
        }
    }
}
