//! Every sample delivery, read whole: its facts, and what makes an event unreadable.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::batch::split;
use super::super::field::MAX_MERGED_IDS;
use super::super::kind::{Change, ObjectType};
use super::super::samples::{association, deal_change, identity, parse, payloads, stringed};
use super::super::value_kind::ValueKind;
use super::*;

#[test]
fn every_sample_delivery_is_split_and_identified() {
    let mut identities = HashSet::new();
    for (id, body) in payloads() {
        let events = body.as_array().unwrap();
        let parts = split(&Bytes::from(body.to_string())).unwrap();
        assert_eq!(parts.len(), events.len(), "{id}");
        for (part, event) in parts.iter().zip(events) {
            assert_eq!(part, event.to_string().as_bytes(), "{id}");
            let read = HubSpotEvent::parse(part).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(Some(read.portal_id), event["portalId"].as_u64(), "{id}");
            assert_eq!(read.occurred_at_ms, event["occurredAt"].as_i64(), "{id}");
            assert_eq!(read.object_id, event["objectId"].as_u64(), "{id}");
            assert_eq!(read.property_value.as_deref(), event["propertyValue"].as_str(), "{id}");
            assert_ne!(read.change(), Change::Other, "{id}");
            assert!(!matches!(read.object_type(), ObjectType::Other(_)), "{id}");
            assert!(identities.insert(read.identity), "{id}: an identity came twice");
        }
    }
    assert!(identities.len() >= 22);
}

#[test]
fn numbers_sent_as_strings_give_the_same_event() {
    for (id, body) in payloads() {
        for event in body.as_array().unwrap() {
            assert_eq!(parse(&stringed(event)), parse(event), "{id}");
        }
    }
}

#[test]
fn both_names_of_the_type_are_read() {
    let mut documented = deal_change();
    let kind = documented.as_object_mut().unwrap().remove("subscriptionType").unwrap();
    documented["eventType"] = kind;
    assert_eq!(parse(&documented), parse(&deal_change()));
    documented["subscriptionType"] = json!("deal.creation");
    assert_eq!(parse(&documented).unwrap().subscription_type, "deal.creation");
    documented["subscriptionType"] = Value::Null;
    assert_eq!(parse(&documented), parse(&deal_change()));
}

#[test]
fn a_property_value_of_any_scalar_kind_is_text() {
    for (value, expected) in [
        (json!("3"), Some("3")),
        (json!(3), Some("3")),
        (json!(1.5), Some("1.5")),
        (json!(true), Some("true")),
        (json!(""), Some("")),
        (json!("Zoë 😀"), Some("Zoë 😀")),
        (json!(null), None),
    ] {
        let mut event = deal_change();
        event["propertyValue"] = value;
        assert_eq!(parse(&event).unwrap().property_value.as_deref(), expected);
    }
}

#[test]
fn association_and_merge_facts_are_read() {
    let event = parse(&association()).unwrap();
    assert_eq!((event.from_object_id, event.to_object_id), (Some(100), Some(200)));
    assert_eq!(event.association_type.as_deref(), Some("DEAL_TO_LINE_ITEM"));
    assert_eq!(event.association_removed, Some(false));
    assert_eq!(event.is_primary_association, Some(false));
    let (_, body) = payloads().into_iter().find(|(id, _)| id == "constructed-merge").unwrap();
    let merge = parse(&body[0]).unwrap();
    assert_eq!(merge.primary_object_id, Some(100));
    assert_eq!(merge.merged_object_ids, [200]);
    assert_eq!(merge.new_object_id, Some(300));
    assert_eq!(merge.number_of_properties_moved, Some(14));
}

#[test]
fn numbers_beyond_their_width_are_no_facts_but_still_identify() {
    let mut event = deal_change();
    event["objectId"] = json!("99999999999999999999999");
    event["subscriptionId"] = json!("+5");
    event["occurredAt"] = json!(1.5);
    let read = parse(&event).unwrap();
    assert_eq!((read.object_id, read.subscription_id, read.occurred_at_ms), (None, None, None));
    event["objectId"] = json!("99999999999999999999998");
    assert_ne!(identity(&event), read.identity);
    event["objectId"] = json!(u64::MAX);
    assert_eq!(parse(&event).unwrap().object_id, Some(u64::MAX));
}

#[test]
fn a_wrong_kind_in_an_identity_field_is_unreadable_and_elsewhere_ignored() {
    for name in
        ["appId", "portalId", "eventId", "objectId", "propertyName", "propertyValue", "occurredAt"]
    {
        for value in [json!({"private": "private"}), json!(["private"])] {
            let mut event = deal_change();
            event[name] = value;
            let error = parse(&event).unwrap_err();
            assert!(
                matches!(error, EventError::WrongKind { field, .. } if field == name),
                "{name}"
            );
            assert!(error.to_string().contains(name));
            assert!(!error.to_string().contains("private"));
        }
    }
    let mut event = deal_change();
    event["objectId"] = json!(true);
    assert!(matches!(parse(&event), Err(EventError::WrongKind { .. })));
    event = deal_change();
    event["mergedObjectIds"] = json!([[1]]);
    assert!(matches!(parse(&event), Err(EventError::WrongKind { .. })));
    event = deal_change();
    event["attemptNumber"] = json!({});
    event["sourceId"] = json!([]);
    assert_eq!(parse(&event).unwrap().identity, identity(&deal_change()));
}

#[test]
fn an_event_that_cannot_be_identified_is_unreadable() {
    let without = |names: &[&str]| {
        let mut event = deal_change();
        for name in names {
            event.as_object_mut().unwrap().remove(*name);
        }
        event
    };
    assert_eq!(parse(&without(&["portalId"])), Err(EventError::Missing("portalId")));
    assert_eq!(
        parse(&without(&["subscriptionType"])),
        Err(EventError::Missing("subscriptionType"))
    );
    assert_eq!(parse(&without(&["eventId", "objectId"])), Err(EventError::Unidentifiable));
    assert_eq!(parse(&without(&["eventId", "occurredAt"])), Err(EventError::Unidentifiable));
    assert!(parse(&without(&["eventId"])).is_ok());
    assert!(parse(&without(&["objectId", "occurredAt"])).is_ok());
    let mut pair = association();
    pair["eventId"] = Value::Null;
    assert!(parse(&pair).is_ok());
    pair["toObjectId"] = Value::Null;
    assert_eq!(parse(&pair), Err(EventError::Unidentifiable));
    pair["primaryObjectId"] = json!(1);
    assert!(parse(&pair).is_ok());
}

#[test]
fn what_is_no_event_at_all_says_so_without_repeating_it() {
    let long = format!(r#"{{"portalId":1,"eventId":2,"subscriptionType":"{}"}}"#, "x".repeat(256));
    let many = format!(
        r#"{{"portalId":1,"eventId":2,"subscriptionType":"x","mergedObjectIds":[{}]}}"#,
        vec!["1"; MAX_MERGED_IDS + 1].join(",")
    );
    for (raw, expected) in [
        (&b"\"private\""[..], EventError::NotAnObject(ValueKind::String)),
        (b"[]", EventError::NotAnObject(ValueKind::Array)),
        (b"null", EventError::NotAnObject(ValueKind::Null)),
        (b"{\"private\":\"\xff\"}", EventError::NotUtf8),
        (b"{'private'}", EventError::NotJson { line: 1, column: 2 }),
        (b"{\"portalId\":\"private\"}", EventError::NotANumber("portalId")),
        (b"{\"portalId\":-1}", EventError::NotANumber("portalId")),
        (long.as_bytes(), EventError::TypeTooLong),
        (many.as_bytes(), EventError::TooManyMergedIds),
    ] {
        let error = HubSpotEvent::parse(raw).unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("private"));
    }
    for raw in [&b""[..], b" ", b"{", b"{}x", b"private"] {
        assert!(matches!(HubSpotEvent::parse(raw), Err(EventError::NotJson { .. })));
    }
}

#[test]
fn odd_but_valid_json_is_read() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let raw = format!(
        r#" {{"portalId":1,"\ud800":{deep},"eventId":1,"eventId":2,"portal\u0049d":3,
            "subscriptionType":"contact.propertyChange","propertyValue":"cut \ud83d","sourceId":{deep}}} "#
    );
    let event = HubSpotEvent::parse(raw.as_bytes()).unwrap();
    assert_eq!((event.portal_id, event.event_id), (3, Some(2)));
    assert!(event.property_value.unwrap().starts_with("cut "));
    assert_eq!(event.source_id, None);
}

#[test]
fn debug_shows_no_property_value_and_no_person() {
    let shown = format!("{:?}", parse(&deal_change()).unwrap());
    assert!(shown.contains("deal.propertyChange"));
    assert!(!shown.contains("closedwon") && !shown.contains("52530071"));
}
