//! A worker with the built-in handlers, the systems that they call, and the events that it is sent.

use worker::parts::Worker;
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::{Call, StandIns};

use crate::harness::{Engine, Rig, wait_for_verdicts, within};

pub(super) const UPDATE: &str = "/crm/v3/objects/contacts/batch/update";

/// A deal that is won.
pub(super) const WON: [(&str, &str); 5] = [
    ("dealname", "Big <one>"),
    ("amount", "5000.10"),
    ("deal_currency_code", "EUR"),
    ("dealstage", "closedwon"),
    ("hs_is_closed_won", "true"),
];

pub(super) struct Shop {
    pub(super) rig: Rig,
    pub(super) stand_ins: StandIns,
    pub(super) worker: Worker,
}

impl Shop {
    pub(super) async fn open(engine: Engine) -> Self {
        Self::with(engine, &[]).await
    }

    pub(super) async fn with(engine: Engine, flags: &[&str]) -> Self {
        Self::set_up(engine, flags, |_| {}).await
    }

    pub(super) async fn set_up(
        engine: Engine,
        flags: &[&str],
        set: impl FnOnce(&mut IntegrationSettings),
    ) -> Self {
        Self::stage(engine, flags, |_, settings| set(settings)).await
    }

    /// With stand-ins that are made ready before the worker starts.
    pub(super) async fn stage(
        engine: Engine,
        flags: &[&str],
        set: impl FnOnce(&StandIns, &mut IntegrationSettings),
    ) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        let mut rig = Rig::on(engine, flags).await;
        rig.settings.processing.integrations = stand_ins.settings();
        set(&stand_ins, &mut rig.settings.processing.integrations);
        let worker = start(&rig);
        Self { rig, stand_ins, worker }
    }

    /// Another worker on the same queues.
    pub(super) fn another_worker(&self) -> Worker {
        start(&self.rig)
    }

    /// A won deal with these contacts.
    pub(super) fn won_deal(&self, id: u64, contact_ids: &[u64]) {
        self.stand_ins.put_deal(id, &WON, contact_ids);
    }

    /// The texts that the channel was sent, in order of the alphabet.
    pub(super) fn messages(&self) -> Vec<String> {
        let calls = self.calls("slack", "/chat.postMessage").into_iter();
        let text = |call: Call| call.body["text"].as_str().unwrap().to_owned();
        let mut texts: Vec<String> = calls.map(text).collect();
        texts.sort_unstable();
        texts
    }

    pub(super) async fn publish_twice(&self, event: &str) {
        for attempt in 0..2 {
            self.rig.publish(&event.replace("ATTEMPT", &attempt.to_string())).await;
        }
    }

    /// Delivers an event again that is done already.
    pub(super) async fn publish_again(&self, event: &str) {
        self.rig.publish(&event.replace("ATTEMPT", "1")).await;
        self.done(1, 1).await;
    }

    pub(super) async fn publish(&self, event: &str) {
        self.rig.publish(&event.replace("ATTEMPT", "0")).await;
    }

    pub(super) async fn wait_for_call(&self, api: &str, path: &str) {
        let fits = |call: &Call| call.api == api && call.path.starts_with(path);
        within(path, self.stand_ins.wait_for(1, fits)).await;
    }

    pub(super) fn calls(&self, api: &str, path: &str) -> Vec<Call> {
        let calls = self.stand_ins.calls().into_iter();
        calls.filter(|call| call.api == api && call.path.starts_with(path)).collect()
    }

    pub(super) async fn done(&self, succeeded: u64, duplicate: u64) {
        wait_for_verdicts(&self.worker, "succeeded", succeeded).await;
        wait_for_verdicts(&self.worker, "duplicate", duplicate).await;
    }

    pub(super) async fn close(self) {
        self.worker.stop().await;
        self.rig.finish().await;
    }
}

fn start(rig: &Rig) -> Worker {
    rig.worker(|registry| {
        *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
    })
}

pub(super) fn event(subscription_type: &str, id: u64, more: &str) -> String {
    format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":62515,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"{subscription_type}","attemptNumber":ATTEMPT,"objectId":{id},"changeSource":"CRM_UI"{more}}}"#
    )
}

pub(super) fn changed(subscription_type: &str, id: u64, name: &str, value: &str) -> String {
    event(subscription_type, id, &format!(r#","propertyName":"{name}","propertyValue":"{value}""#))
}

pub(super) fn closed(id: u64) -> String {
    changed("deal.propertyChange", id, "dealstage", "closedwon")
}

pub(super) fn ids(update: &Call) -> Vec<&str> {
    let inputs = update.body["inputs"].as_array().unwrap();
    inputs.iter().map(|input| input["id"].as_str().unwrap()).collect()
}

/// An event of another number, at another time.
pub(super) fn told(event_id: u64, occurred_ms: i64, event: &str) -> String {
    let (before, rest) = event.split_once(',').unwrap();
    assert!(before.starts_with(r#"{"eventId":"#), "{event}");
    let rest = rest.replace("1790000000000", &occurred_ms.to_string());
    format!(r#"{{"eventId":{event_id},{rest}"#)
}

/// The same event by the generic subscription that stands beside the classic one.
pub(super) fn generic(event: &str, object_type_id: &str) -> String {
    let (_, change) = event.split_once(r#""subscriptionType":""#).unwrap();
    let (name, _) = change.split_once('.').unwrap();
    let event = event.replace(&format!(r#"Type":"{name}."#), r#"Type":"object."#);
    let event = event.replace(r#""subscriptionId":7"#, r#""subscriptionId":8"#);
    event.replacen('{', &format!(r#"{{"objectTypeId":"{object_type_id}","#), 1)
}
