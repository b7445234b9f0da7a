//! What waits: for a destination that has enough or hangs, or for somebody who resumes.

use shared::message::DeathReason;

use super::endpoint::{Answer, Endpoint};
use super::file::{File, SECRET};
use super::signed::is_signed;
use super::{one, rig_of, rig_with, two, worker};
use crate::harness::{Admin, Engine, deal, deal_of, on_every_engine, wait_for_verdicts};

async fn who_has_enough_is_left_alone_and_no_attempt_is_spent(engine: Engine) {
    let wait = Answer(429, Some(("retry-after", "1".to_owned())), String::new());
    let acme = Endpoint::start([wait]);
    let file = File::of(&one(&acme, "active", "active"));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    let limited =
        Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    worker.stop().await;
    assert_eq!((acme.received().len(), limited), (2, 0));
    rig.finish().await;
}

/// For however long, though what waits for room waits for so long at the most.
async fn what_is_for_a_paused_tenant_or_destination_waits_and_goes_out_on_resume(engine: Engine) {
    for (tenant, destination, order) in
        [("paused", "active", "none"), ("active", "paused", "none"), ("paused", "active", "object")]
    {
        let acme = Endpoint::start([]);
        let text = |tenant, destination| {
            let route = format!("destination = \"acme-crm\", order = \"{order}\" }}");
            one(&acme, tenant, destination).replace("destination = \"acme-crm\" }", &route)
        };
        let file = File::of(&text(tenant, destination));
        let rig = rig_of(engine, &["--wait-max", "10s"], &file, &[acme.address]).await;
        let worker = worker(&rig);
        // Of one record.
        rig.publish(&deal(1)).await;
        rig.publish(&deal(1).replacen("\"eventId\":1", "\"eventId\":2", 1)).await;
        wait_for_verdicts(&worker, "limited", 2).await;
        assert!(acme.received().is_empty());
        file.write(&text("active", "active"));
        wait_for_verdicts(&worker, "succeeded", 2).await;
        worker.stop().await;
        assert_eq!(acme.received().len(), 2);
        rig.finish().await;
    }
}

/// Its own and nobody else's, also where both lead to one destination.
async fn a_paused_route_holds_no_other_route_to_its_destination(engine: Engine) {
    let shared = Endpoint::start([]);
    let url = shared.url();
    let text = |state: &str| {
        format!(
            r#"
            tenants.acme = {{ origin = "hubspot/62515" }}
            tenants.umbrella = {{ origin = "hubspot/62516" }}
            routes.acme-all = {{ tenant = "acme", destination = "log", state = "{state}" }}
            routes.umbrella-all = {{ tenant = "umbrella", destination = "log" }}
            destinations.log = {{ url = "{url}", sign = "none" }}
            "#
        )
    };
    let file = File::of(&text("paused"));
    let rig = rig_with(engine, &file, &[shared.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    rig.publish(&deal_of(62516, 2)).await;
    shared.wait(1).await;
    file.write(&text("active"));
    shared.wait(2).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    assert_eq!(shared.received()[0].body, deal_of(62516, 2).as_bytes());
    rig.finish().await;
}

/// One tenant's secret that is not there is nobody else's concern.
async fn what_is_for_a_destination_without_its_secret_waits_until_that_is_there(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&two(&acme, &umbrella));
    let text = std::fs::read_to_string(file.path()).unwrap();
    let late = file.directory().join("late");
    let text = text.replacen("/secret\"", "/late\"", 1);
    std::fs::write(file.path(), text).unwrap();
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    let admin = Admin::of(&worker);
    admin.wait_for_line("hubline_destinations_unusable 1").await;
    rig.publish(&deal(1)).await;
    rig.publish(&deal_of(62516, 2)).await;
    umbrella.wait(1).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    assert!(acme.received().is_empty());
    std::fs::write(&late, SECRET).unwrap();
    let received = acme.wait(1).await;
    assert!(is_signed(&received[0]));
    admin.wait_for_line("hubline_destinations_unusable 0").await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    rig.finish().await;
}

/// One tenant's destination that hangs takes no more places than it may.
async fn a_destination_that_does_not_answer_in_time_fails_for_its_own_events_alone(engine: Engine) {
    let umbrella = Endpoint::start([]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let url = format!("http://{silent}/");
    let acme = Endpoint::start([]);
    let text = two(&acme, &umbrella);
    let begin = text.find("url = ").unwrap();
    let end = begin + text[begin..].find('\n').unwrap();
    let limits = "connect_timeout = \"100ms\"\nfirst_byte_timeout = \"300ms\"";
    let text = format!("{}url = \"{url}\"\n{limits}{}", &text[..begin], &text[end..]);
    let file = File::of(&text);
    let rig = rig_with(engine, &file, &[silent, umbrella.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    for id in 2..10 {
        rig.publish(&deal_of(62516, id)).await;
    }
    umbrella.wait(8).await;
    let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
    worker.stop().await;
    assert_eq!((death.reason, &*death.code), (DeathReason::Exhausted, "DESTINATION_TIMEOUT"));
    assert_eq!(death.error, "the destination did not answer within 300 ms");
    rig.finish().await;
}

on_every_engine! {
    who_has_enough_is_left_alone_and_no_attempt_is_spent
    what_is_for_a_paused_tenant_or_destination_waits_and_goes_out_on_resume
    a_paused_route_holds_no_other_route_to_its_destination
    what_is_for_a_destination_without_its_secret_waits_until_that_is_there
    a_destination_that_does_not_answer_in_time_fails_for_its_own_events_alone
}
