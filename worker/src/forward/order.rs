//! The order of a record's events on a route.

use shared::clock::now_ms;
use shared::event::Event;
use shared::senders::hubspot::{HubSpotEvent, ObjectType};

use crate::limits::name;
use crate::order::Terms;
use crate::run::Run;
use crate::target::HandlerResult;

/// Waits for the event's turn among those of its record. An event without a record has no order: each is alone.
pub(crate) async fn in_order(run: &Run, route: &str, terms: Terms, event: &Event) -> HandlerResult {
    let Some(record) = record(event) else { return Ok(()) };
    let received_ms = || {
        let age_ms = i64::try_from(run.age().as_millis()).unwrap_or(i64::MAX);
        now_ms().saturating_sub(age_ms)
    };
    let at_ms = event.occurred_at_ms().unwrap_or_else(received_ms);
    let line = name(format_args!("{route}/{}/{record}", event.origin));
    // Boxed: futures within futures are as large as all of them.
    Box::pin(run.in_order(&line, at_ms, terms)).await
}

/// The record that the event is about, in its account: `deal/42`. `None` for an association, which is about two.
pub(crate) fn record(event: &Event) -> Option<String> {
    let event: &HubSpotEvent = event.hubspot().ok()?;
    let id = event.object_id?;
    let kind = match event.object_type() {
        ObjectType::Contact => "contact".to_owned(),
        ObjectType::Company => "company".to_owned(),
        ObjectType::Deal => "deal".to_owned(),
        ObjectType::Ticket => "ticket".to_owned(),
        ObjectType::Product => "product".to_owned(),
        ObjectType::LineItem => "line_item".to_owned(),
        ObjectType::Conversation => "conversation".to_owned(),
        ObjectType::Custom(id) | ObjectType::Other(id) => id,
    };
    Some(format!("{kind}/{id}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use shared::origin::Sender;

    use super::*;

    fn record_of(kind: &str, more: &str) -> Option<String> {
        let body = format!(
            r#"{{"eventId":1,"portalId":62515,"occurredAt":1790000000000,"subscriptionType":"{kind}"{more}}}"#
        );
        record(&Sender::HubSpot.identify(&body.into()).unwrap())
    }

    #[test]
    fn a_record_is_one_whatever_happens_to_it_and_however_that_is_spelt() {
        for (kind, more) in [
            ("deal.creation", r#","objectId":42"#),
            ("deal.propertyChange", r#","objectId":42,"propertyName":"amount""#),
            ("deal.deletion", r#","objectId":42"#),
            ("object.propertyChange", r#","objectId":42,"objectTypeId":"0-3""#),
            ("deal.merge", r#","objectId":42,"primaryObjectId":42,"mergedObjectIds":[43]"#),
        ] {
            assert_eq!(record_of(kind, more).as_deref(), Some("deal/42"), "{kind}");
        }
        let custom = record_of("object.creation", r#","objectId":42,"objectTypeId":"2-7""#);
        assert_eq!(custom.as_deref(), Some("2-7/42"));
        assert_eq!(
            record_of("contact.creation", r#","objectId":42"#).as_deref(),
            Some("contact/42")
        );
    }

    #[test]
    fn an_association_is_about_no_single_record() {
        let ids = r#","fromObjectId":1,"toObjectId":2,"associationType":"DEAL_TO_CONTACT""#;
        assert_eq!(record_of("deal.associationChange", ids), None);
    }
}
