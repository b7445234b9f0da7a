//! Messages as tests of formats write them, one of each kind.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use bytes::Bytes;

use crate::event::Identity;
use crate::message::{Death, DeathReason, Message, OfJob};

/// One of each kind, by name.
pub(super) fn samples() -> Vec<(&'static str, Message)> {
    let fresh = Message {
        target: None,
        attempt: 0,
        generation: 0,
        traceparent: None,
        job: None,
        waiting: None,
        death: None,
        ..dead()
    };
    let unreadable = Message {
        subscription_type: String::new(),
        portal_id: 0,
        death: Some(Death::new(DeathReason::Unreadable, "UNREADABLE", "no JSON", 8)),
        ..fresh.clone()
    };
    vec![
        ("fresh", fresh),
        ("another attempt of one target", Message { death: None, ..dead() }),
        ("a dead letter", dead()),
        ("unreadable", unreadable),
    ]
}

/// One that has all there is.
pub(super) fn dead() -> Message {
    Message {
        body: Bytes::from_static(b"{\"eventId\": 1}"),
        identity: Identity::of_unreadable(b"x"),
        subscription_type: "deal.creation".to_owned(),
        portal_id: 62_515,
        attempt: 3,
        target: Some("on_deal_created".to_owned()),
        received_ms: 1_769_081_994_066,
        generation: 1,
        traceparent: Some("00-aa-bb-01".to_owned()),
        job: Some(OfJob { id: 12, attempt: 2 }),
        waiting: Some("1700000000000 hubspot/62515 slack/#wins".parse().unwrap()),
        death: Some(
            Death::new(DeathReason::Exhausted, "SLACK_5XX", "503", 7)
                .after(vec!["erp".to_owned(), "slack".to_owned()]),
        ),
    }
}
