//! A dead letter as it comes out of its queue: what is kept of it, in words that every database
//! takes. A letter that cannot be read is one all the same.

use bytes::Bytes;
use shared::broker::{DeadQueue, MalformedMessage};
use shared::message::{Death, DeathReason, MAX_ERROR_BYTES, Message};
use shared::origin::{Origin, Sender};

use super::fingerprint::fingerprint;
use crate::records::contact::{Contact, contact_of};

/// The longest target, type, code and trace context that are kept, in bytes: PostgreSQL's indexes
/// take no long texts.
const MAX_NAME_BYTES: usize = 255;

/// What is kept of a letter.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) identity: String,
    pub(super) target: String,
    pub(super) generation: i64,
    pub(super) attempt: i64,
    pub(super) queue: &'static str,
    pub(super) origin: Origin,
    pub(super) subscription_type: String,
    pub(super) object_id: Option<i64>,
    pub(super) contact_id: Option<i64>,
    pub(super) reason: &'static str,
    pub(super) code: String,
    pub(super) error: String,
    pub(super) fingerprint: String,
    pub(super) received_ms: i64,
    pub(super) died_ms: i64,
    pub(super) traceparent: Option<String>,
    /// The job whose retry ended in it.
    pub(super) job_id: Option<i64>,
    /// The attempt that the job had published it as.
    pub(super) published_as: i64,
    pub(super) steps: String,
    pub(super) body: Bytes,
}

impl Arrival {
    /// Whether no queue had its routing key.
    pub(super) fn is_unrouted(&self) -> bool {
        self.queue == DeadQueue::Unrouted.as_str()
    }

    /// The letter that stands in `queue` as `message`.
    pub(super) fn new(
        message: Result<Message, MalformedMessage>,
        queue: DeadQueue,
        now_ms: i64,
    ) -> Self {
        let message = message.unwrap_or_else(|malformed| unreadable(malformed, now_ms));
        let sent = &message.event;
        let event = sent.hubspot().ok();
        let (reason, death) = match message.death {
            Some(death) => (death.reason.as_str(), death),
            None => nobodys_verdict(queue, now_ms),
        };
        let target = message.target.as_deref().map(name).unwrap_or_default();
        let (code, error) = (name(&death.code), clean(&death.error, MAX_ERROR_BYTES));
        Self {
            identity: sent.identity.to_string(),
            fingerprint: fingerprint(&target, &code, &error),
            target,
            generation: i64::from(message.generation),
            attempt: i64::from(message.attempt),
            queue: queue.as_str(),
            origin: sent.origin.clone(),
            subscription_type: name(&sent.topic),
            object_id: event.and_then(|event| event.object_id).map(u64::cast_signed),
            contact_id: event.and_then(contact_of),
            reason,
            code,
            error,
            received_ms: message.received_ms,
            died_ms: death.dead_ms,
            traceparent: message.traceparent.as_deref().map(name),
            job_id: message.job.map(|job| job.id.cast_signed()),
            published_as: i64::from(message.job.map_or(message.attempt, |job| job.attempt)),
            steps: clean(&death.steps_text(), MAX_ERROR_BYTES),
            body: sent.body().clone(),
        }
    }

    pub(super) fn contact(&self) -> Option<Contact> {
        self.contact_id.map(|id| Contact { origin: self.origin.clone(), id })
    }

    /// What tells it from every other.
    pub(super) fn key(&self) -> (&str, &str, i64, i64) {
        (&self.identity, &self.target, self.generation, self.attempt)
    }
}

/// What has no journey that can be read, by its bytes: a retry of it is the event that they hold.
fn unreadable(malformed: MalformedMessage, now_ms: i64) -> Message {
    let MalformedMessage { what, body, .. } = malformed;
    let death = Death::new(DeathReason::Unreadable, "UNREADABLE", what, now_ms);
    Message::fresh(Sender::HubSpot.event(body), now_ms).dead(death)
}

/// What no worker gave up: the broker put it here.
fn nobodys_verdict(queue: DeadQueue, now_ms: i64) -> (&'static str, Death) {
    let reason = DeathReason::Crashed;
    match queue {
        DeadQueue::Dead => {
            let error = "the broker gave it up after too many deliveries";
            (reason.as_str(), Death::new(reason, "DELIVERY_LIMIT", error, now_ms))
        }
        DeadQueue::Unrouted => {
            let error = "no queue has its routing key: is WORK_SHARDS the same everywhere?";
            ("unrouted", Death::new(reason, "UNROUTED", error, now_ms))
        }
    }
}

/// PostgreSQL takes no NUL in a text. What did not come from a worker has no bound of its own.
fn clean(text: &str, max_bytes: usize) -> String {
    text[..text.floor_char_boundary(max_bytes)].replace('\0', "\u{fffd}")
}

fn name(text: &str) -> String {
    clean(text, MAX_NAME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(body: &'static [u8]) -> MalformedMessage {
        MalformedMessage { what: "no headers", is_foreign: true, body: Bytes::from_static(body) }
    }

    #[test]
    fn what_cannot_be_read_keeps_its_bytes_and_is_told_by_them() {
        let arrival = Arrival::new(Err(malformed(b"\xff\x00")), DeadQueue::Dead, 7);
        assert_eq!((arrival.reason, &*arrival.code), ("unreadable", "UNREADABLE"));
        assert_eq!(&arrival.body[..], b"\xff\x00");
        let other = Arrival::new(Err(malformed(b"\xff\x01")), DeadQueue::Dead, 7);
        assert_ne!(arrival.identity, other.identity);
    }

    /// Else it could not be found by its portal, nor erased with its contact, nor retried as itself.
    #[test]
    fn what_has_lost_its_journey_keeps_the_name_of_its_event() {
        let body =
            br#"{"eventId":1,"portalId":7,"subscriptionType":"contact.creation","objectId":5}"#;
        let arrival = Arrival::new(Err(malformed(body)), DeadQueue::Dead, 7);
        assert_eq!((arrival.origin, arrival.contact_id), (Origin::hubspot(7), Some(5)));
        assert_eq!(&*arrival.subscription_type, "contact.creation");
    }

    #[test]
    fn what_the_broker_put_there_says_so() {
        let message = Message { death: None, ..unreadable(malformed(b"{}"), 7) };
        let routed = |queue| Arrival::new(Ok(message.clone()), queue, 9);
        assert_eq!(routed(DeadQueue::Dead).code, "DELIVERY_LIMIT");
        let unrouted = routed(DeadQueue::Unrouted);
        assert_eq!((unrouted.reason, &*unrouted.code), ("unrouted", "UNROUTED"));
        assert_eq!(unrouted.died_ms, 9);
    }

    #[test]
    fn texts_are_such_as_every_database_takes() {
        let death = Death::new(DeathReason::Permanent, "A\0B", "x\0y", 3);
        let message = Message {
            target: Some("\u{e9}".repeat(500)),
            death: Some(death),
            ..unreadable(malformed(b"{}"), 7)
        };
        let arrival = Arrival::new(Ok(message), DeadQueue::Dead, 7);
        assert_eq!((&*arrival.code, &*arrival.error), ("A\u{fffd}B", "x\u{fffd}y"));
        assert_eq!(arrival.target.len(), 254);
    }
}
