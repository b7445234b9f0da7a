//! From a verified body to confirmed messages: split, identify, publish, and only then 200.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use bytes::Bytes;
use serde::Serialize;
use shared::broker::{Lane, Publication, PublishError, Publisher, Route};
use shared::clock::now_ms;
use shared::event::{Event, Identity, split};
use shared::message::{Death, DeathReason, Message};
use tokio::time::Instant;

use crate::app::Intake;
use crate::error::Refusal;
use crate::receipt::Receipt;
use crate::verified::Verified;

/// HubSpot takes no answer after 5 s, counted from its own start.
const ANSWER_WITHIN: Duration = Duration::from_millis(4700);

#[derive(Serialize)]
struct Received {
    received: usize,
}

/// Answers 200 when the broker has confirmed every event of the delivery.
pub(crate) async fn receive(
    delivery: Verified,
    intake: Data<Intake>,
    publisher: Data<Publisher>,
) -> Result<HttpResponse, Refusal> {
    let Verified { ref body, since, ref receipt, .. } = delivery;
    let started = Instant::now();
    // A body that took its time leaves less of it for the broker.
    let deadline = (started + intake.publish_timeout).min(since + ANSWER_WITHIN);
    if intake.is_full() {
        return Err(unavailable(&intake, receipt, Refusal::Full, 0, started));
    }
    let batch = publications(body, now_ms(), &receipt.traceparent());
    let received = batch.len();
    let unreadable = batch.iter().filter(|publication| publication.route == Route::Dead).count();
    receipt.read(received, unreadable);
    if let Err(error) = receipt.around(publisher.publish(batch, deadline)).await {
        return Err(unavailable(&intake, receipt, Refusal::Broker(error), received, started));
    }
    intake.metrics.events.inc_by(received as u64);
    intake.metrics.unreadable.inc_by(unreadable as u64);
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if unreadable > 0 {
        tracing::warn!(
            events = received,
            unreadable,
            body_bytes = body.len(),
            duration_ms,
            trace.id = receipt.trace_id(),
            span.id = receipt.span_id(),
            "delivery received, partly unreadable"
        );
    } else {
        tracing::info!(
            events = received,
            body_bytes = body.len(),
            duration_ms,
            trace.id = receipt.trace_id(),
            span.id = receipt.span_id(),
            "delivery received"
        );
    }
    receipt.received();
    Ok(HttpResponse::Ok().json(Received { received }))
}

fn unavailable(
    intake: &Intake,
    receipt: &Receipt,
    refusal: Refusal,
    events: usize,
    started: Instant,
) -> Refusal {
    receipt.refused(&refusal);
    intake.metrics.refused(refusal.code());
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // While there is no connection every delivery fails: that is logged where it is found out.
    if matches!(refusal, Refusal::Broker(PublishError::Unavailable)) {
        tracing::debug!(
            reason = refusal.code(),
            events,
            duration_ms,
            trace.id = receipt.trace_id(),
            span.id = receipt.span_id(),
            "delivery not taken"
        );
    } else {
        tracing::warn!(
            reason = refusal.code(),
            events,
            duration_ms,
            trace.id = receipt.trace_id(),
            span.id = receipt.span_id(),
            "delivery not taken"
        );
    }
    refusal
}

/// One message per event, its bytes untouched. What cannot be read does not spoil its
/// neighbours: it goes to the dead letters as it is.
fn publications(body: &Bytes, received_ms: i64, traceparent: &str) -> Vec<Publication> {
    let message = |body: Bytes, identity| Message {
        body,
        identity,
        subscription_type: String::new(),
        portal_id: 0,
        attempt: 0,
        target: None,
        received_ms,
        generation: 0,
        traceparent: Some(traceparent.to_owned()),
        job: None,
        waiting: None,
        death: None,
    };
    let unreadable = |body: Bytes, why: &str| {
        let death = Death::new(DeathReason::Unreadable, "UNREADABLE", why, received_ms);
        let identity = Identity::of_unreadable(&body);
        Publication { route: Route::Dead, message: message(body, identity).dead(death) }
    };
    let elements = match split(body) {
        Ok(elements) => elements,
        Err(error) => return vec![unreadable(body.clone(), &error.to_string())],
    };
    let published = |element: Bytes| match Event::parse(&element) {
        Err(error) => unreadable(element, &error.to_string()),
        Ok(event) => Publication {
            route: Route::Ready(Lane::Work),
            message: Message {
                subscription_type: event.subscription_type,
                portal_id: event.portal_id,
                ..message(element, event.identity)
            },
        },
    };
    elements.into_iter().map(published).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const GOOD: &str = r#"{"eventId":1,"portalId":62515,"subscriptionType":"deal.creation","objectId":3,"occurredAt":4}"#;

    fn published(body: &str) -> Vec<Publication> {
        publications(&Bytes::from(body.to_owned()), 7, "00-a-b-00")
    }

    #[test]
    fn a_bad_element_goes_to_the_dead_letters_and_its_neighbours_to_work() {
        let batch = published(&format!("[ {GOOD} ,{{\"no\": \"ids\"}},42, {GOOD}]"));
        let routes: Vec<Route> = batch.iter().map(|publication| publication.route).collect();
        let work = Route::Ready(Lane::Work);
        assert_eq!(routes, [work, Route::Dead, Route::Dead, work]);
        assert_eq!(batch[0].message.body, GOOD);
        assert_eq!(batch[0].message.portal_id, 62_515);
        assert_eq!(batch[1].message.body, "{\"no\": \"ids\"}");
        let death = batch[1].message.death.as_ref().unwrap();
        assert_eq!((death.reason, death.code.as_str()), (DeathReason::Unreadable, "UNREADABLE"));
        assert_eq!(batch[2].message.body, "42");
    }

    #[test]
    fn a_body_that_is_no_batch_is_kept_whole() {
        let batch = published("not json at all");
        assert_eq!(batch.len(), 1);
        assert_eq!(
            (batch[0].route, &batch[0].message.body[..]),
            (Route::Dead, &b"not json at all"[..])
        );
    }

    #[test]
    fn an_empty_batch_publishes_nothing() {
        assert!(published("[]").is_empty());
    }
}
