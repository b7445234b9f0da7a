//! What travels: where an event comes from, what it is about, what makes it itself, and its bytes.
//!
//! The same for every sender. Owns none of their fields: a sender's typed view of an event is parsed by
//! the first who asks for it, and kept here for all others. Refuses to change a byte of an event, and to
//! show any of them in `Debug`: they may be personal.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

pub use crate::identity::{Identity, NotAnIdentity};
use crate::origin::{Origin, Sender};

/// Longest topic that is taken, in bytes: an AMQP short string, which carries it.
pub const MAX_TOPIC_BYTES: usize = 255;

/// One event, on its way to whoever wants it.
#[derive(Clone)]
pub struct Event {
    /// Who sent it, and whose account there it is about.
    pub origin: Origin,
    /// What happened to what, in the sender's words: for HubSpot its subscription type, such as
    /// `deal.propertyChange`. At most [`MAX_TOPIC_BYTES`]; empty if nobody can read it.
    pub topic: Arc<str>,
    /// What makes it itself: the same for every delivery of it.
    pub identity: Identity,
    /// Byte for byte as it was sent. Not changed any more: what is read is these bytes.
    body: Bytes,
    /// What was read of them, which clones share.
    read: Arc<Read>,
}

/// What has been read of an event, each once somebody has asked for it.
#[derive(Default)]
struct Read {
    /// The sender's typed view.
    view: OnceLock<Box<dyn Any + Send + Sync>>,
    json: OnceLock<Option<Value>>,
}

impl Event {
    /// An event of which `body` is all that was sent.
    #[must_use]
    pub fn new(
        origin: Origin,
        topic: impl Into<Arc<str>>,
        identity: Identity,
        body: Bytes,
    ) -> Self {
        Self { origin, topic: topic.into(), identity, body, read: Arc::default() }
    }

    /// What `sender` sent and nobody can read: known by its bytes alone.
    #[must_use]
    pub fn unreadable(sender: Sender, body: Bytes) -> Self {
        let identity = Identity::of_unreadable(&body);
        Self::new(Origin::unknown(sender), "", identity, body)
    }

    /// Its bytes, as they were sent.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Its bytes as JSON; `None` if they are none.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        let parse = || serde_json::from_slice(&self.body).ok();
        self.read.json.get_or_init(parse).as_ref()
    }

    /// The typed view of the event's sender: `parse` makes it, unless it is there already.
    pub(crate) fn view<V: Any + Send + Sync>(&self, parse: impl Fn(&Self) -> V) -> &V {
        let kept = self.read.view.get_or_init(|| Box::new(parse(self)));
        // One event has one sender, and that one has one type of view.
        kept.downcast_ref().unwrap_or_else(|| unreachable!("an event has the view of its sender"))
    }
}

/// What is read follows from the bytes.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (&self.origin, &self.topic, &self.identity, &self.body)
            == (&other.origin, &other.topic, &other.identity, &other.body)
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Event")
            .field("origin", &self.origin)
            .field("topic", &self.topic)
            .field("identity", &self.identity)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn event() -> Event {
        Event::unreadable(Sender::HubSpot, Bytes::from_static(b"private"))
    }

    #[test]
    fn whoever_asks_first_parses_the_view_for_all_clones() {
        let (event, parsed) = (event(), AtomicU32::new(0));
        let clone = event.clone();
        for asking in [&event, &clone, &event] {
            let bytes = asking.view(|event| {
                parsed.fetch_add(1, Ordering::Relaxed);
                event.body().len()
            });
            assert_eq!(*bytes, 7);
        }
        assert_eq!(parsed.into_inner(), 1);
    }

    #[test]
    fn its_json_is_read_once_for_all_clones() {
        let body = Bytes::from_static(br#"{"objectId":7}"#);
        let event = Event::unreadable(Sender::HubSpot, body);
        let clone = event.clone();
        assert_eq!(clone.json().unwrap()["objectId"], 7);
        assert!(std::ptr::eq(event.json().unwrap(), clone.json().unwrap()));
        assert_eq!(self::event().json(), None);
    }

    #[test]
    fn debug_shows_no_byte_of_it() {
        let shown = format!("{:?}", event());
        assert!(shown.contains("hubspot/unknown"), "{shown}");
        assert!(!shown.contains("private"), "{shown}");
    }

    #[test]
    fn two_events_are_the_same_whether_they_have_been_read_or_not() {
        let read = event();
        read.view(|_| ());
        assert_eq!(read, event());
        assert_ne!(read, Event::unreadable(Sender::HubSpot, Bytes::new()));
    }
}
