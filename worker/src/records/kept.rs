//! What the records keep of an event, as the message that brings it to the workers again: here, and nowhere
//! else, it becomes one.

use shared::message::Message;
use shared::origin::Origin;

use super::origins::portal_of;

/// An event as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) identity: String,
    pub(super) origin: Origin,
    pub(super) subscription_type: String,
    pub(super) received_ms: i64,
    /// The trace that it goes on in, if it goes on in one.
    pub(super) traceparent: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Kept {
    /// The message that brings it to all handlers, as if it had just come in; `None` if it is none that a
    /// program of ours has written.
    pub(super) fn message(self) -> Option<Message> {
        Some(Message {
            identity: self.identity.parse().ok()?,
            portal_id: portal_of(&self.origin),
            subscription_type: self.subscription_type,
            body: self.body.into(),
            received_ms: self.received_ms,
            traceparent: self.traceparent,
            attempt: 0,
            target: None,
            generation: 0,
            job: None,
            waiting: None,
            death: None,
        })
    }
}
