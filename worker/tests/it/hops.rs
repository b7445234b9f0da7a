//! What comes by before its wait is over: it is sent on, and nothing else happens to it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use secrecy::SecretString;
use shared::event::{Event, Identity};
use shared::message::{Message, OfJob};
use shared::testing::{DatabaseEngine, Letter, TestDatabase};

use crate::harness::{
    Admin, Child, Entries, Probe, Rig, TARGET, deal, deal_of, fresh, noted, within,
};

const HOPS: &str = "hubline_delay_hops_total";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Where the test's schedule has a day wait.
const LONGEST: &str = "retry.6h";

/// As it is after three attempts, published by a job.
fn travelled(body: &str) -> Message {
    Message {
        attempt: 3,
        target: Some(TARGET.to_owned()),
        generation: 2,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        job: Some(OfJob { id: 12, attempt: 1 }),
        ..fresh(body)
    }
}

/// The same of bytes that are no event, though it was known as one.
fn unreadable() -> Message {
    let message = travelled(&deal(4));
    let Event { origin, topic, identity, .. } = message.event.clone();
    Message { event: Event::new(origin, topic, identity, b"17".as_slice().into()), ..message }
}

/// Waits until each of these is in its queue again or in the next one, with more to wait.
async fn assert_all_wait(rig: &Rig, sent: &BTreeSet<Identity>) {
    let mut found = BTreeSet::new();
    let gathering = async {
        while found.len() < sent.len() {
            for queue in ["work.0", LONGEST] {
                for letter in rig.queues.drain(queue).await {
                    assert!(!letter.rest.is_zero(), "{letter:?}");
                    found.insert(letter.message.unwrap().event.identity);
                }
            }
        }
    };
    within("every message", gathering).await;
    assert_eq!(found, *sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_to_wait_goes_on_as_it_is_in_its_lane_and_leaves_no_other_trace() {
    let mut rig = Rig::new().await;
    let database = TestDatabase::new(DatabaseEngine::Sqlite).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    assert_eq!(admin.sum(HOPS, &[]).await, 0);
    assert!(admin.get("metrics").await.contains(&format!("{HOPS}{{delay=\"6h\"}} 0")));
    // Portal 1 has the second of two shards.
    let sent = [
        ("work.0", "0", travelled(&deal(1)), DAY),
        ("work.1", "1", travelled(&deal_of(1, 2)), DAY * 30),
        ("bulk", "bulk", travelled(&deal(3)), DAY + Duration::from_millis(1)),
        // What cannot be read waits as well: that is found out when it is worked on.
        ("bulk", "bulk", unreadable(), DAY),
    ];
    for (queue, _, message, rest) in &sent {
        rig.queues.rabbitmq().put_back(queue, message, *rest).await;
    }
    admin.wait_for(HOPS, &["delay=\"6h\""], sent.len() as u64).await;
    for counter in
        ["hubline_deliveries_total", "hubline_retries_total", "hubline_dead_letters_total"]
    {
        assert_eq!(admin.sum(counter, &[]).await, 0, "{counter}");
    }
    let of_events = ["claim", "extend", "step", "complete", "release"];
    let of_events = of_events.map(|operation| format!("operation=\"{operation}\""));
    let of_events = of_events.each_ref().map(String::as_str);
    assert_eq!(admin.sum("hubline_ledger_calls_total", &of_events).await, 0);
    assert_eq!(admin.sum("hubline_delay_hops_total", &[]).await, sent.len() as u64);
    worker.stop().await;
    assert!(probe.runs().is_empty(), "{:?}", probe.runs());
    let redis = Entries::open(&shared::testing::redis_url(), &rig.prefix).await;
    for (_, _, message, _) in &sent {
        assert!(redis.of(&message.event.identity).await.is_empty());
    }
    assert_eq!(database.number("SELECT count(*) FROM event_log").await, 0);

    let letters = rig.queues.drain(LONGEST).await;
    assert_eq!(letters.len(), sent.len());
    for (_, key, message, rest) in &sent {
        let is_it = |letter: &&Letter| letter.message.as_ref() == Ok(message);
        let letter = letters.iter().find(is_it).unwrap_or_else(|| panic!("{message:?}"));
        assert_eq!((letter.routing_key.as_str(), letter.ttl.unwrap() + letter.rest), (*key, *rest));
    }
    rig.finish().await;
    database.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_two_stays_a_worker_loses_nothing() {
    const COUNT: u64 = 300;
    let rig = Rig::new().await;
    let mut sent = BTreeSet::new();
    for round in 0..3 {
        for id in round * COUNT..(round + 1) * COUNT {
            let message = travelled(&deal(id));
            rig.queues.rabbitmq().put_back("work.0", &message, DAY).await;
            sent.insert(message.event.identity);
        }
        let child = Child::start(&rig, "succeeds", &[]).await;
        // Wherever it is then: some have gone on, some have not, some have and are not acked.
        child.admin().await.wait_for(HOPS, &[], 20).await;
        child.kill().await;
    }
    assert_all_wait(&rig, &sent).await;
    rig.finish_with_copies().await;
}

/// No more than one message in `queue` until this is dropped: a second is refused.
struct Full(String);

impl Full {
    fn new(rig: &Rig, queue: &str) -> Self {
        let name = rig.queues.rabbitmq().name(queue);
        let pattern = format!("^{}$", name.replace('.', r"\."));
        let limit = [r#"{"max-length":1}"#, "--apply-to", "queues"];
        rabbitmqctl(&[&["set_policy", &name, &pattern], &limit[..]].concat());
        Self(name)
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        rabbitmqctl(&["clear_policy", &self.0]);
    }
}

fn rabbitmqctl(arguments: &[&str]) {
    let program = std::env::var("HUBLINE_TEST_RABBITMQCTL").unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || std::thread::panicking(), "{arguments:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_where_it_goes_is_not_acked_where_it_was() {
    let rig = Rig::new().await;
    let full = Full::new(&rig, LONGEST);
    // The limit is there once a worker that sends some on has one refused.
    let child = Child::start(&rig, "succeeds", &[]).await;
    let admin = child.admin().await;
    let mut sent = BTreeSet::new();
    let refused = async {
        for id in 0.. {
            let message = travelled(&deal(id));
            rig.queues.rabbitmq().put_back("work.0", &message, DAY).await;
            sent.insert(message.event.identity);
            if admin.sum("hubline_publishes_total", &["route=\"retry\",result=\"refused\""]).await
                > 0
            {
                return;
            }
        }
    };
    within("a refusal", refused).await;
    child.kill().await;
    drop(full);
    assert_all_wait(&rig, &sent).await;
    rig.finish_with_copies().await;
}
