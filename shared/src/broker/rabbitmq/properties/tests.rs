//! Messages there and back, and what is no message.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use lapin::types::ShortString;

use super::*;
use crate::broker::samples::{dead, samples};

#[test]
fn a_message_comes_back_as_it_was() {
    let properties = encode(&dead(), None);
    assert_eq!(rest(&properties), Duration::ZERO);
    assert_eq!(decode(&properties, dead().event.body().clone()).unwrap(), dead());
}

fn hop(rest_ms: u64) -> Hop {
    let [delay, ttl, rest] = [5000, 4600, rest_ms].map(Duration::from_millis);
    Hop { delay, ttl, rest }
}

#[test]
fn a_delayed_message_names_its_queue_its_stay_and_what_is_left_of_its_wait() {
    for rest_ms in [0, 1, 2_592_000_000] {
        let properties = encode(&dead(), Some(&hop(rest_ms)));
        assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "4600");
        let headers = properties.headers().as_ref().unwrap();
        assert_eq!(string(headers, DELAY_HEADER).unwrap(), "5s");
        assert_eq!(headers.inner().contains_key(REST_HEADER), rest_ms > 0);
        assert_eq!(rest(&properties), Duration::from_millis(rest_ms));
        // Which it has not anywhere else.
        let decoded = decode(&properties, dead().event.body().clone()).unwrap();
        assert_eq!(rest(&encode(&decoded, None)), Duration::ZERO);
    }
}

#[test]
fn a_rest_that_is_none_is_nothing() {
    for odd in [AMQPValue::LongLongInt(-1), AMQPValue::LongString("7".into())] {
        let mut headers = FieldTable::default();
        headers.insert(REST_HEADER.into(), odd);
        assert_eq!(rest(&BasicProperties::default().with_headers(headers)), Duration::ZERO);
    }
    assert_eq!(rest(&BasicProperties::default()), Duration::ZERO);
}

#[test]
fn a_fresh_event_has_no_header() {
    let fresh = Message::fresh(dead().event, dead().received_ms);
    let traced = Message { traceparent: dead().traceparent, ..fresh.clone() };
    for message in [fresh, traced] {
        let properties = encode(&message, None);
        assert_eq!(*properties.headers(), None);
        assert_eq!(decode(&properties, message.event.body().clone()).unwrap(), message);
    }
}

#[test]
fn what_is_not_as_at_first_is_said_and_comes_back() {
    let fresh = Message::fresh(dead().event, i64::MIN);
    for message in [
        Message { attempt: u32::MAX, ..fresh.clone() },
        Message { generation: u32::MAX, ..fresh.clone() },
        Message { target: Some(String::new()), ..fresh.clone() },
        Message { traceparent: Some("".into()), ..fresh.clone() },
        Message { traceparent: Some("two words\n".into()), ..fresh.clone() },
        Message { job: Some(OfJob { id: 7, attempt: 0 }), ..fresh.clone() },
        Message { waiting: Some("1".parse().unwrap()), ..fresh.clone() },
        fresh.dead(Death::new(DeathReason::Permanent, "", "", 0)),
    ] {
        let properties = encode(&message, None);
        assert_eq!(decode(&properties, message.event.body().clone()).unwrap(), message);
    }
}

#[test]
fn what_is_too_long_for_a_property_is_cut() {
    let mut message = Message { traceparent: Some("é".repeat(200).into()), ..dead() };
    message.event.topic = "é".repeat(200).into();
    let decoded = decode(&encode(&message, None), Bytes::new()).unwrap();
    assert_eq!(decoded.received_ms, message.received_ms);
    assert_eq!(*decoded.traceparent.unwrap(), "é".repeat(120));
    assert_eq!(*decoded.event.topic, "é".repeat(127));
}

#[test]
fn a_foreign_message_is_refused_with_its_bytes() {
    let body = Bytes::from_static(b"hello");
    for app_id in [None, Some("another app"), Some("hubline")] {
        let foreign = BasicProperties::default();
        let foreign = app_id.map_or(foreign.clone(), |app_id| foreign.with_app_id(app_id.into()));
        let refused = decode(&foreign, body.clone()).unwrap_err();
        assert!(refused.is_foreign && refused.body == body, "{app_id:?}");
    }
}

fn refused(properties: &BasicProperties) -> &'static str {
    let refused = decode(properties, dead().event.body().clone()).unwrap_err();
    assert!(!refused.is_foreign && refused.body == dead().event.body());
    refused.what
}

#[test]
fn what_another_build_wrote_is_refused_and_it_is_said_what_to_do() {
    assert_eq!(APP_ID, format!("{APP}{}", format::MESSAGE));
    let versioned = |version: &str| {
        refused(&encode(&dead(), None).with_app_id(format!("{APP}{version}").into()))
    };
    assert_eq!(versioned(&(format::MESSAGE - 1).to_string()), format::EARLIER_MESSAGE);
    assert_eq!(versioned(&(format::MESSAGE + 1).to_string()), format::NEWER_MESSAGE);
    assert_eq!(versioned("three"), "app_id has no version");
    // Before version 3 it was a header, whatever its value.
    let mut headers = FieldTable::default();
    headers.insert(EARLIER_VERSION_HEADER.into(), AMQPValue::LongLongInt(2));
    assert_eq!(refused(&BasicProperties::default().with_headers(headers)), format::EARLIER_MESSAGE);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let ours = || encode(&dead(), None);
    assert_eq!(refused(&BasicProperties::default().with_app_id(APP_ID.into())), "no message_id");
    assert_eq!(refused(&ours().with_message_id("7".into())), "message_id is not an identity");
    assert_eq!(refused(&ours().with_reply_to("7".into())), "reply_to is not an origin");
    for receipt in ["", "soon", "7x 00-aa-bb-01", " 7"] {
        let refused = refused(&ours().with_correlation_id(receipt.into()));
        assert_eq!(refused, "correlation_id has no time of receipt", "{receipt}");
    }
    for odd in [AMQPValue::LongLongInt(-1), AMQPValue::LongLongInt(1 << 32), text("7")] {
        for name in ["hubline-attempt", "hubline-generation"] {
            let mut headers = ours().headers().clone().unwrap();
            headers.insert(name.into(), odd.clone());
            let what = refused(&ours().with_headers(headers));
            assert_eq!(what, format!("{name} is wrong"), "{odd:?}");
        }
    }
}

#[test]
fn what_is_written_is_what_this_version_has_always_written() {
    let mut written = String::new();
    for (name, message) in samples() {
        for (way, hop) in [("", None), (", waiting", Some(hop(7)))] {
            writeln!(written, "# {name}{way}").unwrap();
            let properties = encode(&message, hop.as_ref());
            show(&mut written, &properties);
            assert_eq!(
                decode(&properties, message.event.body().clone()).unwrap(),
                message,
                "{name}"
            );
        }
    }
    format::assert_is_kept("message", format::MESSAGE, &written);
}

fn show(written: &mut String, properties: &BasicProperties) {
    for (header, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        let value = match value {
            AMQPValue::LongLongInt(number) => format!("integer {number}"),
            AMQPValue::LongString(text) => format!("text {text}"),
            other => format!("{other:?}"),
        };
        writeln!(written, "{header}: {value}").unwrap();
    }
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    let fields = [
        ("app_id", text(properties.app_id())),
        ("message_id", text(properties.message_id())),
        ("type", text(properties.kind())),
        ("correlation_id", text(properties.correlation_id())),
        ("reply_to", text(properties.reply_to())),
        ("content_type", text(properties.content_type())),
        ("delivery_mode", properties.delivery_mode().map(|mode| mode.to_string())),
        ("timestamp", properties.timestamp().map(|timestamp| timestamp.to_string())),
        ("expiration", text(properties.expiration())),
    ];
    for (field, value) in fields {
        writeln!(written, "{field} = {}", value.as_deref().unwrap_or("none")).unwrap();
    }
    writeln!(written).unwrap();
}
