//! From a verified body to messages: one for each event, its bytes untouched.
//!
//! What cannot be read does not spoil its neighbours: it goes to the dead letters as it is.

use std::sync::Arc;

use bytes::Bytes;
use shared::broker::{Lane, Publication, Route};
use shared::event::Event;
use shared::message::{Death, DeathReason, Message};
use shared::senders::Sender;

use super::signature::Verified;

/// The messages that a delivery of `sender` falls apart into.
pub(super) fn split(
    sender: Sender,
    delivery: &Verified,
    received_ms: i64,
    traceparent: &Arc<str>,
) -> Vec<Publication> {
    publications(sender, delivery.body(), received_ms, traceparent)
}

fn publications(
    sender: Sender,
    body: &Bytes,
    received_ms: i64,
    traceparent: &Arc<str>,
) -> Vec<Publication> {
    let message = |event| {
        let traceparent = Some(Arc::clone(traceparent));
        Message { traceparent, ..Message::fresh(event, received_ms) }
    };
    let unreadable = |body: Bytes, why: &str| {
        let death = Death::new(DeathReason::Unreadable, "UNREADABLE", why, received_ms);
        let message = message(Event::unreadable(sender, body)).dead(death);
        Publication { route: Route::Dead, message }
    };
    let elements = match sender.split(body) {
        Ok(elements) => elements,
        Err(error) => return vec![unreadable(body.clone(), &error.to_string())],
    };
    let mut batch: Vec<Publication> = Vec::with_capacity(elements.len());
    for element in elements {
        let neighbour = batch.last().map(|publication| &publication.message.event);
        let publication = match sender.identify_beside(&element, neighbour) {
            Ok(event) => Publication { route: Route::Ready(Lane::Work), message: message(event) },
            Err(error) => unreadable(element, &error.to_string()),
        };
        batch.push(publication);
    }
    batch
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use shared::origin::Origin;

    use super::*;

    const GOOD: &str = r#"{"eventId":1,"portalId":62515,"subscriptionType":"deal.creation","objectId":3,"occurredAt":4}"#;

    fn published(body: &str) -> Vec<Publication> {
        publications(Sender::HubSpot, &Bytes::from(body.to_owned()), 7, &"00-a-b-00".into())
    }

    #[test]
    fn a_bad_element_goes_to_the_dead_letters_and_its_neighbours_to_work() {
        let batch = published(&format!("[ {GOOD} ,{{\"no\": \"ids\"}},42, {GOOD}]"));
        let routes: Vec<Route> = batch.iter().map(|publication| publication.route).collect();
        let work = Route::Ready(Lane::Work);
        assert_eq!(routes, [work, Route::Dead, Route::Dead, work]);
        assert_eq!(batch[0].message.event.body(), GOOD);
        assert_eq!(batch[0].message.event.origin, Origin::hubspot(62_515));
        assert_eq!(batch[1].message.event.body(), "{\"no\": \"ids\"}");
        let death = batch[1].message.death.as_ref().unwrap();
        assert_eq!((death.reason, death.code.as_str()), (DeathReason::Unreadable, "UNREADABLE"));
        assert_eq!(batch[1].message.event.origin, Origin::unknown(Sender::HubSpot));
        assert_eq!(batch[2].message.event.body(), "42");
    }

    #[test]
    fn events_of_a_delivery_share_what_they_have_in_common() {
        let others =
            [GOOD.replace("62515", "62516"), GOOD.replace("deal.creation", "deal.deletion")];
        let batch = published(&format!("[{GOOD},{GOOD},{},{}]", others[0], others[1]));
        let events: Vec<_> = batch.iter().map(|publication| &publication.message.event).collect();
        let shared = |one: usize, other: usize| {
            let (one, other) = (events[one], events[other]);
            (
                std::ptr::eq(one.origin.account(), other.origin.account()),
                Arc::ptr_eq(&one.topic, &other.topic),
            )
        };
        assert_eq!(shared(0, 1), (true, true));
        assert_eq!(shared(1, 2), (false, true));
        assert_eq!(events[2].origin, Origin::hubspot(62_516));
        assert_eq!(shared(2, 3), (false, false));
        assert_eq!((&events[3].origin, &*events[3].topic), (&events[0].origin, "deal.deletion"));
        let traces: Vec<_> = batch.iter().map(|one| one.message.traceparent.as_ref()).collect();
        assert!(traces.iter().all(|trace| Arc::ptr_eq(trace.unwrap(), traces[0].unwrap())));
    }

    #[test]
    fn a_body_that_is_no_batch_is_kept_whole() {
        let batch = published("not json at all");
        assert_eq!(batch.len(), 1);
        assert_eq!(
            (batch[0].route, &batch[0].message.event.body()[..]),
            (Route::Dead, &b"not json at all"[..])
        );
    }

    #[test]
    fn an_empty_batch_publishes_nothing() {
        assert!(published("[]").is_empty());
    }
}
