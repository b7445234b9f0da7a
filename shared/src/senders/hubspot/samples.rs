//! Deliveries for this module's tests: the captured ones, and two to vary.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

use super::error::EventError;
use super::event::HubSpotEvent;
use crate::event::Identity;

/// The bodies of the sample deliveries, most of them captured from real portals.
pub(super) fn payloads() -> Vec<(String, Value)> {
    let samples: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/fixtures/payloads.json")).unwrap();
    let body = |sample: &Value| (sample["id"].as_str().unwrap().to_owned(), sample["body"].clone());
    samples.iter().map(body).collect()
}

pub(super) fn parse(event: &Value) -> Result<HubSpotEvent, EventError> {
    HubSpotEvent::parse(event.to_string().as_bytes())
}

pub(super) fn identity(event: &Value) -> Identity {
    parse(event).unwrap().identity
}

/// The same JSON with every number as a string, as the Test button sends it.
pub(super) fn stringed(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(values) => values.iter().map(stringed).collect(),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(name, value)| (name.clone(), stringed(value))).collect(),
        ),
        other => other.clone(),
    }
}

pub(super) fn deal_change() -> Value {
    json!({
        "eventId": 802_835_955, "subscriptionId": 92894, "portalId": 5_799_819, "appId": 186_886,
        "occurredAt": 1_556_094_637_139_u64, "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0, "objectId": 697_680_835, "propertyName": "dealstage",
        "propertyValue": "closedwon", "changeSource": "CRM_UI", "sourceId": "userId:52530071",
    })
}

pub(super) fn association() -> Value {
    json!({
        "eventId": 7, "subscriptionId": 61, "portalId": 33, "appId": 1_160_452,
        "occurredAt": 1_715_050_000_000_u64, "subscriptionType": "deal.associationChange",
        "associationType": "DEAL_TO_LINE_ITEM", "fromObjectId": 100, "toObjectId": 200,
        "associationRemoved": false, "isPrimaryAssociation": false,
    })
}
