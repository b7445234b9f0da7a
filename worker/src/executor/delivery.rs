//! What a delivery holds: a message and its event, or bytes that are no event.

use bytes::Bytes;
use shared::broker::MalformedMessage;
use shared::clock::now_ms;
use shared::event::{Event, Identity};
use shared::message::Message;

pub(super) type Readable = (Message, Event);

/// A message that cannot be read, and why.
pub(super) type Unreadable = Box<(Message, String)>;

/// The message and its event. What came without Hubline's headers is taken as a fresh event if
/// it can be read as one.
pub(super) fn read(message: Result<Message, MalformedMessage>) -> Result<Readable, Unreadable> {
    match message {
        Ok(message) => match Event::parse_known(&message.body, message.identity.clone()) {
            Ok(event) => Ok((message, event)),
            Err(error) => Err(Box::new((message, error.to_string()))),
        },
        Err(MalformedMessage { is_foreign: false, what, body }) => {
            Err(Box::new((nameless(body), what.to_owned())))
        }
        Err(MalformedMessage { body, .. }) => match Event::parse(&body) {
            Ok(event) => Ok((fresh(body, &event), event)),
            Err(error) => Err(Box::new((nameless(body), error.to_string()))),
        },
    }
}

fn fresh(body: Bytes, event: &Event) -> Message {
    Message {
        identity: event.identity.clone(),
        subscription_type: event.subscription_type.clone(),
        portal_id: event.portal_id,
        ..nameless(body)
    }
}

fn nameless(body: Bytes) -> Message {
    Message {
        identity: Identity::of_unreadable(&body),
        body,
        subscription_type: String::new(),
        portal_id: 0,
        attempt: 0,
        target: None,
        received_ms: now_ms(),
        generation: 0,
        traceparent: None,
        job: None,
        waiting: None,
        death: None,
    }
}
