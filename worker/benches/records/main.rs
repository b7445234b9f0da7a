//! How fast dead letters come into PostgreSQL, and how long lists, groups and one letter take when
//! there are many: `cargo bench -p worker --bench records -- [LETTERS]`, with `scripts/services env`
//! in the environment.

#![allow(clippy::unwrap_used, reason = "a measurement stops at what it did not expect")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use shared::broker::{Publication, PublisherOptions, Route};
use shared::event::Event;
use shared::message::{Death, DeathReason, Message};
use shared::metrics::BrokerMetrics;
use shared::settings::BrokerSettings;
use shared::testing::{DatabaseEngine, Engine, Place, TestDatabase, amqp_url, prefix};
use worker::records::Records;
use worker::records::dead_letters::{DeadLetters, Filter, Grouping, State, drain};

/// Letters that wait in the queue at once.
const ROUND: u64 = 50_000;
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() {
    let wanted = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let letters = wanted.unwrap_or(200_000);
    let settings = BrokerSettings {
        amqp_url: SecretString::from(amqp_url()),
        amqp_url_file: None,
        prefix: prefix(),
        work_shards: 1,
    };
    let queues = Place::new(Engine::Cluster, &settings, None).await;
    let database = TestDatabase::new(DatabaseEngine::Postgres).await;
    let records = Records::new(&SecretString::from(database.url())).unwrap();
    let dead_letters = DeadLetters::new(records);
    index(&queues, &dead_letters, letters).await;
    ask(&dead_letters).await;
    drop(dead_letters);
    queues.end().await;
    database.end().await;
}

async fn index(queues: &Place, dead_letters: &DeadLetters, letters: u64) {
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

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The questions of people, each asked a few times: the slowest answer counts.
async fn ask(letters: &DeadLetters) {
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let newest = letters.list(&dead, None, 1).await.unwrap().letters.remove(0);
    let filters = [
        ("list", dead.clone()),
        ("list, problem", Filter { fingerprint: Some(newest.fingerprint.clone()), ..dead.clone() }),
        ("list, code", Filter { code: Some(newest.code.clone()), ..dead.clone() }),
        ("list, portal", Filter { portal_id: Some(newest.portal_id), ..dead.clone() }),
        ("list, object", Filter { object_id: newest.object_id, ..dead.clone() }),
        ("list, target", Filter { target: Some(newest.target.clone()), ..dead.clone() }),
        ("list, nothing", Filter { code: Some("NONE".to_owned()), ..dead.clone() }),
    ];
    for (name, filter) in &filters {
        measure(name, async || drop(letters.list(filter, None, 50).await.unwrap())).await;
    }
    let middle = Some(newest.id / 2);
    measure("list, from the middle", async || {
        drop(letters.list(&dead, middle, 50).await.unwrap());
    })
    .await;
    for (name, by) in [
        ("groups", Grouping::Fingerprint),
        ("groups by code", Grouping::Code),
        ("groups by portal", Grouping::Portal),
    ] {
        measure(name, async || drop(letters.groups(by, false).await.unwrap())).await;
    }
    measure("show", async || drop(letters.show(newest.id / 2).await.unwrap())).await;
    measure("plan, all", async || {
        letters.plan(&Filter::default(), State::Dead, i64::MAX).await.unwrap();
    })
    .await;
    measure("plan, problem", async || {
        letters.plan(&filters[1].1, State::Dead, i64::MAX).await.unwrap();
    })
    .await;
    let started = Instant::now();
    let moved = letters.discard(&filters[1].1, i64::MAX, "bench").await.unwrap();
    println!("discard a problem: {moved} letters, {:?}", started.elapsed());
}

async fn measure(name: &str, question: impl AsyncFn()) {
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        let started = Instant::now();
        question().await;
        slowest = slowest.max(started.elapsed());
    }
    println!("{name:<24} {:>8.1} ms", slowest.as_secs_f64() * 1000.0);
}

/// One of 200 problems, in one of 500 portals.
fn letter(id: u64) -> Message {
    let portal_id = 1000 + id % 500;
    let body = format!(
        r#"{{"eventId":{id},"subscriptionId":7,"portalId":{portal_id},"appId":54321,"occurredAt":1790000000000,"subscriptionType":"deal.creation","attemptNumber":0,"objectId":{id},"changeFlag":"CREATED","changeSource":"CRM_UI"}}"#
    );
    let event = Event::parse(body.as_bytes()).unwrap();
    let word = (b'a' + u8::try_from(id % 20).unwrap()) as char;
    let error = format!("ERP answered 422: order {id} has a bad field {word}");
    let code = format!("ERP_{}", 400 + id % 10);
    let now_ms = shared::clock::now_ms();
    Message {
        body: Bytes::from(body),
        identity: event.identity,
        subscription_type: event.subscription_type,
        portal_id,
        attempt: 10,
        target: Some(format!("handler_{}", id % 7)),
        received_ms: now_ms,
        generation: 0,
        traceparent: None,
        job: None,
        death: Some(Death::new(DeathReason::Exhausted, &code, &error, now_ms)),
    }
}
