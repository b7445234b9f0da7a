//! What is said, and left as it was, when nothing can be moved or nothing is to be.

use shared::broker::{Lane, Route};
use shared::message::DeathReason;
use shared::testing::{Proxy, amqp_url, redis_url};

use super::directory::Directory;
use super::program::Program;
use super::{MINUTE, dead, later, travelled};
use crate::harness::{Entries, Rig, deal, fresh};

/// Addresses with a password of servers that are away: every connection is cut.
struct Away {
    amqp: String,
    redis: String,
    _proxy: Proxy,
}

impl Away {
    async fn new() -> Self {
        let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
        proxy.cut();
        let url = |scheme, path| proxy.url(&format!("{scheme}://user:hunter2@host/{path}"));
        Self { amqp: url("amqp", "%2f"), redis: url("redis", "0"), _proxy: proxy }
    }
}

/// A directory with messages of each kind and entries done and begun.
async fn directory() -> Directory {
    let directory = Directory::new();
    let open = directory.open().await;
    let ready: Vec<_> = (1..=3).map(|id| fresh(&deal(id))).collect();
    open.publish(Route::Ready(Lane::Work), &ready).await;
    open.publish(Route::Ready(Lane::Bulk), &[travelled(4, 1), travelled(5, 1)]).await;
    open.publish(later(Lane::Work, MINUTE), &[travelled(6, 1)]).await;
    open.publish(Route::Dead, &[dead(7, DeathReason::Permanent)]).await;
    open.complete(&ready).await;
    let lease = open.claim(&travelled(4, 1).event.identity).await;
    assert!(open.ledger().remember(&lease, "order", "42").await);
    open.close().await;
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_neither_asks_nor_changes_anything() {
    let (rig, directory) = (Rig::new().await, directory().await);
    let before = directory.rows().await;
    let away = Away::new().await;
    let flags = ["--dry-run", "--to", &away.amqp, "--redis-url", &away.redis];
    let ended = Program::run(&rig, &directory, &flags).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let counts = "3 events to be worked on, 2 of the bulk lane, 1 waiting for a retry, \
        1 dead letter, 4 ledger entries";
    assert!(ended.stdout.contains(counts), "{ended:?}");
    assert_eq!(directory.rows().await, before);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_and_nothing_is_changed() {
    let (rig, directory) = (Rig::new().await, directory().await);
    let before = directory.rows().await;
    let away = Away::new().await;
    for (flag, url, name) in [
        ("--to", &away.amqp, "RabbitMQ at 127.0.0.1"),
        ("--redis-url", &away.redis, "Redis at 127.0.0.1"),
    ] {
        let ended = Program::run(&rig, &directory, &["--wait", "300ms", flag, url]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let end = ended.stderr.lines().last().unwrap();
        assert!(end.starts_with(&format!("worker: {name}")), "{end}");
        assert!(end.contains("300ms") && end.contains("nothing was changed"), "{end}");
        let said = ended.stdout + ended.stderr.as_str();
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(directory.rows().await, before);
    assert_eq!(Entries::open(&redis_url(), &rig.prefix).await.keys().await, []);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_in_use_is_refused() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("in use by another process"), "{ended:?}");
    open.close().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_a_data_file_is_refused_and_none_is_made() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    for _ in ["no directory", "an empty one"] {
        let ended = Program::run(&rig, &directory, &[]).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("there is no data file"), "{ended:?}");
        let made = std::fs::read_dir(directory.path()).map_or(0, Iterator::count);
        assert_eq!(made, 0);
        let _ = std::fs::create_dir(directory.path());
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_with_nothing_in_it_needs_no_server() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    directory.open().await.close().await;
    let away = Away::new().await;
    let flags = ["--to", &away.amqp, "--redis-url", &away.redis];
    let ended = Program::run(&rig, &directory, &flags).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("nothing to do"), "{ended:?}");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_flag_stands_above_that_of_the_setting() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    open.publish(Route::Ready(Lane::Work), &[fresh(&deal(1))]).await;
    open.close().await;
    let file = directory.path().join("amqp");
    std::fs::write(&file, &Away::new().await.amqp).unwrap();
    let flags = ["--amqp-url-file", file.to_str().unwrap()];
    let ended = Program::run(&rig, &directory, &flags).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.queues.drain("work.0").await.len(), 1);
    rig.finish().await;
}
