//! Events that are forwarded to tenants' own destinations.

mod answers;
mod applied;
mod batches;
mod channel;
mod commands;
mod endpoint;
mod file;
mod isolation;
mod keeper;
mod order;
mod outages;
mod portal;
mod proxied;
mod python;
mod recipes;
mod record;
mod refusing;
mod rows;
mod secrets;
mod signed;
mod stored;
mod table;
mod trying;
mod waiting;
mod watching;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use shared::message::DeathReason;
use worker::parts::Worker;
use worker::settings::UnknownTenant;

use crate::harness::{
    Admin, Child, Engine, Rig, deal, deal_of, on_every_engine, wait_for_verdicts,
};
use endpoint::{Answer, Endpoint, Received};
use file::{File, SECRET};
use signed::{is_signed, is_signed_as_hubspot_does};

/// Nothing is given up while something is away, or slow.
const PATIENT: [&str; 2] = ["--retry-attempts", "12"];

/// The settings of workers with destinations that have 30 s for an answer.
const LONG_RUNS: [&str; 8] = [
    "--api-timeout",
    "40s",
    "--handler-timeout",
    "45s",
    "--lease",
    "60s",
    "--shutdown-grace",
    "60s",
];

/// A destination's keys, if it has so long for an answer. Where answers are held back that is to be more than
/// a test takes until all is as it should be.
fn timeouts(time: &str) -> [String; 3] {
    ["connect_timeout", "first_byte_timeout", "timeout"].map(|key| format!("{key} = \"{time}\""))
}

/// A rig whose workers take their tenants from this file, and may call these.
async fn rig_with(engine: Engine, file: &File, allowed: &[SocketAddr]) -> Rig {
    rig_of(engine, &[], file, allowed).await
}

/// The same with other settings.
async fn rig_of(engine: Engine, flags: &[&str], file: &File, allowed: &[SocketAddr]) -> Rig {
    let mut rig = Rig::on(engine, flags).await;
    take_tenants(&mut rig, file, allowed);
    rig
}

/// From here on the rig's workers take their tenants from this file, and may call these.
fn take_tenants(rig: &mut Rig, file: &File, allowed: &[SocketAddr]) {
    let tenants = &mut rig.settings.processing.tenants;
    tenants.tenants_file = Some(file.path());
    file.directory().clone_into(&mut tenants.tenant_secrets_dir);
    tenants.destination_allow = listed(allowed);
}

fn listed(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Two tenants, each with a destination and a route of its own.
fn two(acme: &Endpoint, umbrella: &Endpoint) -> String {
    let (acme, umbrella) = (acme.url(), umbrella.url());
    format!(
        r#"
        [tenants.acme]
        origin = "hubspot/62515"
        [destinations.acme-crm]
        tenant = "acme"
        url = "{acme}"
        secret = @secret
        headers = {{ X-Environment = "test" }}
        [routes.acme-deals]
        tenant = "acme"
        destination = "acme-crm"
        filter = {{ field = "subscriptionType", operator = "starts_with", value = "deal." }}

        [tenants.umbrella]
        origin = "hubspot/62516"
        [destinations.umbrella-crm]
        tenant = "umbrella"
        url = "{umbrella}"
        sign = "hubspot"
        secret = @secret
        [routes.umbrella-all]
        tenant = "umbrella"
        destination = "umbrella-crm"
        "#
    )
}

/// One tenant with one destination, in these states.
fn one(acme: &Endpoint, tenant: &str, destination: &str) -> String {
    let url = acme.url();
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", state = "{tenant}", rate = "600/s" }}
        routes.acme-deals = {{ tenant = "acme", destination = "acme-crm" }}
        [destinations.acme-crm]
        tenant = "acme"
        url = "{url}"
        secret = @secret
        state = "{destination}"
        "#
    )
}

fn worker(rig: &Rig) -> Worker {
    rig.worker(|_| {})
}

async fn an_event_goes_out_once_signed_and_to_its_own_tenants_destination(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&two(&acme, &umbrella));
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    let twice = rig.publish(&deal(1)).await;
    rig.publish(&deal_of(62516, 2)).await;
    rig.publish(&deal(3).replace("deal.creation", "contact.creation")).await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    rig.publish_to(shared::broker::Lane::Work, twice).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    wait_for_verdicts(&worker, "unwanted", 1).await;
    worker.stop().await;
    let [received] = &acme.received()[..] else { panic!("{:?}", acme.received()) };
    assert_eq!((&*received.method, &*received.uri), ("POST", "/hooks?of=acme"));
    assert_eq!(received.body, deal(1).as_bytes());
    assert!(is_signed(received), "{received:?}");
    assert_eq!(received.header("idempotency-key"), received.header("webhook-id"));
    assert!(received.header("webhook-id").ends_with("_acme-deals"), "{received:?}");
    assert_eq!(received.header("content-type"), "application/json");
    assert_eq!(received.header("x-environment"), "test");
    let [received] = &umbrella.received()[..] else { panic!("{:?}", umbrella.received()) };
    assert_eq!(received.body, format!("[{}]", deal_of(62516, 2)).as_bytes());
    assert!(is_signed_as_hubspot_does(&umbrella, received), "{received:?}");
    rig.finish().await;
}

async fn what_fails_is_tried_again_under_the_same_name_and_given_up_with_what_was_said(
    engine: Engine,
) {
    let fault = Answer(503, None, "the database is being moved".to_owned());
    let acme = Endpoint::start(vec![fault; 4]);
    let file = File::of(&one(&acme, "active", "active"));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    worker.stop().await;
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Exhausted, "DESTINATION_5XX"));
    assert_eq!(death.error, "acme-crm answered 503: the database is being moved");
    assert_eq!(letter.target.as_deref(), Some("route/acme/acme-deals"));
    let received = acme.received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(is_signed));
    assert_eq!(names(&received).len(), 1, "{received:?}");
    rig.finish().await;
}

async fn what_is_refused_is_given_up_at_once_and_a_redirect_is_not_followed(engine: Engine) {
    let elsewhere = Endpoint::start([]);
    let moved = Answer(302, Some(("location", elsewhere.url())), String::new());
    let acme = Endpoint::start([Answer::of(422), moved]);
    let file = File::of(&one(&acme, "active", "active"));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    let worker = worker(&rig);
    for (id, code) in [(1, "DESTINATION_422"), (2, "DESTINATION_302")] {
        rig.publish(&deal(id)).await;
        let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
        assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, code));
    }
    worker.stop().await;
    assert_eq!((acme.received().len(), elsewhere.received().len()), (2, 0));
    rig.finish().await;
}

async fn events_of_nobody_are_counted_and_kept_if_that_is_set(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&one(&acme, "active", "active"));
    let mut rig = rig_with(engine, &file, &[acme.address]).await;
    rig.settings.processing.tenants.unknown_tenant = UnknownTenant::DeadLetter;
    let worker = worker(&rig);
    rig.publish(&deal_of(99, 1)).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "TENANT_UNKNOWN"));
    assert_eq!(letter.target, None, "it is for whatever it turns out to be for");
    let admin = Admin::of(&worker);
    let counted = admin.sum("hubline_unknown_tenant_events_total", &[]).await;
    let listed = admin.get("unknown-tenants").await;
    assert!(listed.contains(r#"[{"origin":"hubspot/99","events":1,"#), "{listed}");
    worker.stop().await;
    assert_eq!((counted, acme.received().len()), (1, 0));
    rig.finish().await;
}

/// A message that names a route may be older than the file, or made by somebody who should not.
async fn nobody_gets_what_is_anothers_by_naming_its_route(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = File::of(&two(&acme, &umbrella));
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    let mut message = crate::harness::fresh(&deal_of(62516, 1));
    message.target = Some("route/acme/acme-deals".to_owned());
    rig.publish_to(shared::broker::Lane::Work, message).await;
    let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
    worker.stop().await;
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "TENANT_UNKNOWN"));
    assert_eq!((acme.received().len(), umbrella.received().len()), (0, 0));
    rig.finish().await;
}

fn names(received: &[Received]) -> BTreeSet<&str> {
    received.iter().map(|received| received.header("webhook-id")).collect()
}

async fn a_worker_that_is_killed_in_the_middle_loses_nothing_and_repeats_what_was_in_hand(
    engine: Engine,
) {
    let acme = Endpoint::start([]);
    let file = File::of(&(one(&acme, "active", "active") + &*timeouts("4s").join("\n")));
    let rig = Rig::on(engine, &PATIENT).await;
    let (path, address) = (file.path().display().to_string(), acme.address.to_string());
    let secrets = file.directory().display().to_string();
    let flags = [
        PATIENT,
        ["--tenants-file", &path],
        ["--destination-allow", &address],
        ["--tenant-secrets-dir", &secrets],
        ["--api-timeout", "4s"],
        ["--handler-timeout", "8s"],
        ["--lease", "9s"],
    ]
    .concat();
    rig.publish_all(1..=80).await;
    let first = Child::start(&rig, "succeeds", &flags).await;
    acme.wait(20).await;
    first.kill().await;
    let second = Child::ready(&rig, "succeeds", &flags).await;
    let received = acme.wait_for("80 events", |received| names(received).len() == 80).await;
    second.stop().await;
    // What the first had in hand, at the most: sent, and not known to have been answered.
    let repeated = received.len() - 80;
    assert!(repeated <= 20, "{repeated} of {} are repeated", received.len());
    assert!(received.iter().all(is_signed));
    rig.finish_with_copies().await;
}

/// Some answer with all that they were sent.
async fn an_answer_that_repeats_a_secret_is_shown_without_it(engine: Engine) {
    // Where the text is cut, the secret's beginning would be left of it.
    let said = format!("{}{SECRET}", "x".repeat(290));
    let acme = Endpoint::start([Answer(422, None, said)]);
    let headers = "headers = { X-Webhook-Secret = @secret }\n";
    let file = File::of(&(one(&acme, "active", "active") + headers));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
    worker.stop().await;
    assert_eq!(acme.received()[0].header("x-webhook-secret"), SECRET);
    assert!(death.error.contains("xxx[secret]"), "{}", death.error);
    assert!(!death.error.contains("whsec_"), "{}", death.error);
    rig.finish().await;
}

on_every_engine! {
    an_answer_that_repeats_a_secret_is_shown_without_it
    an_event_goes_out_once_signed_and_to_its_own_tenants_destination
    what_fails_is_tried_again_under_the_same_name_and_given_up_with_what_was_said
    what_is_refused_is_given_up_at_once_and_a_redirect_is_not_followed
    events_of_nobody_are_counted_and_kept_if_that_is_set
    nobody_gets_what_is_anothers_by_naming_its_route
    a_worker_that_is_killed_in_the_middle_loses_nothing_and_repeats_what_was_in_hand
}
