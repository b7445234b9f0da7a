//! Messages there and back, and what is no message.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

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
fn a_foreign_message_is_refused_with_its_bytes() {
    let body = Bytes::from_static(b"hello");
    let refused = decode(&BasicProperties::default(), body.clone()).unwrap_err();
    assert_eq!(refused.body, body);
}

#[test]
fn what_another_build_wrote_is_refused_and_it_is_said_what_to_do() {
    let versioned = |version| {
        let mut headers = encode(&dead(), None).headers().clone().unwrap();
        headers.insert(VERSION_HEADER.into(), version);
        let refused =
            decode(&encode(&dead(), None).with_headers(headers), dead().event.body().clone());
        let refused = refused.unwrap_err();
        assert!(!refused.is_foreign && refused.body == dead().event.body());
        refused.what
    };
    let number = |version| versioned(AMQPValue::LongLongInt(version));
    assert_eq!(number(format::MESSAGE - 1), format::EARLIER_MESSAGE);
    assert_eq!(number(format::MESSAGE + 1), format::NEWER_MESSAGE);
    assert!(versioned(text("2")).contains("missing or wrong"));
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
    for (header, value) in properties.headers().as_ref().unwrap().inner() {
        let value = match value {
            AMQPValue::LongLongInt(number) => format!("integer {number}"),
            AMQPValue::LongString(text) => format!("text {text}"),
            other => format!("{other:?}"),
        };
        writeln!(written, "{header}: {value}").unwrap();
    }
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    let fields = [
        ("message_id", text(properties.message_id())),
        ("type", text(properties.kind())),
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
