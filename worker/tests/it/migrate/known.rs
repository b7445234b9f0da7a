//! What the ledger of the file knew is known on Redis.

use deadpool_redis::redis::AsyncTypedCommands as _;
use shared::broker::{Lane, Route};
use shared::testing::redis_url;
use worker::parts::ledger::Release;

use super::directory::Directory;
use super::program::Program;
use crate::harness::{Entries, Gate, Probe, Rig, TARGET, deal, fresh, probed, wait_for_verdicts};

/// Handlers are held up by the test, not by these.
const PATIENT: [&str; 4] = ["--handler-timeout", "30s", "--lease", "40s"];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_not_done_again_and_what_was_begun_goes_on() {
    let (rig, directory) = (Rig::with(&PATIENT).await, Directory::new());
    let [done, stepped, retried, begun] = [1, 2, 3, 4].map(|id| fresh(&deal(id)));
    let open = directory.open().await;
    open.complete(std::slice::from_ref(&done)).await;
    let lease = open.claim(&stepped.event.identity).await;
    assert!(open.ledger().remember(&lease, "order", "42").await);
    assert!(open.ledger().release(&lease, Release::Next(1)).await);
    open.publish(Route::Ready(Lane::Work), &[stepped.next_attempt(Some(TARGET))]).await;
    let lease = open.claim(&retried.event.identity).await;
    assert!(open.ledger().release(&lease, Release::Next(2)).await);
    // As when the process died: its lease had half an hour to go.
    open.claim(&begun.event.identity).await;
    open.publish(Route::Ready(Lane::Work), std::slice::from_ref(&begun)).await;
    open.close().await;

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("4 ledger entries written, 0 there"), "{ended:?}");
    let entries = Entries::open(&redis_url(), &rig.prefix).await;
    for (key, left_ms) in entries.keys().await {
        // The retention of the file's ledger, of which some time is gone, to the next full 1024th of it.
        assert!(
            left_ms.is_some_and(|left_ms| (1..3_603_600).contains(&left_ms)),
            "{key} {left_ms:?}"
        );
    }

    let (probe, ordered, gate) = (Probe::new(), Probe::new(), Gate::new());
    let (runs, orders, hold) = (probe.clone(), ordered.clone(), gate.clone());
    let worker = rig.worker(|registry| {
        probed(registry, move |cx, event| {
            let (runs, orders, hold) = (runs.clone(), orders.clone(), hold.clone());
            async move {
                runs.note(&cx, &event);
                if event.object_id == Some(4) {
                    hold.pass().await;
                    return Ok(());
                }
                let order = async {
                    orders.note(&cx, &event);
                    Ok(0)
                };
                assert_eq!(cx.step("order", order).await?, 42, "the step's first result");
                Ok(())
            }
        });
    });
    entries.wait_for(&begun.event.identity, "a", "1").await;
    gate.open();
    wait_for_verdicts(&worker, "succeeded", 2).await;
    // HubSpot comes again with what it had no answer for.
    rig.publish(&deal(1)).await;
    rig.publish(&deal(3)).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    wait_for_verdicts(&worker, "stale", 1).await;
    worker.stop().await;
    let mut runs: Vec<_> = probe.runs().iter().map(|run| (run.object_id, run.attempt)).collect();
    runs.sort_unstable();
    assert_eq!(runs, [(2, 1), (4, 0)]);
    assert!(ordered.runs().is_empty());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_redis_has_already_is_left_alone() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let [ahead, behind] = [1, 2].map(|id| fresh(&deal(id)).event.identity);
    let open = directory.open().await;
    for identity in [&ahead, &behind] {
        let lease = open.claim(identity).await;
        assert!(open.ledger().remember(&lease, "order", "42").await);
        assert!(open.ledger().release(&lease, Release::Next(1)).await);
    }
    open.close().await;
    let key = |identity| format!("{}:run:{{{identity}}}:{TARGET}:0", rig.prefix);
    let entries = Entries::open(&redis_url(), &rig.prefix).await;
    let mut redis = entries.redis.clone();
    // A worker has done this one by now.
    redis.set_ex(key(&ahead), "2C:ab", 600).await.unwrap();
    // Left over from an entry that Redis has forgotten.
    let leftover = format!("{}:steps", key(&behind));
    redis.hset(&leftover, "slack", "7").await.unwrap();

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("1 ledger entry written, 1 there"), "{ended:?}");
    assert_eq!(redis.get(key(&ahead)).await.unwrap().unwrap(), "2C:ab");
    let kept = entries.keys().await.into_iter().find(|(name, _)| *name == key(&ahead));
    assert!(kept.unwrap().1.is_some_and(|left_ms| left_ms <= 600_000));
    assert!(!redis.exists(format!("{}:steps", key(&ahead))).await.unwrap());
    let entry = entries.of(&behind).await;
    let part = |name: &str| entry.get(name).map(String::as_str);
    assert_eq!([part("s"), part("l"), part("step:order")], [Some("R"), Some("1"), Some("42")]);
    assert_eq!(part("step:slack"), None);

    let again = Program::run(&rig, &directory, &[]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains("nothing left to do"), "{again:?}");
    assert_eq!(entries.of(&behind).await, entry);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_has_expired_is_not_brought_back() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    open.complete(&[fresh(&deal(1)), fresh(&deal(2))]).await;
    open.execute("UPDATE claim SET expires_ms = 1 WHERE key = (SELECT min(key) FROM claim)").await;
    open.close().await;
    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(Entries::open(&redis_url(), &rig.prefix).await.keys().await.len(), 1);
    rig.finish().await;
}
