//! What the records keep of an event, as the message that brings it to the workers again: here, and nowhere
//! else, it becomes one.

use shared::event::Event;
use shared::message::Message;
use shared::origin::Origin;

/// An event as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) identity: String,
    pub(super) origin: Origin,
    pub(super) topic: String,
    pub(super) received_ms: i64,
    pub(super) body: Vec<u8>,
}

impl Kept {
    /// The message that brings it to all handlers, as if it had just come in; `None` if it is none that a
    /// program of ours has written.
    pub(super) fn message(self) -> Option<Message> {
        let identity = self.identity.parse().ok()?;
        let event = Event::new(self.origin, self.topic, identity, self.body.into());
        Some(Message::fresh(event, self.received_ms))
    }
}
