//! Another's records: they have the same ids, and the token is one portal's.

use worker::stand_ins::StandIns;

use crate::harness::{Admin, Engine, deal, deal_of, on_every_engine, wait_for_verdicts};
use crate::tenants::endpoint::Endpoint;
use crate::tenants::file::File;
use crate::tenants::{rig_with, worker};

const BY_TEMPLATE: &str = r#"transform = { template = '{"name": "{{ record.dealname }}"}' }"#;
const BY_FILTER: &str =
    r#"filter = { field = "object.dealname", operator = "starts_with", value = "ACME" }"#;

/// HubSpot's word that a token may not ask for its portal.
const REFUSED: &str = "api=\"hubspot\",status=\"4xx\"";

/// Two tenants whose routes ask for the record in the same words.
fn both_with(acme: &Endpoint, umbrella: &Endpoint, how: &str) -> File {
    let (acme, umbrella) = (acme.url(), umbrella.url());
    File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        tenants.umbrella = {{ origin = "hubspot/62516" }}
        destinations.acme-crm = {{ tenant = "acme", url = "{acme}", sign = "none" }}
        destinations.umbrella-crm = {{ tenant = "umbrella", url = "{umbrella}", sign = "none" }}
        [routes.acme-all]
        tenant = "acme"
        destination = "acme-crm"
        {how}
        [routes.umbrella-all]
        tenant = "umbrella"
        destination = "umbrella-crm"
        {how}
        "#
    ))
}

fn asked(stand_ins: &StandIns) -> usize {
    stand_ins.calls().iter().filter(|call| call.path.contains("/objects/")).count()
}

/// Object 1 is a deal of ACME's, and an id of Umbrella's as well.
async fn a_record_is_read_for_its_own_portals_tenant_alone(engine: Engine) {
    for how in [BY_TEMPLATE, BY_FILTER] {
        let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.set_portal(62515);
        stand_ins.put_deal(1, &[("dealname", "ACME roof")], &[]);
        let file = both_with(&acme, &umbrella, how);
        let mut rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
        rig.settings.processing.integrations = stand_ins.settings();
        let worker = worker(&rig);
        rig.publish(&deal(1)).await;
        wait_for_verdicts(&worker, "succeeded", 1).await;
        rig.publish(&deal_of(62516, 1)).await;
        let letter = rig.queues.take("dead").await.message.unwrap();
        worker.stop().await;
        let death = letter.death.unwrap();
        assert_eq!(death.code, "HUBSPOT_WRONG_PORTAL", "{how}");
        assert_eq!(letter.target.as_deref(), Some("route/umbrella/umbrella-all"));
        assert!(!death.error.contains("roof"), "{}", death.error);
        assert_eq!((acme.received().len(), umbrella.received().len()), (1, 0), "{how}");
        assert_eq!(asked(&stand_ins), 1, "it was not even asked for");
        rig.finish().await;
    }
}

/// As long as HubSpot does not say whose the token is, a record could be anybody's.
async fn no_record_is_read_with_a_token_of_which_nobody_says_whose_it_is(engine: Engine) {
    for how in [BY_TEMPLATE, BY_FILTER] {
        let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
        // Its token may not ask for its portal.
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.put_deal(1, &[("dealname", "ACME roof")], &[]);
        let file = both_with(&acme, &umbrella, how);
        let mut rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
        rig.settings.processing.integrations = stand_ins.settings();
        let worker = worker(&rig);
        let admin = Admin::of(&worker);
        // Until it has refused to say, runs come again after a moment.
        admin.wait_for("hubline_api_calls_total", &[REFUSED], 1).await;
        rig.publish(&deal_of(62516, 1)).await;
        admin.wait_for("hubline_handler_seconds_count", &[], 1).await;
        wait_for_verdicts(&worker, "limited", 1).await;
        worker.stop().await;
        assert_eq!((acme.received().len(), umbrella.received().len()), (0, 0), "{how}");
        assert_eq!(asked(&stand_ins), 0, "{how}");
        // It waits for somebody to say whose the token is (HUBSPOT_PORTAL_ID).
        assert_eq!(rig.queues.waiting().await, 1, "{how}");
        rig.queues.end().await;
    }
}

/// A default stage's id is the same in every portal, and its label is each portal's own.
async fn no_labels_are_read_with_a_token_of_which_nobody_says_whose_it_is(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.put_stage("closedwon", "ACME's own word");
    let how = r#"transform = { template = '[{{ "closedwon"|stage }}]' }"#;
    let file = both_with(&acme, &umbrella, how);
    let mut rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    let worker = worker(&rig);
    rig.publish(&deal_of(62516, 1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    assert_eq!(umbrella.received()[0].body, br#"["Closed Won"]"#[..]);
    assert!(stand_ins.calls().is_empty(), "{:?}", stand_ins.calls());
    rig.finish().await;
}

on_every_engine! {
    no_labels_are_read_with_a_token_of_which_nobody_says_whose_it_is
    a_record_is_read_for_its_own_portals_tenant_alone
    no_record_is_read_with_a_token_of_which_nobody_says_whose_it_is
}
