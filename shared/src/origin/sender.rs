//! Who sends events, by name: one variant each.
//!
//! Owns the list. What is only one sender's (how it signs, what an event of its is) is in its folder under
//! [`crate::senders`].

use std::fmt;
use std::str::FromStr;

use crate::metrics::label;

label! {
    /// Who sends events.
    pub enum Sender {
        /// HubSpot, to an app's target URL.
        HubSpot = "hubspot",
    }
}

/// A text that names no sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such sender: the only one is `hubspot`")]
pub struct NotASender;

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Sender {
    type Err = NotASender;

    fn from_str(text: &str) -> Result<Self, NotASender> {
        Self::ALL.into_iter().find(|sender| sender.as_str() == text).ok_or(NotASender)
    }
}
