//! What is answered 200 stands in the queues, byte for byte and with the right properties.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::clock::now_ms;
use shared::event::Event;
use shared::message::Message;
use shared::origin::{Origin, Sender};
use shared::senders::hubspot::HubSpotEvent;
use shared::testing::{Engine, on_every_engine, payloads};

use crate::events;
use crate::fixture::Fixture;

/// What a fresh event's message must say, besides its body.
fn assert_describes(message: &Message, event: &[u8], since_ms: i64) {
    let facts = HubSpotEvent::parse(event).unwrap();
    let Event { origin, topic, identity, .. } = &message.event;
    assert_eq!((identity, &**topic), (&facts.identity, &*facts.subscription_type));
    assert_eq!((origin, origin.sender()), (&Origin::hubspot(facts.portal_id), Sender::HubSpot));
    assert_eq!((message.attempt, message.generation), (0, 0));
    assert_eq!((&message.target, &message.death), (&None, &None));
    assert!((since_ms..=now_ms()).contains(&message.received_ms), "{}", message.received_ms);
    let traceparent = message.traceparent.as_deref().unwrap();
    assert!(traceparent.starts_with("00-") && traceparent.len() == 55, "{traceparent}");
}

async fn every_captured_delivery_stands_in_the_queues_event_by_event(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let since_ms = now_ms();
    let mut expected = Vec::new();
    for payload in payloads() {
        let parsed: Vec<Value> = serde_json::from_str(&payload.body).unwrap();
        let elements: Vec<String> = parsed.iter().map(Value::to_string).collect();
        assert_eq!(events::body(&elements), payload.body, "compact JSON");
        fixture.post(payload.body).await.assert_received(payload.events);
        expected.extend(elements.into_iter().map(String::into_bytes));
    }
    assert!(expected.len() > 20);
    let mut found = Vec::new();
    for message in fixture.work().await.into_values().flatten() {
        assert_describes(&message, message.event.body(), since_ms);
        found.push(message.event.body().to_vec());
    }
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    fixture.finish().await;
}

/// On RabbitMQ alone: a data file has one work queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_portal_stays_in_its_shard_and_portals_use_all_of_them() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    let all: Vec<String> = (0..120).map(|n| events::of_portal(n % 30 + 1)).collect();
    for delivery in all.chunks(40) {
        fixture.post(events::body(delivery)).await.assert_received(40);
    }
    for payload in payloads() {
        fixture.post(payload.body).await.assert_received(payload.events);
    }
    let mut queue_of = BTreeMap::new();
    for (queue, messages) in fixture.work().await {
        assert!(!messages.is_empty(), "{queue} is never used");
        for message in messages {
            let first = queue_of.entry(message.event.origin).or_insert_with(|| queue.clone());
            assert_eq!(*first, queue);
        }
    }
    assert!((1..=30).all(|portal| queue_of.contains_key(&Origin::hubspot(portal))), "{queue_of:?}");
    fixture.finish().await;
}

async fn numbers_written_as_strings_make_the_same_message(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    for payload in payloads() {
        let plain: Value = serde_json::from_str(&payload.body).unwrap();
        fixture.post(payload.body).await.assert_received(payload.events);
        let described = described(&fixture).await;
        fixture.post(stringed(&plain).to_string()).await.assert_received(payload.events);
        assert_eq!(self::described(&fixture).await, described, "{}", payload.id);
    }
    fixture.finish().await;
}

/// What identifies and routes the messages in the work queues; takes them out.
async fn described(fixture: &Fixture) -> BTreeSet<(String, String, Origin, String)> {
    let describe = |(queue, messages): (String, Vec<Message>)| {
        messages.into_iter().map(move |message| {
            let Event { identity, origin, topic, .. } = message.event;
            (identity.to_string(), queue.clone(), origin, topic.to_string())
        })
    };
    fixture.work().await.into_iter().flat_map(describe).collect()
}

/// The same JSON as the settings page's Test button sends it.
fn stringed(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(values) => values.iter().map(stringed).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), stringed(value))).collect()
        }
        other => other.clone(),
    }
}

async fn a_full_delivery_of_the_largest_events_is_taken(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let text = "ä€😀 ".repeat(6_000);
    let large =
        |event: String| format!(r#"{},"propertyValue":"{text}"}}"#, event.trim_end_matches('}'));
    let all: Vec<String> = events::batch(100).into_iter().map(large).collect();
    let body = events::body(&all);
    assert!(body.len() > 6_000_000);
    fixture.post(body).await.assert_received(100);
    let expected: BTreeSet<Vec<u8>> = all.into_iter().map(String::into_bytes).collect();
    assert_eq!(fixture.work_bodies().await.into_iter().collect::<BTreeSet<_>>(), expected);
    fixture.finish().await;
}

async fn the_same_delivery_again_gives_the_same_identities(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let event = events::fresh();
    let again = event.replace(r#""attemptNumber":0"#, r#""attemptNumber":3"#);
    fixture.post(events::body(&[&event])).await.assert_received(1);
    fixture.post(events::body(&[&events::fresh(), &again])).await.assert_received(2);
    let identity = events::identity(event.as_bytes());
    let work = fixture.work().await;
    let same = work.values().flatten().filter(|message| message.event.identity == identity);
    let bodies: BTreeSet<&[u8]> = same.map(|message| &message.event.body()[..]).collect();
    assert_eq!(bodies, BTreeSet::from([event.as_bytes(), again.as_bytes()]));
    fixture.finish().await;
}

async fn unknown_types_and_portals_are_taken_like_all_others(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let event =
        events::of_portal(u64::from(u32::MAX) * 3).replace("deal.creation", "spaceship.launched");
    fixture.post(events::body(&[&event])).await.assert_received(1);
    fixture.assert_work_is(&[&event]).await;
    fixture.finish().await;
}

on_every_engine! {
    every_captured_delivery_stands_in_the_queues_event_by_event
    numbers_written_as_strings_make_the_same_message
    a_full_delivery_of_the_largest_events_is_taken
    the_same_delivery_again_gives_the_same_identities
    unknown_types_and_portals_are_taken_like_all_others
}
