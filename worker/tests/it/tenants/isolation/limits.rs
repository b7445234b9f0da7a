//! Another's turn: what one tenant uses up, or what holds it, is not the others'.

use serde_json::Value;
use worker::parts::Worker;

use crate::harness::{
    Admin, Engine, deal, deal_of, on_every_engine, pause, wait_for_verdicts, within,
};
use crate::tenants::endpoint::{Answer, Endpoint};
use crate::tenants::file::File;
use crate::tenants::keeper::{Keeper, Mood};
use crate::tenants::{LONG_RUNS, PATIENT, rig_of, rig_with, timeouts, worker};

/// ACME with this much, and Umbrella, which waits for nobody.
fn two_with(acme: &str, acmes: &str, umbrella: &str) -> File {
    File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515", {acme} }}
        tenants.umbrella = {{ origin = "hubspot/62516", rate = "600/s" }}
        destinations.acme-crm = {{ tenant = "acme", url = "{acmes}", sign = "none" }}
        destinations.umbrella-crm = {{ tenant = "umbrella", url = "{umbrella}", sign = "none" }}
        routes.acme-all = {{ tenant = "acme", destination = "acme-crm" }}
        routes.umbrella-all = {{ tenant = "umbrella", destination = "umbrella-crm" }}
        "#
    ))
}

/// What is shown of ACME's limits and of Umbrella's, once ACME's are so: they are looked at every few seconds.
async fn seen(worker: &Worker, are_so: impl Fn(&[Value]) -> bool) -> [Vec<Value>; 2] {
    let admin = Admin::of(worker);
    let looking = async {
        loop {
            let seen: Vec<Value> = serde_json::from_str(&admin.get("limits").await).unwrap();
            let of = |name: &str| {
                let is_of = |seen: &&Value| seen["limit"].as_str().unwrap().contains(name);
                seen.iter().filter(is_of).cloned().collect::<Vec<_>>()
            };
            if are_so(&of("acme")) {
                return [of("acme"), of("umbrella")];
            }
            pause().await;
        }
    };
    within("what is seen of limits", looking).await
}

fn waiting(seen: &[Value]) -> u64 {
    seen.iter().map(|seen| seen["waiting_live"].as_u64().unwrap()).sum()
}

fn is_held(seen: &[Value]) -> bool {
    seen.iter().any(|seen| seen["held_ms"].as_u64().unwrap() > 0)
}

async fn a_rate_that_is_used_up_is_its_own_tenants(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = two_with("rate = \"1/h\"", &acme.url(), &umbrella.url());
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    for id in 1..=3 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "limited", 2).await;
    for id in 1..=5 {
        rig.publish(&deal_of(62516, id)).await;
    }
    umbrella.wait(5).await;
    wait_for_verdicts(&worker, "succeeded", 6).await;
    let [_, umbrellas] = seen(&worker, |acmes| waiting(acmes) == 2).await;
    worker.stop().await;
    assert_eq!(waiting(&umbrellas), 0, "{umbrellas:?}");
    assert_eq!((acme.received().len(), umbrella.received().len()), (1, 5));
    // What waits is there, and nobody gives it up.
    assert_eq!((rig.queues.waiting().await, rig.queues.ready("dead").await), (2, 0));
    rig.queues.end().await;
}

/// What waits for the tenant's rate takes nothing of what the destination gives.
async fn who_waits_for_its_tenants_rate_asks_nowhere_else(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let file = two_with("rate = \"1/h\"", &acme.url(), &umbrella.url());
    let text = std::fs::read_to_string(file.path()).unwrap();
    file.write(&text.replace("tenant = \"acme\", url", "tenant = \"acme\", rate = \"50/h\", url"));
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish(&deal(2)).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    for id in 3..=6 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "limited", 5).await;
    let [acmes, _] = seen(&worker, |acmes| waiting(acmes) == 5).await;
    worker.stop().await;
    let is_asked =
        |seen: &&Value| seen["limit"] == "destination/acme-crm" && seen["of"] == "requests";
    let used = acmes.iter().find(is_asked).unwrap()["used"].as_u64();
    // The first, and the one that found it out.
    assert_eq!(used, Some(2), "{acmes:?}");
    rig.queues.end().await;
}

async fn requests_that_hang_take_their_own_tenants_places(engine: Engine) {
    let (acme, umbrella) = (Keeper::start(Mood::Holds).await, Keeper::start(Mood::Answers).await);
    let file = two_with("concurrency = 1", &acme.url(), &umbrella.url());
    let text = std::fs::read_to_string(file.path()).unwrap();
    let unhurried = format!("tenant = \"acme\", {}, url", timeouts("30s").join(", "));
    file.write(&text.replace("tenant = \"acme\", url", &unhurried));
    let rig = rig_of(engine, &LONG_RUNS, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    for id in 1..=4 {
        rig.publish(&deal(id)).await;
    }
    acme.wait_held(1).await;
    wait_for_verdicts(&worker, "limited", 3).await;
    for id in 1..=5 {
        rig.publish(&deal_of(62516, id)).await;
    }
    umbrella.wait_answered(5).await;
    assert_eq!(acme.read(), 1);
    acme.turn(Mood::Answers).await;
    wait_for_verdicts(&worker, "succeeded", 9).await;
    worker.stop().await;
    acme.has_each_once(1..=4);
    umbrella.has_each_once(1..=5);
    rig.finish().await;
}

async fn who_is_held_is_held_alone(engine: Engine) {
    let wait = Answer(429, Some(("retry-after", "3600".to_owned())), String::new());
    let (acme, umbrella) = (Endpoint::start([wait]), Endpoint::start([]));
    let file = two_with("rate = \"600/s\"", &acme.url(), &umbrella.url());
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "limited", 1).await;
    rig.publish(&deal(2)).await;
    wait_for_verdicts(&worker, "limited", 2).await;
    for id in 1..=3 {
        rig.publish(&deal_of(62516, id)).await;
    }
    umbrella.wait(3).await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    let [acmes, umbrellas] = seen(&worker, |acmes| is_held(acmes) && waiting(acmes) == 2).await;
    worker.stop().await;
    assert!(acmes.iter().any(|seen| seen["oldest_ms"].as_u64().unwrap() > 0), "{acmes:?}");
    assert!(!is_held(&umbrellas) && waiting(&umbrellas) == 0, "{umbrellas:?}");
    assert_eq!((acme.received().len(), umbrella.received().len()), (1, 3));
    rig.queues.end().await;
}

/// By its circuit breaker: what fails there is no sign of the other.
async fn a_destination_that_is_down_is_down_alone(engine: Engine) {
    let (acme, umbrella) = (Keeper::start(Mood::Down).await, Keeper::start(Mood::Answers).await);
    let file = two_with("rate = \"600/s\"", &acme.url(), &umbrella.url());
    let rig = rig_of(engine, &PATIENT, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    rig.publish_all(1..=15).await;
    // Enough have failed: nobody calls it for some seconds.
    wait_for_verdicts(&worker, "limited", 1).await;
    for id in 1..=10 {
        rig.publish(&deal_of(62516, id)).await;
    }
    umbrella.wait_answered(10).await;
    let is_shut = |seen: &[Value]| seen.iter().any(|seen| seen["breaker"] == "open");
    let [_, umbrellas] = seen(&worker, is_shut).await;
    assert!(!is_shut(&umbrellas), "{umbrellas:?}");
    acme.turn(Mood::Answers).await;
    wait_for_verdicts(&worker, "succeeded", 25).await;
    worker.stop().await;
    acme.has_each_once(1..=15);
    umbrella.has_each_once(1..=10);
    rig.finish().await;
}

/// What cannot be sent now is not counted as sent: else it would use up the rate of what can.
async fn who_is_turned_away_uses_up_no_rate(engine: Engine) {
    let (acme, umbrella) = (Keeper::start(Mood::Down).await, Keeper::start(Mood::Answers).await);
    let file = two_with("rate = \"100/h\"", &acme.url(), &umbrella.url());
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    for id in 1..=15 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "limited", 1).await;
    for id in 101..=140 {
        rig.publish(&deal(id)).await;
    }
    wait_for_verdicts(&worker, "limited", 41).await;
    let is_counted = |seen: &&Value| seen["limit"] == "tenant/acme" && seen["of"] == "requests";
    let used =
        |acmes: &[Value]| acmes.iter().find(is_counted).map(|it| it["used"].as_u64().unwrap());
    // What is seen is as old as the last look: those who came first are in it.
    let [acmes, _] = seen(&worker, |acmes| used(acmes) >= Some(10) && waiting(acmes) >= 40).await;
    worker.stop().await;
    // The first, who found that it is down, and whoever probes.
    assert!(used(&acmes) < Some(40), "{acmes:?}");
    rig.queues.end().await;
}

on_every_engine! {
    who_is_turned_away_uses_up_no_rate
    a_rate_that_is_used_up_is_its_own_tenants
    who_waits_for_its_tenants_rate_asks_nowhere_else
    requests_that_hang_take_their_own_tenants_places
    who_is_held_is_held_alone
    a_destination_that_is_down_is_down_alone
}
