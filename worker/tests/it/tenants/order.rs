//! Routes on which a record's events go one after the other.

use shared::broker::{Lane, Publication, Route};
use shared::message::DeathReason;
use tokio::time::Instant;

use super::endpoint::{Answer, Endpoint, Received};
use super::file::File;
use super::{LONG_RUNS, names, rig_of, rig_with, timeouts, worker};
use crate::harness::{
    Admin, Child, Engine, PATIENCE, Rig, fresh, on_every_engine, wait_for_verdicts,
};

const WAITS: [&str; 1] = ["turn=\"wait\""];
/// So that what fails is tried again for as long as a test takes.
const PATIENT: [&str; 2] = ["--retry-attempts", "100"];

/// A tenant with a route that keeps the order of records, with these keys too.
fn ordered(acme: &Endpoint, keys: &str) -> String {
    let url = acme.url();
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", rate = "600/s" }}
        [destinations.acme-crm]
        tenant = "acme"
        url = "{url}"
        secret = @secret
        [routes.acme-all]
        tenant = "acme"
        destination = "acme-crm"
        order = "object"
        {keys}
        "#
    )
}

/// The same with a destination that has so long for an answer.
fn timed(acme: &Endpoint, keys: &str, time: &str) -> String {
    let secret = "secret = @secret\n";
    let limits = timeouts(time).join("\n");
    ordered(acme, keys).replace(secret, &format!("{secret}{limits}\n"))
}

/// A change of this deal at that moment.
fn change(deal: u64, at: u64) -> String {
    let (event, at_ms) = (deal * 1000 + at, 1_790_000_000_000 + at);
    format!(
        r#"{{"eventId":{event},"portalId":62515,"occurredAt":{at_ms},"subscriptionType":"deal.propertyChange","objectId":{deal},"propertyName":"amount","propertyValue":"{at}","changeSource":"CRM_UI"}}"#
    )
}

async fn publish_all(rig: &Rig, events: &[(u64, u64)]) {
    let publication = |(deal, at): &(u64, u64)| Publication {
        route: Route::Ready(Lane::Work),
        message: fresh(&change(*deal, *at)),
    };
    let publications = events.iter().map(publication).collect();
    rig.publisher.publish(publications, Instant::now() + PATIENCE).await.unwrap();
}

/// The moments of a deal's changes, as they were sent.
fn moments(received: &[Received], deal: u64) -> Vec<u64> {
    let parsed = received.iter().map(|received| {
        let event: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        (event["objectId"].as_u64().unwrap(), event["occurredAt"].as_u64().unwrap())
    });
    parsed.filter(|(of, _)| *of == deal).map(|(_, at_ms)| at_ms - 1_790_000_000_000).collect()
}

async fn a_records_events_go_one_after_the_other_and_those_of_others_beside_them(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&timed(&acme, "", "30s"));
    let rig = rig_of(engine, &LONG_RUNS, &file, &[acme.address]).await;
    acme.shut();
    publish_all(&rig, &[(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (4, 1)]).await;
    let worker = worker(&rig);
    acme.wait(4).await;
    Admin::of(&worker).wait_for("hubline_order_turns_total", &WAITS, 4).await;
    let received = acme.received();
    assert_eq!(moments(&received, 1).len(), 1, "two of one record at once");
    assert_eq!(received.len(), 4);
    acme.open();
    wait_for_verdicts(&worker, "succeeded", 6).await;
    worker.stop().await;
    let mut all = moments(&acme.received(), 1);
    all.sort_unstable();
    assert_eq!((acme.received().len(), all), (6, vec![1, 2, 3]));
    rig.finish().await;
}

/// The first that comes is told to wait once the others have come.
async fn of_those_that_have_come_the_oldest_goes_first(engine: Engine) {
    let wait = Answer(429, Some(("retry-after", "2".to_owned())), String::new());
    let acme = Endpoint::start([wait]);
    let file = File::of(&timed(&acme, "", "30s"));
    let rig = rig_of(engine, &LONG_RUNS, &file, &[acme.address]).await;
    acme.shut();
    publish_all(&rig, &[(1, 5), (1, 3), (1, 1), (1, 4), (1, 2)]).await;
    let worker = worker(&rig);
    // Each of them twice, or one more often: then those have the two seconds to come.
    Admin::of(&worker).wait_for("hubline_order_turns_total", &WAITS, 8).await;
    acme.open();
    wait_for_verdicts(&worker, "succeeded", 5).await;
    let retried =
        Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    worker.stop().await;
    let moments = moments(&acme.received(), 1);
    assert_eq!(moments.len(), 6, "{moments:?}");
    assert_eq!((&moments[1..], retried), (&[1, 2, 3, 4, 5][..], 0));
    rig.finish().await;
}

/// Whatever has held them, the oldest goes first.
async fn what_a_pause_has_held_goes_on_in_its_order(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&ordered(&acme, "state = \"paused\""));
    let rig = rig_with(engine, &file, &[acme.address]).await;
    publish_all(&rig, &[1, 2, 3, 4].map(|deal| (deal, 2))).await;
    publish_all(&rig, &[1, 2, 3, 4].map(|deal| (deal, 1))).await;
    let worker = worker(&rig);
    wait_for_verdicts(&worker, "limited", 8).await;
    assert!(acme.received().is_empty());
    file.write(&ordered(&acme, ""));
    wait_for_verdicts(&worker, "succeeded", 8).await;
    worker.stop().await;
    let received = acme.received();
    for deal in 1..=4 {
        assert_eq!(moments(&received, deal), [1, 2], "of deal {deal}");
    }
    rig.finish().await;
}

async fn one_that_fails_holds_its_record_for_a_while_and_then_the_others_go_on(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&ordered(&acme, "order_hold = \"3s\""));
    let rig = rig_of(engine, &PATIENT, &file, &[acme.address]).await;
    // A fault of this event's alone: the destination is not down.
    acme.refuse("\"eventId\":1001,", 425);
    let worker = worker(&rig);
    publish_all(&rig, &[(1, 1)]).await;
    acme.wait(1).await;
    publish_all(&rig, &[(1, 3), (1, 2), (2, 1), (3, 1)]).await;
    let others = |received: &Vec<Received>| moments(received, 1).contains(&3);
    let received = acme.wait_for("those behind it", others).await;
    let of_it = moments(&received, 1);
    let first = of_it.iter().position(|at| *at > 1).unwrap();
    assert!(first > 1 && of_it[..first].iter().all(|at| *at == 1), "{of_it:?}");
    acme.mend();
    wait_for_verdicts(&worker, "succeeded", 5).await;
    worker.stop().await;
    let received = acme.received();
    assert_eq!(names(&received).len(), 5);
    assert_eq!((moments(&received, 2), moments(&received, 3)), (vec![1], vec![1]));
    rig.finish().await;
}

async fn one_that_fails_for_too_long_takes_those_behind_it_along_where_that_is_set(engine: Engine) {
    let acme = Endpoint::start([]);
    let keys = "order_hold = \"1s\"\nafter_failure = \"take-along\"";
    let file = File::of(&ordered(&acme, keys));
    let rig = rig_of(engine, &PATIENT, &file, &[acme.address]).await;
    acme.refuse("\"eventId\":1001,", 425);
    let worker = worker(&rig);
    publish_all(&rig, &[(1, 1)]).await;
    acme.wait(1).await;
    publish_all(&rig, &[(1, 2), (1, 3), (2, 1)]).await;
    for _ in 0..2 {
        let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
        assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "ORDER_BROKEN"));
    }
    acme.mend();
    wait_for_verdicts(&worker, "succeeded", 2).await;
    publish_all(&rig, &[(1, 4)]).await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    worker.stop().await;
    let received = acme.received();
    let mut of_it = moments(&received, 1);
    of_it.dedup();
    assert_eq!((of_it, moments(&received, 2)), (vec![1, 4], vec![1]));
    rig.finish().await;
}

async fn one_that_is_given_up_at_once_takes_along_who_has_come_or_nobody(engine: Engine) {
    for (keys, is_taken) in [("after_failure = \"take-along\"", true), ("", false)] {
        let acme = Endpoint::start([Answer::of(422)]);
        let file = File::of(&timed(&acme, keys, "30s"));
        let rig = rig_of(engine, &LONG_RUNS, &file, &[acme.address]).await;
        acme.shut();
        let worker = worker(&rig);
        publish_all(&rig, &[(1, 1)]).await;
        acme.wait(1).await;
        publish_all(&rig, &[(1, 2)]).await;
        Admin::of(&worker).wait_for("hubline_order_turns_total", &WAITS, 1).await;
        acme.open();
        let code = async || rig.queues.take("dead").await.message.unwrap().death.unwrap().code;
        assert_eq!(code().await, "DESTINATION_422");
        if is_taken {
            assert_eq!(code().await, "ORDER_BROKEN");
        } else {
            wait_for_verdicts(&worker, "succeeded", 1).await;
        }
        worker.stop().await;
        assert_eq!(acme.received().len(), if is_taken { 1 } else { 2 });
        rig.finish().await;
    }
}

async fn a_worker_that_is_killed_holds_no_record_and_loses_nothing(engine: Engine) {
    let acme = Endpoint::start([]);
    let file = File::of(&timed(&acme, "", "1s"));
    let rig = Rig::on(engine, &PATIENT).await;
    let (path, address) = (file.path().display().to_string(), acme.address.to_string());
    let secrets = file.directory().display().to_string();
    let flags = [
        PATIENT,
        ["--tenants-file", &path],
        ["--destination-allow", &address],
        ["--tenant-secrets-dir", &secrets],
        ["--api-timeout", "1s"],
        ["--handler-timeout", "3s"],
        ["--lease", "4s"],
    ]
    .concat();
    let events: Vec<(u64, u64)> =
        (1..=5).flat_map(|at| (1..=12).map(move |deal| (deal, at))).collect();
    publish_all(&rig, &events).await;
    let first = Child::start(&rig, "succeeds", &flags).await;
    acme.wait(15).await;
    first.kill().await;
    let second = Child::ready(&rig, "succeeds", &flags).await;
    acme.wait_for("60 events", |received| names(received).len() == 60).await;
    second.stop().await;
    rig.finish_with_copies().await;
}

on_every_engine! {
    a_records_events_go_one_after_the_other_and_those_of_others_beside_them
    of_those_that_have_come_the_oldest_goes_first
    what_a_pause_has_held_goes_on_in_its_order
    one_that_fails_holds_its_record_for_a_while_and_then_the_others_go_on
    one_that_fails_for_too_long_takes_those_behind_it_along_where_that_is_set
    one_that_is_given_up_at_once_takes_along_who_has_come_or_nobody
    a_worker_that_is_killed_holds_no_record_and_loses_nothing
}
