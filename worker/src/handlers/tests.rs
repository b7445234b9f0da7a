//! Which events each handler wants, in both of HubSpot's spellings.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use shared::event::Event;
use shared::senders::Sender;

use super::record::record_id;
use super::*;
use crate::router::Table;

fn event(subscription_type: &str, more: &str) -> Event {
    let json = format!(
        r#"{{"portalId":1,"eventId":2,"appId":9,"objectId":3,"occurredAt":4,"subscriptionType":"{subscription_type}"{more}}}"#
    );
    Sender::HubSpot.identify(&json.into()).unwrap()
}

fn wanting(settings: &IntegrationSettings, event: &Event) -> Vec<String> {
    let table = Table::new(registry(settings).unwrap());
    table.targets_of(event).into_iter().map(|target| target.name().to_string()).collect()
}

fn changed(name: &str, value: &str) -> String {
    format!(r#","propertyName":"{name}","propertyValue":"{value}""#)
}

#[test]
fn each_event_has_its_handler_in_both_spellings() {
    let settings = IntegrationSettings::default();
    for (name, id, change, more, handler) in [
        ("deal", "0-3", "creation", String::new(), Some("on_deal_created")),
        (
            "deal",
            "0-3",
            "propertyChange",
            changed("dealstage", "closedwon"),
            Some("on_deal_closed"),
        ),
        (
            "deal",
            "0-3",
            "propertyChange",
            changed("hs_is_closed_won", "true"),
            Some("on_deal_closed"),
        ),
        ("deal", "0-3", "propertyChange", changed("hs_is_closed_won", "false"), None),
        (
            "deal",
            "0-3",
            "propertyChange",
            changed("dealstage", "12345"),
            Some("on_deal_stage_changed"),
        ),
        ("deal", "0-3", "propertyChange", changed("dealstage", ""), None),
        ("deal", "0-3", "propertyChange", changed("amount", "5"), None),
        ("deal", "0-3", "deletion", String::new(), None),
        ("contact", "0-1", "creation", String::new(), Some("on_contact_created")),
        (
            "contact",
            "0-1",
            "propertyChange",
            changed("lifecyclestage", "customer"),
            Some("on_contact_became_customer"),
        ),
        ("contact", "0-1", "propertyChange", changed("lifecyclestage", "lead"), None),
        ("contact", "0-1", "restore", String::new(), Some("on_contact_created")),
        ("contact", "0-1", "merge", String::new(), Some("on_contact_merged")),
        ("company", "0-2", "restore", String::new(), None),
        ("contact", "0-1", "deletion", String::new(), Some("on_contact_removed")),
        ("contact", "0-1", "privacyDeletion", String::new(), Some("on_contact_removed")),
        ("ticket", "0-5", "propertyChange", changed("dealstage", "closedwon"), None),
        ("company", "0-2", "propertyChange", changed("lifecyclestage", "customer"), None),
    ] {
        let classic = event(&format!("{name}.{change}"), &more);
        let generic =
            event(&format!("object.{change}"), &format!(r#"{more},"objectTypeId":"{id}""#));
        let expected: Vec<_> = handler.into_iter().collect();
        assert_eq!(wanting(&settings, &classic), expected, "{name}.{change}{more}");
        assert_eq!(wanting(&settings, &generic), expected, "object.{change} {id}{more}");
    }
}

#[test]
fn won_stages_are_a_setting() {
    let won_stages = vec!["777".to_owned(), " 888 ".to_owned()];
    let settings = IntegrationSettings { won_stages, ..IntegrationSettings::default() };
    for (stage, handler) in [
        ("777", "on_deal_closed"),
        ("888", "on_deal_closed"),
        ("closedwon", "on_deal_stage_changed"),
    ] {
        let event = event("deal.propertyChange", &changed("dealstage", stage));
        assert_eq!(wanting(&settings, &event), [handler]);
    }
}

#[test]
fn an_event_without_a_record_is_given_up() {
    let event =
        HubSpotEvent::parse(br#"{"portalId":1,"eventId":2,"subscriptionType":"deal.creation"}"#)
            .unwrap();
    let error = record_id(&event).unwrap_err();
    assert_eq!((error.kind, &*error.code), (crate::error::Failure::Permanent, "NO_OBJECT_ID"));
}
