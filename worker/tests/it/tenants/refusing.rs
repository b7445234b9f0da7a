//! A destination that wants nothing any more: 410.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use shared::message::DeathReason;
use shared::testing::Proxy;
use worker::parts::Worker;

use super::applied::Stored;
use super::endpoint::{Answer, Endpoint};
use super::file::File;
use super::{one, rig_with, timeouts, worker};
use crate::harness::{Admin, Engine, Rig, deal, on_every_engine, wait_for_verdicts};

const SHUT: &str = "hubline_destination_shut{destination=\"acme-crm\"} 1.0";
const BOTH_WAIT: &str =
    "hubline_limit_waiting{limit=\"destination\",of=\"requests\",lane=\"work\"} 2.0";
const A_MINUTE: Duration = Duration::from_secs(60);

async fn it_is_paused_until_somebody_resumes_it_and_says_so_until_somebody_knows(engine: Engine) {
    let acme = Endpoint::start([Answer::of(410)]);
    let stored = Stored::of(engine, &one(&acme, "active", "active"), &[acme.address]).await;
    stored.apply(&["--by", "ann"]).await;
    let worker = stored.rig.worker(|_| {});
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    stored.rig.publish(&deal(1)).await;
    admin.wait_for_line(SHUT).await;
    let shown = stored.done(&["show", "destination/acme-crm", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["state"], &shown["state_by"]), (&"paused".into(), &"hubline".into()));
    let shown = stored.done(&["show", "destination/acme-crm"]).await;
    assert!(shown.contains(" by hubline, as it wants nothing any more\n"), "{shown}");
    // The worker knows.
    stored.rig.publish(&deal(2)).await;
    admin.wait_for_line(BOTH_WAIT).await;
    assert_eq!(acme.received().len(), 1);

    let taken_over = stored.done(&["pause", "destination/acme-crm", "--by", "bob"]).await;
    assert!(taken_over.contains("waits from now on"), "{taken_over}");
    admin.wait_for_line("hubline_destinations_shut 0.0").await;
    let again = stored.done(&["pause", "destination/acme-crm", "--by", "cleo"]).await;
    assert!(again.contains("paused already"), "{again}");
    stored.done(&["resume", "destination/acme-crm", "--by", "bob"]).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    let retried = admin.sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    worker.stop().await;
    assert_eq!((acme.received().len(), retried), (3, 0), "no attempt was spent");

    let audit = "SELECT count(*) FROM audit WHERE filter = 'destination=acme-crm' AND (who, action) IN \
        (('hubline', 'pause'), ('bob', 'pause'), ('bob', 'resume'))";
    assert_eq!(stored.database.number(audit).await, 3, "each once");
    stored.end().await;
}

/// Nobody writes a file, and nobody a database that is away. What would wait for longer than it may ends.
async fn where_that_cannot_be_written_it_is_left_alone(engine: Engine) {
    let acme = Endpoint::start([Answer::of(410)]);
    let file = File::of(&one(&acme, "active", "active"));
    let mut rig = rig_with(engine, &file, &[acme.address]).await;
    rig.settings.processing.wait_max = A_MINUTE;
    let filed = worker(&rig);
    left_alone(&rig, &filed, &acme).await;
    filed.stop().await;
    rig.finish().await;

    let acme = Endpoint::start([Answer::of(410)]);
    let text = one(&acme, "active", "active");
    let mut stored = Stored::of(engine, &text, &[acme.address]).await;
    stored.apply(&[]).await;
    let url = stored.database.url();
    let proxy = Proxy::start(&Proxy::server_of(&url)).await;
    stored.rig.settings.records.database_url = Some(SecretString::from(proxy.url(&url)));
    stored.rig.settings.processing.wait_max = A_MINUTE;
    let worker = stored.rig.worker(|_| {});
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    proxy.cut();
    admin.wait_for_line("hubline_tenants_file_valid 0.0").await;
    left_alone(&stored.rig, &worker, &acme).await;
    worker.stop().await;
    let active = "SELECT count(*) FROM tenant_section WHERE state = 'active'";
    assert_eq!(stored.database.number(active).await, 3);
    stored.end().await;
}

/// It may be of one record, and of no other. That of all of them is told once.
async fn of_a_batch_it_counts_if_it_is_of_all_of_it(engine: Engine) {
    let failed = r#"{"failures":[{"index":0,"status":410}]}"#;
    let acme = Endpoint::start([Answer(200, None, failed.to_owned()), Answer::of(410)]);
    let batch = "[destinations.acme-crm]\nbatch = { events = 2, wait = \"5s\" }";
    // What an answer may take is not waited for others.
    let destination = format!("{batch}\n{}", timeouts("2s").join("\n"));
    let text = one(&acme, "active", "active").replace("[destinations.acme-crm]", &destination);
    let stored = Stored::of(engine, &text, &[acme.address]).await;
    stored.apply(&[]).await;
    let worker = stored.rig.worker(|_| {});
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    stored.rig.publish(&deal(1)).await;
    let death = stored.rig.queues.take("dead").await.message.unwrap().death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "DESTINATION_410"));
    let active = "SELECT count(*) FROM tenant_section WHERE state = 'active'";
    assert_eq!(stored.database.number(active).await, 3);

    for id in [2, 3] {
        stored.rig.publish(&deal(id)).await;
    }
    admin.wait_for_line(SHUT).await;
    admin.wait_for_line(BOTH_WAIT).await;
    stored.done(&["resume", "destination/acme-crm"]).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    let paused = "SELECT count(*) FROM audit WHERE who = 'hubline' AND action = 'pause'";
    assert_eq!(stored.database.number(paused).await, 1);
    stored.end().await;
}

async fn left_alone(rig: &Rig, worker: &Worker, acme: &Endpoint) {
    for id in [1, 2] {
        rig.publish(&deal(id)).await;
        let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
        assert_eq!(death.code, "WAITED_TOO_LONG", "{}", death.error);
    }
    Admin::of(worker).wait_for_line(SHUT).await;
    assert_eq!(acme.received().len(), 1);
}

on_every_engine! {
    it_is_paused_until_somebody_resumes_it_and_says_so_until_somebody_knows
    where_that_cannot_be_written_it_is_left_alone
    of_a_batch_it_counts_if_it_is_of_all_of_it
}
