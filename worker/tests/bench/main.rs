//! A small run of every part of the bench that needs no Node: each row is there with a figure, and no event
//! is lost. No time is asserted.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

#[path = "../../benches/pipeline/mod.rs"]
mod pipeline;

mod figures;
mod open_loop;

use pipeline::{Part, Scale};
use shared::broker::Topology;
use shared::retry::RetrySchedule;
use shared::testing::{Queues, amqp_url, prefix};

/// It is two things: the test, and, run again by any of these tests, the program under test.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_one_process_has_a_figure_and_nothing_is_lost() {
    if pipeline::is_program().await {
        return;
    }
    let rows = [
        "disk, 4 KiB written and synced",
        "embedded, 100-event deliveries, 8 connections",
        "embedded, 1-event deliveries, 1 connection",
        "embedded, 1-event deliveries, 8 connections",
        "embedded, 1-event deliveries, 32 connections",
        "embedded, 1-event deliveries, 128 connections",
        "embedded, 50-event deliveries, 2,000 events/s",
    ];
    whole(Part::Embedded, &prefix(), &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_on_servers_has_a_figure_and_nothing_is_lost() {
    let rows = [
        "bare publish, 800 in flight",
        "raw publish, 800 in flight",
        "receiver, 100-event deliveries",
        "bare publish, 32 in flight",
        "raw publish, 32 in flight",
        "receiver, 1-event deliveries",
        "raw consume, multiple acks",
        "worker, CONCURRENCY 800",
        "worker, default CONCURRENCY",
    ];
    let prefix = prefix();
    whole(Part::Servers, &prefix, &rows).await;
    nothing_is_left(&prefix, Some(&pipeline::roles::schedule_of(pipeline::roles::RETRY_ATTEMPTS)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_latencies_has_a_figure_and_nothing_is_lost() {
    let mut rows = vec![
        "100-event deliveries, as fast as they go".to_owned(),
        "1-event deliveries, as fast as they go".to_owned(),
    ];
    for share in ["quarter load", "half load", "three quarters of the load"] {
        for sent in [
            "100-event deliveries",
            "bare messages as 100-event deliveries",
            "bare messages one by one",
            "1-event deliveries",
            "bare messages as 1-event deliveries",
        ] {
            rows.push(format!("{sent}, {share}"));
        }
    }
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let prefix = prefix();
    whole(Part::Latency, &prefix, &rows).await;
    nothing_is_left(&prefix, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_messages_has_a_figure() {
    let rows = [
        "nothing but persistent",
        "message_id of 64 digits",
        "message_id of 43 characters",
        "type",
        "reply_to",
        "correlation_id",
        "timestamp",
        "all properties of a fresh message",
        "one header",
        "six headers",
        "nothing, mandatory",
        "nothing, by a direct exchange",
        "nothing, by a direct exchange with an alternate one",
        "all properties, by a direct exchange with an alternate one",
    ];
    let prefix = prefix();
    whole(Part::Messages, &prefix, &rows).await;
    nothing_is_left(&prefix, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_tenants_has_a_figure_and_nothing_is_lost() {
    let rows = [
        "a filter of 10 conditions, by itself",
        "deal-stage-alert, by itself",
        "a client by itself, 400 in flight",
        "worker, a handler that does nothing",
        "worker, 1 destination",
        "worker, 1,000 destinations",
        "worker, 1 destination, filter",
        "worker, 1 destination, template",
        "embedded, a handler that does nothing",
        "embedded, 1 destination",
        "embedded, 1,000 destinations",
        "100 tenants, quiet",
        "100 tenants, one floods",
        "100 tenants, one hangs",
        "100 tenants, quiet, embedded",
        "100 tenants, one floods, embedded",
        "100 tenants, one hangs, embedded",
        "10,000 records, no order",
        "10,000 records, in order",
        "10,000 records, in order, 1 % fail",
        "10,000 records, no order, embedded",
        "10,000 records, in order, embedded",
        "10,000 records, in order, 1 % fail, embedded",
    ];
    let prefix = prefix();
    whole(Part::Tenants, &prefix, &rows).await;
    // What others have had in queues of their own is gone by then.
    nothing_is_left(
        &format!("{prefix}.1"),
        Some(&pipeline::roles::schedule_of(pipeline::roles::RETRY_ATTEMPTS)),
    )
    .await;
}

async fn whole(part: Part, prefix: &str, rows: &[&str]) {
    let report = pipeline::run(part, Scale::Small, prefix).await;
    assert_eq!(report.names(), rows);
    let faults = report.faults(part);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Deletes the queues, in which there must be nothing. Only a worker has declared those of a schedule.
async fn nothing_is_left(prefix: &str, schedule: Option<&RetrySchedule>) {
    let topology = Topology::new(prefix, 1, schedule);
    let queues = Queues::connect(&amqp_url(), prefix, topology).await;
    if schedule.is_some() {
        // What a worker has acked may be seen for a moment.
        queues.settle().await;
    }
    assert_eq!(queues.delete_all().await, []);
}
