//! The templates that come with Hubline.

use serde_json::{Value, json};

use super::attempt::{attempt, change, creation};
use crate::transform::Transform;

fn made(name: &str, event: &Value, record: Option<&Value>) -> Option<Value> {
    let (template, gives) = Transform::shipped(name).unwrap();
    let made = attempt(template, gives, event, record).unwrap()?;
    Some(serde_json::from_slice(&made.body).unwrap())
}

fn deal() -> Value {
    json!({"dealname": "Big <!channel> & \"co\"", "amount": "12500", "deal_currency_code": "EUR"})
}

fn contact() -> Value {
    json!({
        "eventId": 4_101_286_121_u64, "subscriptionId": 7_562_680, "portalId": 247_187_887,
        "appId": 50_780_459, "occurredAt": 1_787_843_156_000_u64,
        "subscriptionType": "contact.propertyChange", "attemptNumber": 1,
        "objectId": 541_935_488_729_u64, "propertyName": "email",
        "propertyValue": "<redacted>@hubspot.com", "changeSource": "INTEGRATION", "sourceId": "50780459",
    })
}

#[test]
fn each_has_a_name_and_can_be_read() {
    let names: Vec<_> = Transform::names().collect();
    assert_eq!(names, ["deal-stage-alert", "flat-record", "slack-event", "slack-new-deal"]);
    for name in names {
        let (template, gives) = Transform::shipped(name).unwrap();
        assert!(Transform::parse(template, gives).is_ok(), "{name}");
    }
    assert_eq!(Transform::shipped("../flat-record"), None);
}

#[test]
fn slack_hears_of_a_new_deal() {
    let page = "https://app-eu1.hubspot.com/contacts/62515/record/0-3/267448862446";
    let name = "Big &lt;!channel&gt; &amp; \"co\"";
    let text = format!("New deal: <{page}|{name}> · €12,500");
    assert_eq!(made("slack-new-deal", &creation(), Some(&deal())), Some(json!({"text": text})));
    let bare = json!({"text": format!("New deal: <{page}|deal 267448862446>")});
    assert_eq!(made("slack-new-deal", &creation(), None), Some(bare.clone()));
    assert_eq!(
        made("slack-new-deal", &creation(), Some(&json!({"dealname": null, "amount": ""}))),
        Some(bare)
    );
    let mut generic = creation();
    generic["subscriptionType"] = json!("object.creation");
    generic["objectTypeId"] = json!("0-3");
    assert!(made("slack-new-deal", &generic, None).is_some());
    generic["objectTypeId"] = json!("0-1");
    assert_eq!(made("slack-new-deal", &generic, None), None);
    assert_eq!(made("slack-new-deal", &contact(), None), None);
    assert_eq!(made("slack-new-deal", &change("dealstage", "closedwon"), None), None);
}

#[test]
fn slack_hears_of_any_event() {
    let text = |event: &Value| made("slack-event", event, None).unwrap()["text"].clone();
    let page = "https://app-eu1.hubspot.com/contacts/62515/record/0-1/541935488729";
    let hostile = json!({"propertyName": "a", "propertyValue": "\"<!channel>\\ & co"});
    let mut event = contact();
    event["propertyName"] = hostile["propertyName"].clone();
    event["propertyValue"] = hostile["propertyValue"].clone();
    let expected = format!(
        "contact.propertyChange · <{page}|541935488729> · a: \"&lt;!channel&gt;\\ &amp; co"
    );
    assert_eq!(text(&event), json!(expected));
    assert_eq!(text(&json!({"subscriptionType": "x.y"})), json!("x.y"));
    assert_eq!(text(&json!({"subscriptionType": "x.y", "objectId": 7})), json!("x.y · 7"));
}

#[test]
fn an_alert_tells_of_a_deals_new_stage_in_its_colour() {
    let alert = |stage: &str, record: Option<&Value>| {
        made("deal-stage-alert", &change("dealstage", stage), record)
    };
    let page = "https://app-eu1.hubspot.com/contacts/62515/record/0-3/697680835";
    let expected = |colour: &str, name: &str, label: &str| {
        Some(json!({"attachments": [{
            "color": colour, "fallback": format!("{name}: {label}"), "mrkdwn_in": ["text"],
            "text": format!("<{page}|{name}> is now *{label}*"),
        }]}))
    };
    assert_eq!(
        alert("contractsent", Some(&deal())),
        expected("#ff8f59", "Big &lt;!channel&gt; &amp; \"co\"", "Contract Sent")
    );
    let own = "1f4f1ec1-8174-49f3-a112-4eaa4748e38e";
    assert_eq!(alert(own, None), expected("#7c98b6", "deal 697680835", "Pilot &lt;1&gt;"));
    assert_eq!(alert("<!here>", None), expected("#7c98b6", "deal 697680835", "&lt;!here&gt;"));
    assert_eq!(alert("", None), None);
    assert_eq!(made("deal-stage-alert", &change("amount", "5"), None), None);
    assert_eq!(made("deal-stage-alert", &creation(), None), None);
}

#[test]
fn a_flat_record_is_made_of_any_event() {
    let row = json!({
        "event_id": 4_101_286_121_u64, "portal_id": 62515, "type": "contact.propertyChange",
        "object_type": "0-1", "object_id": 541_935_488_729_u64, "property": "email",
        "value": "<redacted>@hubspot.com", "occurred_at": "2026-08-27T15:05:56.000Z",
    });
    assert_eq!(made("flat-record", &contact(), None), Some(row));
    let created = made("flat-record", &creation(), None).unwrap();
    assert_eq!(created["object_type"], "0-3");
    assert_eq!((&created["property"], &created["value"]), (&json!(null), &json!(null)));
    let association = json!({
        "eventId": 2_000_000_002, "portalId": 33, "occurredAt": 1_715_050_000_000_u64,
        "subscriptionType": "object.associationChange", "fromObjectId": 100, "fromObjectTypeId": "0-3",
    });
    let made = made("flat-record", &association, None).unwrap();
    assert_eq!((&made["object_type"], &made["object_id"]), (&json!("0-3"), &json!(100)));
}
