//! Messages as tests of formats write them, one of each kind.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use bytes::Bytes;

use crate::event::{Event, Identity};
use crate::message::{Death, DeathReason, Message, OfJob};
use crate::origin::{Origin, Sender};

/// One of each kind, by name.
pub(super) fn samples() -> Vec<(&'static str, Message)> {
    let unreadable = Event::unreadable(Sender::HubSpot, Bytes::from_static(b"{"));
    let death = Death::new(DeathReason::Unreadable, "UNREADABLE", "no JSON", 8);
    vec![
        ("fresh", Message::fresh(dead().event, dead().received_ms)),
        ("another attempt of one target", Message { death: None, ..dead() }),
        ("a dead letter", dead()),
        ("unreadable", Message::fresh(unreadable, dead().received_ms).dead(death)),
    ]
}

/// One that has all there is.
pub(super) fn dead() -> Message {
    Message {
        event: Event::new(
            Origin::hubspot(62_515),
            "deal.creation",
            Identity::of_unreadable(b"x"),
            Bytes::from_static(b"{\"eventId\": 1}"),
        ),
        attempt: 3,
        target: Some("on_deal_created".to_owned()),
        received_ms: 1_769_081_994_066,
        generation: 1,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        job: Some(OfJob { id: 12, attempt: 2 }),
        waiting: Some("1700 hubspot/62515 slack/#wins".parse().unwrap()),
        death: Some(
            Death::new(DeathReason::Exhausted, "SLACK_5XX", "503", 7)
                .after(vec!["erp".to_owned(), "slack".to_owned()]),
        ),
    }
}
