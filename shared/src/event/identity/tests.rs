//! What makes two deliveries one event, and what does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::Event;
use super::super::samples::{association, deal_change, identity, parse};
use super::*;

#[test]
fn an_identity_is_read_back_from_its_text() {
    let identity = Identity::of_unreadable(b"[");
    let text = identity.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse::<Identity>().unwrap(), identity);
    assert_eq!(identity.as_ref(), text);
}

#[test]
fn a_text_that_is_not_64_lower_case_hex_digits_is_refused() {
    let identity = Identity::of_unreadable(b"[").to_string();
    for text in [
        "",
        &identity[1..],
        &format!("{identity}0"),
        &format!("g{}", &identity[1..]),
        &"A".repeat(64),
        &"é".repeat(32),
    ] {
        assert_eq!(text.parse::<Identity>(), Err(NotAnIdentity), "{text}");
    }
}

#[test]
fn unreadable_bytes_are_told_apart_by_every_byte() {
    assert_ne!(Identity::of_unreadable(b""), Identity::of_unreadable(b" "));
    assert_eq!(Identity::of_unreadable(b"x"), Identity::of_unreadable(b"x"));
}

#[test]
fn the_encoding_does_not_confuse_where_one_part_ends() {
    let hash = |parts: &[&[u8]]| {
        let mut encoding = Encoding::new(EVENT_DOMAIN);
        for part in parts {
            encoding.push(part);
        }
        encoding.finish()
    };
    assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    assert_ne!(hash(&[b"a", b""]), hash(&[b"a"]));
}

#[test]
fn the_identity_of_an_event_never_changes_between_releases() {
    // Computed outside this program from the documented encoding: SHA-256 over parts, each after
    // its length in eight bytes.
    let expected = "806fe23474a4bc8e0a0d0ee3de86e79a4f71646dd07e05ed4741573664d56123";
    assert_eq!(identity(&deal_change()).as_ref(), expected);
}

#[test]
fn a_retry_is_the_same_event_in_whatever_order_its_fields_come() {
    let mut retry = deal_change();
    retry["attemptNumber"] = json!(6);
    assert_eq!(identity(&retry), identity(&deal_change()));
    let one = br#"{"portalId":1,"eventId":2,"subscriptionType":"deal.creation"}"#;
    let other = br#"{ "subscriptionType": "deal.creation", "eventId": "2", "portalId": "001" }"#;
    assert_eq!(Event::parse(one).unwrap().identity, Event::parse(other).unwrap().identity);
}

#[test]
fn every_identity_field_tells_events_apart() {
    let mut full = deal_change();
    for (name, value) in association().as_object().unwrap() {
        full[name] = value.clone();
    }
    full["objectTypeId"] = json!("0-3");
    full["fromObjectTypeId"] = json!("0-3");
    full["toObjectTypeId"] = json!("0-1");
    full["associationTypeId"] = json!(3);
    full["primaryObjectId"] = json!(100);
    full["mergedObjectIds"] = json!([200, 201]);
    full["newObjectId"] = json!(300);
    full["messageId"] = json!("e835c5f42631462ea4447601c8e1e394");
    let mut identities = HashSet::from([identity(&full)]);
    for (name, value) in [
        ("appId", json!(9)),
        ("portalId", json!(9)),
        ("subscriptionId", json!(9)),
        ("subscriptionType", json!("contact.propertyChange")),
        ("eventId", json!(9)),
        ("objectId", json!(9)),
        ("fromObjectId", json!(9)),
        ("toObjectId", json!(9)),
        ("associationType", json!("LINE_ITEM_TO_DEAL")),
        ("associationRemoved", json!(true)),
        ("propertyName", json!("amount")),
        ("propertyValue", json!("closedlost")),
        ("occurredAt", json!(1_556_094_637_140_u64)),
        ("objectTypeId", json!("0-1")),
        ("fromObjectTypeId", json!("0-2")),
        ("toObjectTypeId", json!("0-2")),
        ("associationTypeId", json!(9)),
        ("primaryObjectId", json!(9)),
        ("mergedObjectIds", json!([200, 202])),
        ("newObjectId", json!(9)),
        ("messageId", json!("0")),
    ] {
        let mut changed = full.clone();
        changed[name] = value;
        assert!(identities.insert(identity(&changed)), "{name} does not count");
        if name != "portalId" && name != "subscriptionType" {
            changed[name] = Value::Null;
            let null = identity(&changed);
            changed.as_object_mut().unwrap().remove(name);
            assert_eq!(identity(&changed), null, "{name}: null and absent differ");
            assert!(identities.insert(null), "{name}: its absence does not count");
        }
    }
}

#[test]
fn what_may_differ_between_deliveries_does_not_count() {
    for name in ["attemptNumber", "changeSource", "sourceId", "changeFlag", "unknownField"] {
        let mut changed = deal_change();
        changed[name] = json!("9");
        assert_eq!(identity(&changed), identity(&deal_change()), "{name}");
    }
    let merge = |ids| json!({"portalId": 1, "eventId": 2, "subscriptionType": "contact.merge", "mergedObjectIds": ids});
    assert_eq!(identity(&merge(json!([3, 20]))), identity(&merge(json!(["20", "3"]))));
    assert_eq!(identity(&merge(json!([3]))), identity(&merge(json!(3))));
}

#[test]
fn two_events_that_share_an_event_id_are_two_events() {
    let mut other = deal_change();
    other["objectId"] = json!(697_680_836);
    assert_eq!(parse(&other).unwrap().event_id, parse(&deal_change()).unwrap().event_id);
    assert_ne!(identity(&other), identity(&deal_change()));
}

#[test]
fn texts_are_not_canonicalised_like_numbers() {
    let mut padded = deal_change();
    padded["propertyValue"] = json!("007");
    let mut bare = deal_change();
    bare["propertyValue"] = json!("7");
    assert_ne!(identity(&padded), identity(&bare));
}
