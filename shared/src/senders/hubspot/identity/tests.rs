//! What makes two deliveries one event, and what does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::samples::{association, deal_change, identity, parse, payloads};
use super::*;

/// Computed outside this program from the documented encoding: SHA-256 over parts, each after its
/// length in eight bytes. A value that changes makes what comes again a new event, and does it twice:
/// another encoding needs another domain, and a word to who upgrades.
#[test]
fn the_identity_of_each_kind_of_event_never_changes_between_releases() {
    let samples = payloads();
    let first = |name: &str| {
        let (_, body) = samples.iter().find(|(id, _)| id == name).unwrap();
        body[0].clone()
    };
    for (name, expected) in [
        (
            "deal.propertyChange-2019-with-headers",
            "fce0de78f63c0687fe8e14c7b221a568899c16c1f10da0fa5685bfe01bae3f69",
        ),
        (
            "deal.creation-2026-01-with-headers",
            "4e47f46492099b79df2695d640676501cdbcb3e2fae7f3cb08012e6c2bd7cb2e",
        ),
        (
            "contact.deletion-2017",
            "f9c1ea40c38037fd045cce5e26605d8256c6b6dd401e51019b35e3141bbb137b",
        ),
        (
            "constructed-privacyDeletion-pair",
            "5f01eb1954525c2d3ea2832bebdc6d13299994a2355fdbf016b362526ba01905",
        ),
        ("constructed-merge", "379f6f7132bab24ab04a31d4a7287359a9045ac8658dfc871229fa0e6c372b55"),
        (
            "conversation.newMessage-2022-with-v3-headers",
            "e8371a5b423143006247888e091428b6e7bef83e4579e498c31269fb5f99162b",
        ),
        (
            "object.propertyChange-2026-contact",
            "af3a63803be62473ff972478b15007596ecc3725efac49058926b29b98d141b9",
        ),
        (
            "constructed-generic-associationChange",
            "c576d9c6be0d9ca0446aa3d21b53d63dae908bcbd56224177603852a2d1c94e5",
        ),
    ] {
        assert_eq!(identity(&first(name)).as_ref(), expected, "{name}");
    }
    for (event, expected) in [
        (deal_change(), "806fe23474a4bc8e0a0d0ee3de86e79a4f71646dd07e05ed4741573664d56123"),
        (association(), "9cafe29cec8336024462aa547f0a936ec9e7f317982316661bce1d7ba0c5645b"),
    ] {
        assert_eq!(identity(&event).as_ref(), expected, "{event}");
    }
}

#[test]
fn a_retry_is_the_same_event_in_whatever_order_its_fields_come() {
    let mut retry = deal_change();
    retry["attemptNumber"] = json!(6);
    assert_eq!(identity(&retry), identity(&deal_change()));
    let one = br#"{"portalId":1,"eventId":2,"subscriptionType":"deal.creation"}"#;
    let other = br#"{ "subscriptionType": "deal.creation", "eventId": "2", "portalId": "001" }"#;
    let [one, other] =
        [&one[..], other].map(|body| identify(&Bytes::from_static(body), None).unwrap());
    assert_eq!((one.identity, one.origin, one.topic), (other.identity, other.origin, other.topic));
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
    full["associationCategory"] = json!("HUBSPOT_DEFINED");
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
        ("associationCategory", json!("USER_DEFINED")),
        ("isPrimaryAssociation", json!(true)),
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

#[test]
fn the_receiver_and_who_reads_all_facts_tell_the_same_of_every_event() {
    let mut identified = 0;
    for (id, body) in payloads() {
        for element in body.as_array().unwrap() {
            let event = identify(&Bytes::from(element.to_string()), None).unwrap();
            let facts = parse(element).unwrap();
            assert_eq!(event.identity, facts.identity, "{id}");
            assert_eq!(event.origin, Origin::hubspot(facts.portal_id), "{id}");
            assert_eq!(*event.topic, facts.subscription_type, "{id}");
            assert_eq!(event.body(), element.to_string().as_bytes(), "{id}");
            identified += 1;
        }
    }
    assert!(identified >= 22);
}

#[test]
fn the_receiver_refuses_what_who_reads_all_facts_does() {
    for body in
        ["", "[]", "{", "{}", r#"{"portalId":1}"#, r#"{"portalId":1,"subscriptionType":"x"}"#]
    {
        let error = identify(&Bytes::from(body), None).unwrap_err();
        assert_eq!(super::super::HubSpotEvent::parse(body.as_bytes()), Err(error), "{body}");
    }
}
