//! What templates are told of a portal: its stages by their labels, and where its pages are.

use serde_json::{Value, json};
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::{Fault, StandIns};

use super::endpoint::{Endpoint, Received};
use super::file::File;
use super::{rig_with, worker};
use crate::harness::{Admin, Engine, Rig, on_every_engine};

const EU1: &str = "app-eu1.hubspot.com";

/// A tenant with a template that needs both.
fn tenant(acme: &Endpoint) -> String {
    let url = acme.url();
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        [destinations.acme-crm]
        tenant = "acme"
        url = "{url}"
        secret = @secret
        [routes.acme-stages]
        tenant = "acme"
        destination = "acme-crm"
        [routes.acme-stages.transform]
        template = '''[{{{{ event.propertyValue|stage }}}}, {{{{ link(object_type(event), event.objectId) }}}}]'''
        "#
    )
}

fn moved(id: u64, kind: &str, stage: &str) -> String {
    let property = if kind == "deal" { "dealstage" } else { "hs_pipeline_stage" };
    format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":62515,"appId":54321,"occurredAt":1790000000000,"subscriptionType":"{kind}.propertyChange","attemptNumber":0,"objectId":{id},"propertyName":"{property}","propertyValue":"{stage}","changeSource":"CRM_UI"}}"#
    )
}

fn expected(label: &str, host: &str, object_type: &str, id: u64) -> Value {
    json!([label, format!("https://{host}/contacts/62515/record/{object_type}/{id}")])
}

/// The body of the only request about this record.
fn body(received: &[Received], id: u64) -> Value {
    let bodies = received.iter().map(|it| serde_json::from_slice::<Value>(&it.body).unwrap());
    let its: Vec<_> =
        bodies.filter(|it| it[1].as_str().unwrap().ends_with(&format!("/{id}"))).collect();
    let [body] = &its[..] else { panic!("{id}: {its:?}") };
    body.clone()
}

fn asked(stand_ins: &StandIns, what: &str) -> usize {
    stand_ins.calls().iter().filter(|call| call.path.contains(what)).count()
}

async fn rig(engine: Engine, acme: &Endpoint, file: &File, with: IntegrationSettings) -> Rig {
    let mut rig = rig_with(engine, file, &[acme.address]).await;
    rig.settings.processing.integrations = with;
    rig
}

async fn stages_have_the_portals_labels_and_links_lead_to_its_own_pages(engine: Engine) {
    let (acme, stand_ins) = (Endpoint::start([]), StandIns::start().await.unwrap());
    stand_ins.set_portal(62515);
    stand_ins.set_ui_domain(EU1);
    stand_ins.put_stage("181", "Signed & sealed");
    stand_ins.put_ticket_stage("181", "Waiting for us");
    let file = File::of(&tenant(&acme));
    let rig = rig(engine, &acme, &file, stand_ins.settings()).await;
    let worker = worker(&rig);
    for id in 1..=9 {
        rig.publish(&moved(id, "deal", "181")).await;
    }
    let received = acme.wait(9).await;
    for id in 1..=9 {
        assert_eq!(body(&received, id), expected("Signed & sealed", EU1, "0-3", id));
    }
    assert_eq!(asked(&stand_ins, "/pipelines/deals"), 1, "one question for all");
    // The worker itself has asked at its start.
    assert_eq!(stand_ins.portal_asked(), 2);

    rig.publish(&moved(10, "ticket", "181")).await;
    let received = acme.wait(10).await;
    assert_eq!(body(&received, 10), expected("Waiting for us", EU1, "0-5", 10));

    stand_ins.put_stage("182", "A new one");
    rig.publish(&moved(11, "deal", "182")).await;
    let received = acme.wait(11).await;
    assert_eq!(body(&received, 11), expected("A new one", EU1, "0-3", 11), "it is asked again");
    for (id, stage, label) in
        [(12, "183", "183"), (13, "contractsent", "Contract Sent"), (14, "182", "A new one")]
    {
        rig.publish(&moved(id, "deal", stage)).await;
        let received = acme.wait(usize::try_from(id).unwrap()).await;
        assert_eq!(body(&received, id), expected(label, EU1, "0-3", id));
    }
    assert_eq!(asked(&stand_ins, "/pipelines/deals"), 2, "not for each that nobody knows");
    assert_eq!(stand_ins.portal_asked(), 2);
    worker.stop().await;
    rig.finish().await;
}

/// Another portal's, or none at all.
async fn without_a_token_for_the_portal_events_go_out_with_what_holds_for_most(engine: Engine) {
    let (acme, stand_ins) = (Endpoint::start([]), StandIns::start().await.unwrap());
    stand_ins.put_stage("closedwon", "Nobody sees this");
    let anothers = IntegrationSettings { hubspot_portal_id: Some(99), ..stand_ins.settings() };
    for with in [anothers, IntegrationSettings::default()] {
        let file = File::of(&tenant(&acme));
        let rig = rig(engine, &acme, &file, with).await;
        let worker = worker(&rig);
        let sent = acme.received().len();
        rig.publish(&moved(1, "deal", "closedwon")).await;
        rig.publish(&moved(2, "deal", "181")).await;
        let received = acme.wait(sent + 2).await;
        let host = "app.hubspot.com";
        assert_eq!(body(&received[sent..], 1), expected("Closed Won", host, "0-3", 1));
        assert_eq!(body(&received[sent..], 2), expected("181", host, "0-3", 2));
        worker.stop().await;
        rig.finish().await;
    }
    assert_eq!((stand_ins.calls().len(), stand_ins.portal_asked()), (0, 0));
}

/// As it is for a record.
async fn while_hubspot_is_away_the_event_is_tried_again_and_what_it_refuses_is_done_without(
    engine: Engine,
) {
    let (acme, stand_ins) = (Endpoint::start([]), StandIns::start().await.unwrap());
    stand_ins.put_stage("181", "Signed");
    stand_ins.fail(Fault::new("hubspot", 503).on("GET", "/pipelines/deals").times(2));
    stand_ins.fail(Fault::new("hubspot", 403).on("GET", "/pipelines/tickets"));
    stand_ins.fail(Fault::new("hubspot", 404).on("GET", "/account-info"));
    let file = File::of(&tenant(&acme));
    let settings = IntegrationSettings { hubspot_portal_id: Some(62515), ..stand_ins.settings() };
    let rig = rig(engine, &acme, &file, settings).await;
    let worker = worker(&rig);
    let host = "app.hubspot.com";
    rig.publish(&moved(1, "deal", "181")).await;
    let received = acme.wait(1).await;
    assert_eq!(body(&received, 1), expected("Signed", host, "0-3", 1));
    let retried =
        Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    assert_eq!(retried, 2);
    rig.publish(&moved(2, "ticket", "181")).await;
    rig.publish(&moved(3, "ticket", "181")).await;
    let received = acme.wait(3).await;
    assert_eq!(body(&received, 2), expected("181", host, "0-5", 2));
    assert_eq!(body(&received, 3), expected("181", host, "0-5", 3));
    assert_eq!(asked(&stand_ins, "/pipelines/tickets"), 1);
    assert_eq!(stand_ins.portal_asked(), 1);
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    stages_have_the_portals_labels_and_links_lead_to_its_own_pages
    without_a_token_for_the_portal_events_go_out_with_what_holds_for_most
    while_hubspot_is_away_the_event_is_tried_again_and_what_it_refuses_is_done_without
}
