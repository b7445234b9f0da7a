//! What tests have: events as they were captured, and a way to put one through a template.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::transform::{Gives, Input, Made, Portal, Stages, Transform, TransformError};

pub(super) fn creation() -> Value {
    json!({
        "eventId": 1_030_198_139, "subscriptionId": 4_578_255, "portalId": 242_711_451,
        "appId": 19_635_961, "occurredAt": 1_769_081_993_375_u64,
        "subscriptionType": "deal.creation", "attemptNumber": 0, "objectId": 267_448_862_446_u64,
        "changeFlag": "CREATED", "changeSource": "CRM_UI", "sourceId": "userId:52530071",
    })
}

pub(super) fn change(property: &str, value: &str) -> Value {
    json!({
        "objectId": 697_680_835, "propertyName": property, "propertyValue": value,
        "changeSource": "CRM_UI", "eventId": 802_835_955, "subscriptionId": 92_894,
        "portalId": 5_799_819, "appId": 186_886, "occurredAt": 1_556_094_637_139_u64,
        "subscriptionType": "deal.propertyChange", "attemptNumber": 0,
    })
}

/// What the template makes of the event.
pub(super) fn attempt(
    template: &str,
    gives: Gives,
    event: &Value,
    record: Option<&Value>,
) -> Result<Option<Made>, TransformError> {
    let stages = [("1f4f1ec1-8174-49f3-a112-4eaa4748e38e", "Pilot <1>"), ("closedwon", "Won!")];
    let stages = stages.map(|(id, label)| (id.to_owned(), label.to_owned()));
    let stages = Arc::new(Stages::of(Arc::new(HashMap::from(stages))));
    let portal = Portal { id: 62515, ui_domain: "app-eu1.hubspot.com" };
    Transform::parse(template, gives)?.apply(&Input { event, record, portal, stages: &stages })
}

/// The body as text.
pub(super) fn body(template: &str, gives: Gives, event: &Value) -> String {
    let made = attempt(template, gives, event, None).unwrap().unwrap();
    String::from_utf8(made.body).unwrap()
}

pub(super) fn json_of(template: &str, event: &Value) -> Value {
    serde_json::from_str(&body(template, Gives::Json, event)).unwrap()
}

pub(super) fn text_of(template: &str, event: &Value) -> String {
    body(template, Gives::Text, event)
}

/// The error in words.
pub(super) fn refusal(template: &str, gives: Gives, event: &Value) -> String {
    attempt(template, gives, event, None).unwrap_err().to_string()
}
