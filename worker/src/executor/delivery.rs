//! What a delivery holds: a message whose event can be read, or bytes that are no event.

use shared::broker::MalformedMessage;
use shared::clock::now_ms;
use shared::message::Message;
use shared::senders::Sender;

/// A message that cannot be read, and why.
pub(super) type Unreadable = Box<(Message, String)>;

/// The message, if its event can be read. What came without Hubline's headers is taken as a fresh event
/// of HubSpot's if it can be read as one.
pub(super) fn read(message: Result<Message, MalformedMessage>) -> Result<Message, Unreadable> {
    let nameless = |body| Message::fresh(Sender::HubSpot.event(body), now_ms());
    match message {
        Ok(message) => match message.event.readable() {
            Ok(()) => Ok(message),
            Err(error) => Err(Box::new((message, error.to_string()))),
        },
        Err(MalformedMessage { is_foreign: false, what, body }) => {
            Err(Box::new((nameless(body), what.to_owned())))
        }
        Err(MalformedMessage { body, .. }) => match Sender::HubSpot.identify(&body) {
            Ok(event) => Ok(Message::fresh(event, now_ms())),
            Err(error) => Err(Box::new((nameless(body), error.to_string()))),
        },
    }
}
