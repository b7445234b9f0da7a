//! An event that is made up, to try a destination with.

use bytes::Bytes;
use shared::clock::now_ms;
use shared::event::Event;
use shared::origin::{Origin, Sender};

/// A deal that was moved, written as HubSpot writes it, just now. Its record is the one that HubSpot's own Test
/// button names, which is none; its stage is one of the default pipeline's that wins nothing.
pub(super) fn sample(origin: &Origin) -> anyhow::Result<Event> {
    let portal = origin.portal_id().ok_or_else(|| {
        anyhow::anyhow!("no event can be made up for {origin}: give one in a FILE")
    })?;
    let (id, now) = (rand::random::<u32>(), now_ms());
    let body = format!(
        r#"{{"eventId":{id},"subscriptionId":1,"portalId":{portal},"appId":1,"occurredAt":{now},"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":123,"propertyName":"dealstage","propertyValue":"presentationscheduled","changeSource":"CRM_UI","sourceId":"userId:123"}}"#
    );
    Ok(Sender::HubSpot.identify(&Bytes::from(body))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn it_is_the_tenants_and_another_one_each_time() {
        let origin: Origin = "hubspot/62515".parse().unwrap();
        let (first, second) = (sample(&origin).unwrap(), sample(&origin).unwrap());
        assert_eq!(first.origin, origin);
        assert_eq!(first.topic.to_string(), "deal.propertyChange");
        assert!(!first.is_own_write(None));
        assert_ne!(first.identity, second.identity);
    }
}
