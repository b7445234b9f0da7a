//! What filters and templates are told of an event's record.

use worker::stand_ins::StandIns;

use super::endpoint::Endpoint;
use super::file::File;
use super::signed::is_signed;
use super::{rig_with, two, worker};
use crate::harness::{Engine, deal, on_every_engine, wait_for_verdicts};

/// A template, with what HubSpot has of the record.
async fn a_template_makes_the_body_from_the_event_and_its_record(engine: Engine) {
    let (acme, stand_ins) = (Endpoint::start([]), StandIns::start().await.unwrap());
    stand_ins.set_portal(62515);
    for (id, amount) in [(1, "1250"), (2, "80")] {
        let properties = [("dealname", "A roof"), ("amount", amount)];
        stand_ins.put_deal(id, &properties, &[]);
    }
    let template =
        r#"{"deal": {{ event.objectId }}, "text": "{{ record.dealname }}: {{ record.amount }}"}"#;
    let transform = format!("transform = {{ template = '{template}' }}\n");
    let filter =
        "filter = { field = \"object.amount\", operator = \"greater_than\", value = 100 }\n";
    let text = two(&acme, &acme).replacen("filter = ", &format!("{transform}{filter}# "), 1);
    let file = File::of(&text);
    let mut rig = rig_with(engine, &file, &[acme.address]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    rig.publish(&deal(2)).await;
    acme.wait(1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    wait_for_verdicts(&worker, "skipped", 1).await;
    worker.stop().await;
    let received = acme.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, br#"{"deal":1,"text":"A roof: 1250"}"#[..]);
    assert!(is_signed(&received[0]));
    rig.finish().await;
}

/// Two ask for different properties of it, and a third for none.
async fn a_record_is_read_once_for_all_routes_and_each_sees_its_own(engine: Engine) {
    let (acme, stand_ins) = (Endpoint::start([]), StandIns::start().await.unwrap());
    stand_ins.set_portal(62515);
    stand_ins.put_deal(1, &[("dealname", "A roof"), ("amount", "1250")], &[]);
    let url = acme.url();
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        destinations.crm = {{ tenant = "acme", url = "{url}", sign = "none" }}
        routes.plain = {{ tenant = "acme", destination = "crm" }}
        [routes.large]
        tenant = "acme"
        destination = "crm"
        filter = {{ field = "object.amount", operator = "greater_than", value = 100 }}
        [routes.small]
        tenant = "acme"
        destination = "crm"
        filter = {{ field = "object.amount", operator = "less_than", value = 100 }}
        [routes.named]
        tenant = "acme"
        destination = "crm"
        transform = {{ template = '[{{{{ record.dealname }}}}]' }}
        "#
    ));
    let mut rig = rig_with(engine, &file, &[acme.address]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    wait_for_verdicts(&worker, "skipped", 1).await;
    worker.stop().await;
    let bodies: Vec<_> = acme.received().into_iter().map(|received| received.body).collect();
    assert_eq!(bodies.len(), 3);
    let named = bodies.iter().find(|body| body.starts_with(b"[")).unwrap();
    assert_eq!(String::from_utf8_lossy(named), r#"["A roof"]"#);
    let calls = stand_ins.calls();
    let reads: Vec<_> = calls.iter().filter(|call| call.path.contains("/deals/1")).collect();
    assert_eq!(reads.len(), 1, "{reads:?}");
    rig.finish().await;
}

on_every_engine! {
    a_template_makes_the_body_from_the_event_and_its_record
    a_record_is_read_once_for_all_routes_and_each_sees_its_own
}
