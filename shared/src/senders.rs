//! What Hubline knows of those who send it events: one variant of [`Sender`] each, and one folder for all
//! that is only theirs. Another sender is a folder here, a variant there, and an arm in each `match` of
//! this file and of [`Verifier`].
//!
//! Owns what is asked of every sender: how a body falls apart, what an event is, whether its app made it
//! itself, how it is verified. Refuses to know the answers.

use bytes::Bytes;

mod bad_signature;
pub mod hubspot;
mod request;
mod verifier;

pub use crate::origin::{NotASender, Sender};
pub use bad_signature::BadSignature;
pub use request::Request;
pub use verifier::{Claim, Verifier};

use crate::event::Event;

/// Why bytes are not what their sender sends. It carries nothing of them: its text ends up in logs, dead
/// letters and consoles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A body of HubSpot's that is no batch of events.
    #[error(transparent)]
    HubSpotBatch(#[from] hubspot::Unsplittable),
    /// What is no event of HubSpot's.
    #[error(transparent)]
    HubSpotEvent(#[from] hubspot::EventError),
}

impl Sender {
    /// Takes the body of a delivery apart into its events, each a slice of it, byte for byte. They need
    /// not be readable.
    pub fn split(self, body: &Bytes) -> Result<Vec<Bytes>, Unreadable> {
        match self {
            Self::HubSpot => Ok(hubspot::split(body)?),
        }
    }

    /// The event that stands in `body`: identity, origin and topic, in one pass over the bytes. What
    /// cannot be identified, and so could not be told from a duplicate, is an error.
    pub fn identify(self, body: &Bytes) -> Result<Event, Unreadable> {
        self.identify_beside(body, None)
    }

    /// The same. What it has in common with `neighbour`, another one of the same delivery, the two share:
    /// one delivery is about one account as a rule, and about few topics.
    pub fn identify_beside(
        self,
        body: &Bytes,
        neighbour: Option<&Event>,
    ) -> Result<Event, Unreadable> {
        match self {
            Self::HubSpot => Ok(hubspot::identify(body, neighbour)?),
        }
    }

    /// The event that the bytes hold if they can be identified, and else bytes that are none. For what came
    /// without a journey that can be read: the event itself keeps its name.
    pub fn event(self, body: Bytes) -> Event {
        self.identify(&body).unwrap_or_else(|_| Event::unreadable(self, body))
    }

    /// Whether this sender signs in a header of this name, in lower case.
    #[must_use]
    pub fn signs_in(self, header: &str) -> bool {
        match self {
            Self::HubSpot => hubspot::signature::is_signature(header),
        }
    }

    /// Whether the value of a header of this sender's explains why a request is rejected, and is nothing
    /// secret.
    #[must_use]
    pub fn shows(self, header: &str) -> bool {
        match self {
            Self::HubSpot => hubspot::signature::is_shown(header),
        }
    }

    /// When a request says that it was sent, in milliseconds since the Unix epoch.
    pub fn sent_ms<'a>(self, header: impl Fn(&'static str) -> Option<&'a str>) -> Option<i64> {
        match self {
            Self::HubSpot => header(hubspot::signature::TIMESTAMP)?.parse().ok(),
        }
    }
}

/// What is asked of every event, whoever sent it.
impl Event {
    /// Whether its sender's typed view can be made of it.
    pub fn readable(&self) -> Result<(), Unreadable> {
        match self.origin.sender() {
            Sender::HubSpot => Ok(self.hubspot().map(drop)?),
        }
    }

    /// When it happened, in milliseconds since the Unix epoch, if it says so.
    #[must_use]
    pub fn occurred_at_ms(&self) -> Option<i64> {
        match self.origin.sender() {
            Sender::HubSpot => self.hubspot().ok()?.occurred_at_ms,
        }
    }

    /// Whether the sender's app made the change itself, and so need not be told. `app_id` is the app's
    /// number beside the one that the event may name.
    #[must_use]
    pub fn is_own_write(&self, app_id: Option<u64>) -> bool {
        match self.origin.sender() {
            Sender::HubSpot => self.hubspot().is_ok_and(|event| hubspot::own_write(event, app_id)),
        }
    }
}
