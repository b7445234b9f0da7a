//! Migrations that are ended, well or badly, and taken up again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::broker::{Backlog, Lane, Route};
use shared::message::{DeathReason, Message};
use shared::retry::delay_name;
use shared::testing::{Proxy, amqp_url, redis_url};

use super::directory::Directory;
use super::program::{Ended, Program};
use super::{dead, later, messages};
use crate::harness::{Entries, Probe, Rig, deal, deal_of, fresh, noted, wait_for_ends, within};

/// Queues for 50 ms, 5 s and 500 s.
const RETRIES: [&str; 6] =
    ["--retry-initial", "50ms", "--retry-multiplier", "100", "--retry-max", "1h"];
/// A wait that outlasts the test.
const WAIT: Duration = Duration::from_secs(400);

/// A migration that is held up where Redis has entries of it by now, but does not say so.
struct HeldUp {
    program: Program,
    redis: Proxy,
    _rabbitmq: Proxy,
}

impl HeldUp {
    async fn new(rig: &Rig, directory: &Directory) -> Self {
        let rabbitmq = Proxy::start(&Proxy::server_of(&amqp_url())).await;
        let redis = Proxy::start(&Proxy::server_of(&redis_url())).await;
        let (amqp, url) = (rabbitmq.url(&amqp_url()), redis.url(&redis_url()));
        // It asks for RabbitMQ once Redis has answered.
        rabbitmq.cut();
        let flags = ["--to", &amqp, "--redis-url", &url, "--wait", "60s"];
        let program = Program::start(rig, directory, &flags);
        program.logged("broker connection failed").await;
        redis.mute_server();
        rabbitmq.restore();
        let entries = Entries::open(&redis_url(), &rig.prefix).await;
        let written = async {
            while entries.keys().await.is_empty() {
                // Nobody tells of it; this is the poll of a test, not a delay.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within("entries on Redis", written).await;
        Self { program, redis, _rabbitmq: rabbitmq }
    }
}

/// Messages ready in the lanes.
async fn ready(rig: &Rig) -> u32 {
    let mut ready = 0;
    for queue in ["work.0", "work.1", "bulk"] {
        ready += rig.queues.ready(queue).await;
    }
    ready
}

/// Waits until the lanes have `count` messages or more, or the program has ended.
async fn wait_for_ready(rig: &Rig, count: u32, program: &mut Program) {
    let waiting = async {
        while ready(rig).await < count && !program.has_ended() {
            tokio::task::yield_now().await;
        }
    };
    within("messages on the broker", waiting).await;
}

fn identities<'a>(messages: impl IntoIterator<Item = &'a Message>) -> BTreeSet<String> {
    messages.into_iter().map(|message| message.event.identity.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_several_points_it_loses_nothing_and_all_is_done_once() {
    let (rig, directory) = (Rig::with(&RETRIES).await, Directory::new());
    let work: Vec<_> = (1..=2500).map(|id| fresh(&deal_of(id % 5, id))).collect();
    let bulk: Vec<_> = (2501..=3000).map(|id| fresh(&deal(id))).collect();
    let waiting: Vec<_> = (3001..=3100).map(|id| fresh(&deal(id))).collect();
    let letters: Vec<_> = (3101..=3200).map(|id| dead(id, DeathReason::Exhausted)).collect();
    let done: Vec<_> = (4001..=5500).map(|id| fresh(&deal(id))).collect();
    let open = directory.open().await;
    open.publish(Route::Ready(Lane::Work), &work).await;
    open.publish(Route::Ready(Lane::Bulk), &bulk).await;
    open.publish(later(Lane::Work, WAIT), &waiting).await;
    open.publish(Route::Dead, &letters).await;
    open.complete(&done).await;
    open.close().await;

    // While the first entries are written.
    let held_up = HeldUp::new(&rig, &directory).await;
    assert!(held_up.program.kill().await.was_killed);
    // Somewhere in its first batches, and then further on.
    for more in [1, 600, 1200] {
        let count = ready(&rig).await + more;
        let mut program = Program::start(&rig, &directory, &[]);
        wait_for_ready(&rig, count, &mut program).await;
        program.kill().await;
    }
    // Cut off from the broker with a batch on its way, and then killed.
    let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
    let count = ready(&rig).await + 1;
    let mut program = Program::start(&rig, &directory, &["--to", &proxy.url(&amqp_url())]);
    wait_for_ready(&rig, count, &mut program).await;
    proxy.cut();
    program.kill().await;

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(directory.backlog().await, Backlog::default());
    let ladder = rig.settings.processing.retry.schedule().unwrap().ladder();
    let queue = format!("retry.{}", delay_name(ladder.hop(WAIT).delay));
    assert_eq!(identities(&messages(&rig, &queue).await), identities(&waiting));
    assert_eq!(identities(&messages(&rig, "dead").await), identities(&letters));

    let copies = u64::from(ready(&rig).await);
    assert!(copies >= 3000, "{copies}");
    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    rig.publish_all(4001..=4050).await;
    wait_for_ends(&[&worker], copies + 50).await;
    worker.stop().await;
    let mut counts = BTreeMap::<String, u32>::new();
    for run in probe.runs() {
        *counts.entry(run.identity).or_default() += 1;
    }
    let again: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(again.is_empty(), "run more than once: {again:?}");
    let run: BTreeSet<String> = counts.into_keys().collect();
    assert!(run == identities(work.iter().chain(&bulk)), "{} were run", run.len());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_says_how_to_go_on_and_does() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let sent: Vec<_> = (1..=20).map(|id| fresh(&deal(id))).collect();
    let open = directory.open().await;
    open.complete(&sent).await;
    open.publish(Route::Ready(Lane::Work), &sent).await;
    open.close().await;

    let held_up = HeldUp::new(&rig, &directory).await;
    held_up.program.interrupt().await;
    let ended: Ended = held_up.program.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let end = ended.stderr.lines().last().unwrap();
    assert!(end.starts_with("worker: interrupted; ") && end.contains("run it again"), "{end}");
    drop(held_up.redis);
    assert_eq!(directory.backlog().await.work, 20);

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("20 ledger entries written"), "{ended:?}");
    assert_eq!(messages(&rig, "work.0").await, sent);

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("nothing left to do"), "{ended:?}");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_while_it_waits_for_a_server_it_does_so_at_once() {
    let (mut rig, directory) = (Rig::new().await, Directory::new());
    let proxy = rig.through_proxy().await;
    proxy.cut();
    let open = directory.open().await;
    open.publish(Route::Ready(Lane::Work), &[fresh(&deal(1))]).await;
    open.close().await;
    let program = Program::start(&rig, &directory, &["--wait", "1h"]);
    program.logged("broker connection failed").await;
    program.interrupt().await;
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.ends_with("worker: interrupted; nothing was changed\n"), "{ended:?}");
    assert_eq!(directory.backlog().await.work, 1);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_in_time_is_waited_for() {
    let (mut rig, directory) = (Rig::new().await, Directory::new());
    let proxy = rig.through_proxy().await;
    proxy.cut();
    let open = directory.open().await;
    open.publish(Route::Ready(Lane::Work), &[fresh(&deal(1))]).await;
    open.close().await;
    let program = Program::start(&rig, &directory, &[]);
    program.logged("broker connection failed").await;
    proxy.restore();
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(messages(&rig, "work.0").await.len(), 1);
    rig.finish().await;
}
