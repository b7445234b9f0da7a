//! Which events tell of what the app itself did.
//!
//! Owns the rule. What is done with such events is the operator's to say.

use super::event::HubSpotEvent;
use super::kind::Change;

/// Whether the app made the change itself through the API: the one that the event names, or the one with
/// the number `app_id`. Acting on these makes a two-way sync loop for ever. A deletion for privacy is none,
/// whoever asked for it: it happens once to a contact.
#[must_use]
pub fn own_write(event: &HubSpotEvent, app_id: Option<u64>) -> bool {
    let mut apps = event.app_id.into_iter().chain(app_id);
    event.change() != Change::PrivacyDeletion && apps.any(|app| is_by(event, app))
}

/// `changeSource` is `INTEGRATION` and `sourceId` the app's id in bare digits (`userId:…` names a person).
fn is_by(event: &HubSpotEvent, app_id: u64) -> bool {
    event.change_source.as_deref() == Some("INTEGRATION")
        && event.source_id.as_deref() == Some(app_id.to_string().as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn event(subscription_type: &str, more: &str) -> HubSpotEvent {
        let json = format!(
            r#"{{"portalId":1,"eventId":2,"subscriptionType":"{subscription_type}"{more}}}"#
        );
        HubSpotEvent::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn an_own_write_is_an_integrations_with_the_apps_own_id() {
        for (source, id, own) in [
            ("INTEGRATION", r#""9393361""#, true),
            ("INTEGRATION", "9393361", true),
            ("INTEGRATION", r#""userId:9393361""#, false),
            ("INTEGRATION", r#""93933610""#, false),
            ("INTEGRATION", "null", false),
            ("CRM_UI", r#""9393361""#, false),
        ] {
            let more = format!(r#","changeSource":"{source}","sourceId":{id}"#);
            let event = event("deal.creation", &more);
            assert_eq!(own_write(&event, Some(9_393_361)), own, "{more}");
            assert!(!own_write(&event, None), "{more}");
        }
    }

    #[test]
    fn the_app_that_the_event_names_counts_beside_the_one_that_is_set() {
        let by = r#","appId":7,"changeSource":"INTEGRATION","sourceId":"7""#;
        for app_id in [None, Some(8)] {
            assert!(own_write(&event("deal.creation", by), app_id));
        }
    }

    #[test]
    fn a_deletion_for_privacy_is_never_one() {
        let by = r#","appId":7,"changeSource":"INTEGRATION","sourceId":"7""#;
        assert!(own_write(&event("contact.deletion", by), None));
        assert!(!own_write(&event("contact.privacyDeletion", by), None));
    }
}
