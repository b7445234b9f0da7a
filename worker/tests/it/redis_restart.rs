//! Redis dies under load and comes back.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::harness::{Admin, Gate, OwnRedis, Probe, Rig, noted, probed, wait_for_verdicts};

const UNANSWERED: (&str, [&str; 1]) = ("hubline_ledger_calls_total", ["result=\"unavailable\""]);

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_started_and_with_it_everything_is_done() {
    let mut redis = OwnRedis::start().await;
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let flags = [&patient[..], &["--redis-url", &redis.url, "--concurrency", "10"]].concat();
    let rig = Rig::with(&flags).await;
    let probe = Probe::new();
    // Enough to be under load when Redis dies, too few to be done with everything by then.
    let room = Arc::new(Semaphore::new(30));
    let (runs, rooms) = (probe.clone(), Arc::clone(&room));
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let room = Arc::clone(&rooms);
            async move {
                room.acquire().await.unwrap().forget();
                Ok(())
            }
        });
    });
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    rig.publish_all(1..=150).await;
    probe.wait(20).await;
    redis.kill();
    admin.wait_for_part("redis", "down").await;
    room.add_permits(150);
    let (metric, labels) = UNANSWERED;
    let before = admin.sum(metric, &labels).await;
    // All who were given a claim have started by the time every slot has asked in vain.
    admin.wait_for(metric, &labels, before + 20).await;
    let started = probe.runs().len();
    assert!(started < 150, "all was done before Redis died");
    admin.wait_for(metric, &labels, before + 50).await;
    assert_eq!(probe.runs().len(), started, "started without a claim");

    redis.up();
    admin.wait_for_part("redis", "up").await;
    wait_for_verdicts(&worker, "succeeded", 150).await;
    worker.stop().await;
    let mut ids: Vec<u64> = probe.runs().iter().map(|run| run.object_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=150).collect::<Vec<_>>(), "each done, each once");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_of_redis_without_any_event() {
    let mut redis = OwnRedis::start().await;
    let rig = Rig::with(&["--redis-url", &redis.url]).await;
    redis.kill();
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    let admin = Admin::of(&worker);
    admin.wait_for_part("redis", "down").await;
    redis.up();
    admin.wait_for_part("redis", "up").await;
    redis.kill();
    admin.wait_for_part("redis", "down").await;
    worker.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_without_redis_gives_everything_back() {
    let mut redis = OwnRedis::start().await;
    let rig = Rig::with(&["--redis-url", &redis.url, "--shutdown-grace", "50ms"]).await;
    let start = |probe: &Probe| rig.worker(|registry| noted(registry, probe));
    let (without, with) = (Probe::new(), Probe::new());
    redis.kill();
    let worker = start(&without);
    rig.publish_all(1..=5).await;
    let (metric, labels) = UNANSWERED;
    Admin::of(&worker).wait_for(metric, &labels, 5).await;
    worker.stop().await;

    redis.up();
    let worker = start(&with);
    wait_for_verdicts(&worker, "succeeded", 5).await;
    worker.stop().await;
    assert!(without.runs().is_empty());
    assert_eq!(with.runs().len(), 5);
    assert!(with.runs().iter().all(|run| run.attempt == 0));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_writes_is_down_until_it_does() {
    let redis = OwnRedis::start().await;
    let rig = Rig::with(&["--redis-url", &redis.url]).await;
    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    // Out of memory it still answers questions.
    redis.set("maxmemory", "1").await;
    admin.wait_for_part("redis", "down").await;
    assert!(admin.get("metrics").await.contains("\nhubline_ledger_up 0.0\n"));
    rig.publish_all(1..=3).await;
    let (metric, labels) = UNANSWERED;
    admin.wait_for(metric, &labels, 3).await;
    assert!(probe.runs().is_empty(), "started without a claim");
    redis.set("maxmemory", "0").await;
    admin.wait_for_part("redis", "up").await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    assert!(admin.get("metrics").await.contains("\nhubline_ledger_up 1.0\n"));
    worker.stop().await;
    rig.finish().await;
}

/// As after a failover to a replica that had not got them: whoever is at work writes them anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_while_redis_loses_everything_is_done_once() {
    let redis = OwnRedis::start().await;
    let patient = ["--handler-timeout", "30s", "--lease", "40s"];
    let rig = Rig::with(&[&patient[..], &["--redis-url", &redis.url]].concat()).await;
    let (probe, gate) = (Probe::new(), Gate::new());
    let (runs, hold) = (probe.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            runs.note(&cx, &event);
            let hold = hold.clone();
            async move {
                hold.pass().await;
                Ok(())
            }
        });
    });
    rig.publish_all(1..=5).await;
    probe.wait(5).await;
    redis.ask(&["FLUSHALL"]).await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 5).await;
    // HubSpot comes again.
    rig.publish_all(1..=5).await;
    wait_for_verdicts(&worker, "duplicate", 5).await;
    let forgotten = ["what=\"entry\""];
    assert_eq!(Admin::of(&worker).sum("hubline_ledger_forgotten_total", &forgotten).await, 5);
    worker.stop().await;
    assert_eq!(probe.runs().len(), 5);
    rig.finish().await;
}

/// The handler's time is up before Redis is back: what its step did is known to the next attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_done_without_redis_is_not_done_again() {
    let mut redis = OwnRedis::start().await;
    let hasty = ["--handler-timeout", "3s", "--lease", "40s"];
    let rig = Rig::with(&[&hasty[..], &["--redis-url", &redis.url]].concat()).await;
    let (probe, ordered, gate) = (Probe::new(), Probe::new(), Gate::new());
    let (runs, orders, hold) = (probe.clone(), ordered.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let before = runs.note(&cx, &event);
            let (orders, hold) = (orders.clone(), hold.clone());
            async move {
                if before == 0 {
                    hold.pass().await;
                }
                let order = async {
                    orders.note(&cx, &event);
                    Ok(before)
                };
                assert_eq!(cx.step("order", order).await?, 0, "the first result");
                Ok(())
            }
        });
    });
    rig.publish_all(1..=1).await;
    probe.wait(1).await;
    redis.kill();
    gate.open();
    ordered.wait(1).await;
    let admin = Admin::of(&worker);
    // Its time is up: this is the release that waits.
    admin.wait_for("hubline_handler_seconds_count", &[], 1).await;
    redis.up();
    wait_for_verdicts(&worker, "succeeded", 1).await;
    wait_for_verdicts(&worker, "retried", 1).await;
    worker.stop().await;
    assert_eq!((probe.runs().len(), ordered.runs().len()), (2, 1));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_became_a_replica_is_down_until_it_is_primary_again() {
    let redis = OwnRedis::start().await;
    let rig = Rig::with(&["--redis-url", &redis.url]).await;
    let probe = Probe::new();
    let worker = rig.worker(|registry| noted(registry, &probe));
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    // Of a primary that is not there, so that it keeps what it has.
    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    admin.wait_for_part("redis", "down").await;
    rig.publish_all(1..=3).await;
    let (metric, labels) = UNANSWERED;
    admin.wait_for(metric, &labels, 3).await;
    assert!(probe.runs().is_empty(), "started without a claim");
    redis.ask(&["REPLICAOF", "NO", "ONE"]).await;
    admin.wait_for_part("redis", "up").await;
    wait_for_verdicts(&worker, "succeeded", 3).await;
    worker.stop().await;
    rig.finish().await;
}
