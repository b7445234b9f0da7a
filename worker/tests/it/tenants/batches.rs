//! Events that go to a destination several at a time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::broker::Lane;
use shared::message::DeathReason;
use worker::parts::Worker;

use super::endpoint::{Answer, Endpoint, Received};
use super::file::File;
use super::signed::{is_signed, is_signed_as_hubspot_does};
use super::{PATIENT, rig_with, timeouts, worker};
use crate::harness::{
    Admin, Child, Engine, Rig, deal, deal_of, fresh, on_every_engine, wait_for_verdicts,
};

/// One tenant with a destination that takes batches, signed so.
fn batches(acme: &Endpoint, sign: &str, batch: &str) -> String {
    let url = acme.url();
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", rate = "6000/s" }}
        routes.acme-deals = {{ tenant = "acme", destination = "acme-crm" }}
        [destinations.acme-crm]
        tenant = "acme"
        url = "{url}"
        sign = "{sign}"
        secret = @secret
        batch = {batch}
        "#
    )
}

/// The events of a request: the name of each and its record.
fn events(received: &Received) -> Vec<(String, u64)> {
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let of = |event: &Value| {
        let id = event["id"].as_str().unwrap().to_owned();
        (id, event["body"]["objectId"].as_u64().unwrap())
    };
    body["events"].as_array().unwrap().iter().map(of).collect()
}

fn records(received: &Received) -> Vec<u64> {
    events(received).into_iter().map(|(_, record)| record).collect()
}

/// How often each record came.
fn counts<'r>(received: impl IntoIterator<Item = &'r Received>) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for record in received.into_iter().flat_map(records) {
        *counts.entry(record).or_default() += 1;
    }
    counts
}

fn once(ids: impl IntoIterator<Item = u64>) -> BTreeMap<u64, usize> {
    ids.into_iter().map(|id| (id, 1)).collect()
}

async fn retried(worker: &Worker) -> u64 {
    Admin::of(worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await
}

/// Whether all of its records are odd, or none is.
fn is_of_one_parity(received: &Received) -> bool {
    let records = records(received);
    records.iter().all(|record| record % 2 == records[0] % 2)
}

async fn events_go_out_several_at_a_time_each_once(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 10, wait = "500ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=25).await;
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "succeeded", 25).await;
    let admin = Admin::of(&worker);
    let requests = admin.sum("hubline_destination_batch_size_count", &[]).await;
    worker.stop().await;
    let received = acme.received();
    assert!(received.len() < 25, "{} requests", received.len());
    assert_eq!(requests, received.len() as u64);
    assert_eq!(counts(&received), once(1..=25));
    assert!(received.iter().all(is_signed));
    assert!(received.iter().all(|request| (1..=10).contains(&events(request).len())));
    let names: BTreeSet<_> = received.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(names.len(), received.len());
    for request in &received {
        assert_eq!(request.header("idempotency-key"), request.header("webhook-id"));
        assert_eq!(request.header("content-type"), "application/json");
        assert!(events(request).iter().all(|(id, _)| id.ends_with("_acme-deals")));
    }
    rig.finish().await;
}

async fn who_verifies_as_hubspots_endpoints_do_gets_what_hubspot_sends(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&batches(&acme, "hubspot", r#"{ events = 100, wait = "500ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=5).await;
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "succeeded", 5).await;
    worker.stop().await;
    let received = acme.received();
    assert!(received.iter().all(|request| is_signed_as_hubspot_does(&acme, request)));
    let bodies = received.iter().flat_map(|request| {
        let events: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
        events.into_iter().map(|event| event["objectId"].as_u64().unwrap())
    });
    assert_eq!(bodies.collect::<BTreeSet<_>>(), (1..=5).collect());
    rig.finish().await;
}

/// The first time 3 fails for now, and 4 for good: by their places.
fn some_fail(acme: &[Received]) -> Answer {
    let (now, before) = acme.split_last().unwrap();
    let is_new = |record: u64| !before.iter().any(|request| records(request).contains(&record));
    let failures =
        records(now).into_iter().enumerate().filter_map(|(index, record)| match record {
            3 if is_new(3) => Some(json!({ "index": index, "status": 503 })),
            4 => Some(json!({ "index": index, "status": 422, "message": "no such deal" })),
            _ => None,
        });
    Answer(207, None, json!({ "failures": failures.collect::<Vec<_>>() }).to_string())
}

async fn of_a_batch_only_what_failed_is_tried_again_or_given_up(engine: Engine) {
    let acme = Endpoint::judging(some_fail);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 6, wait = "300ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=6).await;
    let worker = worker(&rig);
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "DESTINATION_422"));
    assert_eq!(death.error, "acme-crm answered 422: no such deal");
    assert_eq!(letter.event.hubspot().unwrap().object_id, Some(4));
    wait_for_verdicts(&worker, "succeeded", 5).await;
    let retried = retried(&worker).await;
    worker.stop().await;
    let mut expected = once(1..=6);
    expected.insert(3, 2);
    assert_eq!((counts(&acme.received()), retried), (expected, 1));
    rig.finish().await;
}

/// Nobody knows then which of them failed.
async fn failures_that_nobody_understands_or_has_read_are_no_success(engine: Engine) {
    let failed = r#""failures":[{"index":0,"status":503}]}"#;
    let nonsense = Answer(200, None, r#"{"failures":[{"index":99,"status":422}]}"#.to_owned());
    let long = Answer(200, None, format!(r#"{{"results":"{}",{failed}"#, "x".repeat(70_000)));
    let encoding = Some(("content-encoding", "gzip".to_owned()));
    let encoded = Answer(200, encoding, "\u{1f}nobody can read this".to_owned());
    let acme = Endpoint::start([nonsense, long, encoded]);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 2, wait = "1ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish(&deal(1)).await;
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "retried", 3).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let received = acme.received();
    assert_eq!(counts(&received), [(1, 4)].into());
    let names = received.iter().map(|received| received.header("webhook-id"));
    assert_eq!(names.collect::<BTreeSet<_>>().len(), 1);
    rig.finish().await;
}

/// As an API does that checks all before it does anything.
async fn one_bad_event_is_given_up_alone(engine: Engine) {
    let acme = Endpoint::judging(|received| {
        let is_bad = records(received.last().unwrap()).contains(&7);
        if is_bad { Answer(400, None, "deal 7 is not valid".to_owned()) } else { Answer::of(200) }
    });
    let file = File::of(&batches(&acme, "standard", r#"{ events = 30, wait = "500ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=30).await;
    let worker = worker(&rig);
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "DESTINATION_400"));
    assert_eq!(death.error, "acme-crm answered 400: deal 7 is not valid");
    assert_eq!(letter.event.hubspot().unwrap().object_id, Some(7));
    wait_for_verdicts(&worker, "succeeded", 29).await;
    let retried = retried(&worker).await;
    worker.stop().await;
    assert_eq!(retried, 0, "an attempt was spent");
    let received = acme.received();
    let (refused, taken): (Vec<_>, Vec<_>) =
        received.iter().partition(|request| records(request).contains(&7));
    assert_eq!(counts(taken), once((1..=30).filter(|id| *id != 7)));
    // Of thirty, of three, alone.
    assert!(refused.len() <= 3, "{} times", refused.len());
    assert_eq!(records(refused.last().unwrap()), [7]);
    rig.finish().await;
}

async fn two_tenants_events_are_never_in_one_request(engine: Engine) {
    let log = Endpoint::start([]);
    let url = log.url();
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        tenants.umbrella = {{ origin = "hubspot/62516" }}
        routes.all = {{ destination = "log" }}
        [destinations.log]
        url = "{url}"
        sign = "none"
        batch = {{ events = 50, wait = "500ms" }}
        "#
    ));
    let rig = rig_with(engine, &file, &[log.address]).await;
    for id in 1..=10 {
        rig.publish(&deal_of(62515 + id % 2, id)).await;
    }
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "succeeded", 10).await;
    worker.stop().await;
    let received = log.received();
    assert_eq!(counts(&received), once(1..=10));
    assert!(received.iter().all(is_of_one_parity));
    rig.finish().await;
}

async fn a_batch_that_asks_to_be_left_alone_spends_nobodys_attempt(engine: Engine) {
    let acme = Endpoint::start([Answer(429, Some(("retry-after", "1".to_owned())), String::new())]);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 5, wait = "200ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=5).await;
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "succeeded", 5).await;
    let retried = retried(&worker).await;
    worker.stop().await;
    assert_eq!(retried, 0);
    rig.finish().await;
}

/// Bulk work is for nobody who waits.
async fn live_events_do_not_gather_with_those_of_a_replay(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 50, wait = "500ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    for id in 1..=8 {
        let lane = if id % 2 == 0 { Lane::Bulk } else { Lane::Work };
        rig.publish_to(lane, fresh(&deal(id))).await;
    }
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "succeeded", 8).await;
    worker.stop().await;
    let received = acme.received();
    assert_eq!(counts(&received), once(1..=8));
    assert!(received.iter().all(is_of_one_parity));
    rig.finish().await;
}

async fn a_worker_that_stops_in_the_middle_loses_none(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&batches(&acme, "standard", r#"{ events = 7, wait = "100ms" }"#));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    rig.publish_all(1..=60).await;
    let first = worker(&rig);
    acme.wait(1).await;
    first.stop().await;
    let second = worker(&rig);
    let received = acme.wait_for("60 events", |received| counts(received).len() == 60).await;
    // Also what nobody asks for any more is settled.
    second.stop().await;
    assert_eq!(counts(&received), once(1..=60), "what was in hand was answered before the end");
    rig.finish_with_copies().await;
}

async fn a_worker_that_is_killed_in_the_middle_of_batches_loses_none(engine: Engine) {
    let acme = Endpoint::start([]);
    let batch = r#"{ events = 7, wait = "100ms" }"#;
    let file = File::of(&(batches(&acme, "standard", batch) + &*timeouts("2s").join("\n")));
    let rig = Rig::on(engine, &PATIENT).await;
    let (path, address) = (file.path().display().to_string(), acme.address.to_string());
    let secrets = file.directory().display().to_string();
    let flags = [
        PATIENT,
        ["--tenants-file", &path],
        ["--destination-allow", &address],
        ["--tenant-secrets-dir", &secrets],
        ["--api-timeout", "2s"],
        ["--handler-timeout", "8s"],
        ["--lease", "9s"],
    ]
    .concat();
    rig.publish_all(1..=80).await;
    let first = Child::start(&rig, "succeeds", &flags).await;
    acme.wait(3).await;
    first.kill().await;
    let second = Child::ready(&rig, "succeeds", &flags).await;
    let received = acme.wait_for("80 events", |received| counts(received).len() == 80).await;
    second.stop().await;
    assert!(received.iter().all(is_signed));
    rig.finish_with_copies().await;
}

on_every_engine! {
    events_go_out_several_at_a_time_each_once
    who_verifies_as_hubspots_endpoints_do_gets_what_hubspot_sends
    of_a_batch_only_what_failed_is_tried_again_or_given_up
    failures_that_nobody_understands_or_has_read_are_no_success
    one_bad_event_is_given_up_alone
    two_tenants_events_are_never_in_one_request
    a_batch_that_asks_to_be_left_alone_spends_nobodys_attempt
    live_events_do_not_gather_with_those_of_a_replay
    a_worker_that_stops_in_the_middle_loses_none
    a_worker_that_is_killed_in_the_middle_of_batches_loses_none
}
