//! Dead letters: coming in through RabbitMQ, and what people ask of them.

use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use shared::broker::{Publication, PublisherOptions, Route};
use shared::message::{Death, DeathReason, Message};
use shared::metrics::BrokerMetrics;
use shared::senders::Sender;
use shared::testing::Place;
use shared::trace::Tracer;
use worker::parts::records::dead_letters::{DeadLetters, Filter, Grouping, State, drain};
use worker::parts::records::jobs::{Action, Runner, Scope, Wish};

use super::{PATIENCE, Setting, per_second, slowest};

/// Letters that wait in the queue at once.
const ROUND: u64 = 50_000;

pub(crate) async fn measure(count: u64) {
    println!("# {count} dead letters");
    let setting = Setting::new().await;
    let letters = DeadLetters::new(setting.records.clone());
    index(&setting.queues, &letters, count, letter).await;
    ask(&letters).await;
    drop(letters);
    setting.end().await;
}

pub(crate) async fn index(
    queues: &Place,
    dead_letters: &DeadLetters,
    letters: u64,
    letter: fn(u64) -> Message,
) {
    let broker = queues.broker();
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let options = PublisherOptions { name: "bench".to_owned(), watch_depth: None };
    let publisher = broker.publisher(options, metrics).unwrap();
    publisher.ready().await;
    let mut indexing = Duration::ZERO;
    for first in (0..letters).step_by(usize::try_from(ROUND).unwrap()) {
        let round = first..(first + ROUND).min(letters);
        for start in round.clone().step_by(500) {
            let batch = (start..(start + 500).min(round.end))
                .map(|id| Publication { route: Route::Dead, message: letter(id) });
            let deadline = tokio::time::Instant::now() + PATIENCE;
            publisher.publish(batch.collect(), deadline).await.unwrap();
        }
        let started = Instant::now();
        let drained = drain(dead_letters, &broker, PATIENCE).await.unwrap();
        let took = started.elapsed();
        assert_eq!((drained.complete, drained.indexed.new), (true, round.end - round.start));
        indexing += took;
        println!(
            "{:>9} letters there, the last {} at {:.0} a second",
            round.end,
            round.end - round.start,
            per_second(round.end - round.start, took)
        );
    }
    println!("indexed in all at {:.0} a second", per_second(letters, indexing));
}

/// The questions of people.
async fn ask(letters: &DeadLetters) {
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let newest = letters.list(&dead, None, 1).await.unwrap().letters.remove(0);
    let filters = [
        ("list", dead.clone()),
        ("list, problem", Filter { fingerprint: Some(newest.fingerprint.clone()), ..dead.clone() }),
        ("list, code", Filter { code: Some(newest.code.clone()), ..dead.clone() }),
        ("list, origin", Filter { origin: Some(newest.origin.clone()), ..dead.clone() }),
        ("list, object", Filter { object_id: newest.object_id, ..dead.clone() }),
        ("list, target", Filter { target: Some(newest.target.clone()), ..dead.clone() }),
        (
            "list, type",
            Filter { subscription_type: Some(newest.subscription_type.clone()), ..dead.clone() },
        ),
        ("list, reason", Filter { reason: Some(newest.reason.clone()), ..dead.clone() }),
        ("list, reason, none", Filter { reason: Some("crashed".to_owned()), ..dead.clone() }),
        ("list, died until", Filter { until_ms: Some(newest.died_ms), ..dead.clone() }),
        ("list, died until, none", Filter { until_ms: Some(1), ..dead.clone() }),
        ("list, nothing", Filter { code: Some("NONE".to_owned()), ..dead.clone() }),
    ];
    for (name, filter) in &filters {
        slowest(name, async || drop(letters.list(filter, None, 50).await.unwrap())).await;
        let name = name.replacen("list", "count", 1);
        slowest(&name, async || _ = letters.count_some(filter).await.unwrap()).await;
    }
    let middle = Some(newest.id / 2);
    slowest("list, from the middle", async || {
        drop(letters.list(&dead, middle, 50).await.unwrap());
    })
    .await;
    for (name, by) in [
        ("groups", Grouping::Fingerprint),
        ("groups by code", Grouping::Code),
        ("groups by target", Grouping::Target),
        ("groups by origin", Grouping::Origin),
    ] {
        slowest(name, async || drop(letters.some_groups(by, false, 0, 100).await.unwrap())).await;
    }
    slowest("show", async || drop(letters.show(newest.id / 2).await.unwrap())).await;
    let jobs = letters.jobs();
    let discard = |filter: &Filter| Scope::letters(Action::Discard, filter.clone());
    slowest("plan, all", async || {
        jobs.plan(&discard(&Filter::default()), i64::MAX).await.unwrap();
    })
    .await;
    slowest("plan, problem", async || {
        jobs.plan(&discard(&filters[1].1), i64::MAX).await.unwrap();
    })
    .await;
    let started = Instant::now();
    let (scope, who) = (discard(&filters[1].1), "bench".to_owned());
    let wish = Wish { scope, cutoff_ms: i64::MAX, rate: 0, who };
    let mut job = jobs.create(&wish).await.unwrap().unwrap();
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let runner = Runner::start(jobs.clone(), None, Some(job.id), metrics, &Tracer::default());
    while !job.state.is_over() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        job = jobs.get(job.id).await.unwrap().unwrap();
    }
    println!("discard a problem: {} letters, {:?}", job.succeeded, started.elapsed());
    runner.close().await;
}

/// One of 200 problems, of one of 500 origins.
pub(crate) fn letter(id: u64) -> Message {
    let portal_id = 1000 + id % 500;
    let body = format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":{portal_id},"appId":54321,"occurredAt":1790000000000,"subscriptionType":"deal.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
    );
    let event = Sender::HubSpot.identify(&body.into()).unwrap();
    let word = (b'a' + u8::try_from(id % 20).unwrap()) as char;
    let error = format!("ERP answered 422: order {id} has a bad field {word}");
    let code = format!("ERP_{}", 400 + id % 10);
    let now_ms = shared::clock::now_ms();
    let death = Death::new(DeathReason::Exhausted, &code, &error, now_ms);
    let target = Some(format!("handler_{}", id % 7));
    Message { attempt: 10, target, ..Message::fresh(event, now_ms) }.dead(death)
}
