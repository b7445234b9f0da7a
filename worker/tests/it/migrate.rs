//! `worker migrate`: from a data directory to RabbitMQ and Redis, through the program itself.

mod directory;
mod interrupted;
mod known;
mod program;
mod records;
mod refused;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::broker::{Backlog, Broker, Lane, Route};
use shared::message::{Death, DeathReason, Message};
use shared::origin::Origin;
use shared::testing::Letter;
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{DeadLetters, Filter, State, drain};
use worker::parts::records::jobs::{Action, Scope};

use crate::dead_letters::rig::carry_out;
use crate::harness::{Rig, TARGET, deal, deal_of, fresh};
use directory::Directory;
use program::Program;

/// Waits of 10 s, 10 min and 1 h; queues for what lies between them and up to 6 h.
const LONG_RETRIES: [&str; 6] =
    ["--retry-initial", "10s", "--retry-multiplier", "60", "--retry-max", "1h"];

const MINUTE: Duration = Duration::from_secs(60);

/// A message that has been on its way for a while.
fn travelled(id: u64, attempt: u32) -> Message {
    // Not as anybody would write it anew.
    let body = deal(id).replace(',', " ,\n\t").replace("CRM_UI", "CRM_\u{fc}\\u00fc");
    Message {
        attempt,
        target: Some(TARGET.to_owned()),
        received_ms: 1_769_081_994_066,
        generation: 2,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        ..fresh(&body)
    }
}

fn dead(id: u64, reason: DeathReason) -> Message {
    let death = Death::new(reason, "ERP_422", "the ERP says \u{ab}no\u{bb}", 1_769_081_999_000);
    Message { death: Some(death), ..travelled(id, 10) }
}

fn later(lane: Lane, wait: Duration) -> Route {
    Route::Later { lane, wait }
}

async fn messages(rig: &Rig, queue: &str) -> Vec<Message> {
    let letters = rig.queues.drain(queue).await;
    letters.into_iter().map(|letter| letter.message.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ready_arrives_in_its_lane_as_it_was_and_in_its_order() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    // 62515 has the first of two shards, 1 the second.
    let mine: Vec<Message> = (1..=700).map(|id| fresh(&deal(id))).collect();
    let others = [fresh(&deal_of(1, 9)), Message { target: None, ..travelled(8, 0) }];
    let others = others.map(|mut message| {
        message.event.origin = Origin::hubspot(1);
        message
    });
    let bulk = [fresh(&deal(801)), travelled(802, 3)];
    // Its wait was over while nobody looked.
    let overdue = travelled(701, 4);
    open.publish(Route::Ready(Lane::Bulk), &bulk).await;
    open.publish(Route::Ready(Lane::Work), &mine).await;
    open.publish(Route::Ready(Lane::Work), &others).await;
    open.publish(later(Lane::Work, Duration::ZERO), std::slice::from_ref(&overdue)).await;
    open.close().await;

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("705 messages published"), "{ended:?}");
    assert_eq!(messages(&rig, "work.0").await, [&mine[..], &[overdue]].concat());
    assert_eq!(messages(&rig, "work.1").await, others);
    assert_eq!(messages(&rig, "bulk").await, bulk);
    assert_eq!(directory.backlog().await, Backlog::default());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_on_waiting_for_what_is_left_and_comes_back_to_its_lane() {
    let (rig, directory) = (Rig::with(&LONG_RETRIES).await, Directory::new());
    let open = directory.open().await;
    let (long, short, bulk, longest) =
        (travelled(1, 3), travelled(2, 2), travelled(3, 1), travelled(4, 5));
    open.publish(later(Lane::Work, MINUTE * 50), std::slice::from_ref(&long)).await;
    open.publish(later(Lane::Work, MINUTE * 9), std::slice::from_ref(&short)).await;
    open.publish(later(Lane::Bulk, MINUTE * 9), std::slice::from_ref(&bulk)).await;
    // Longer than any queue's delay.
    open.publish(later(Lane::Work, MINUTE * 720), std::slice::from_ref(&longest)).await;
    open.close().await;

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(directory.backlog().await, Backlog::default());
    // None waits longer in all than it would have, or much shorter: nobody took so long.
    let whole = |letter: &Letter| letter.ttl.unwrap() + letter.rest;
    for (queue, wait, expected) in [
        ("retry.10m", MINUTE * 9, &[(short, "0"), (bulk, "bulk")][..]),
        ("retry.50m", MINUTE * 50, &[(long, "0")]),
        ("retry.6h", MINUTE * 720, &[(longest, "0")]),
    ] {
        let letters = rig.queues.drain(queue).await;
        for letter in &letters {
            // In the queue of ten minutes nothing stays for less than nine of them and a bit.
            let left = wait.max(MINUTE * 6000 / 660);
            assert!(
                (left.saturating_sub(MINUTE * 2)..=left + MINUTE / 60).contains(&whole(letter)),
                "{letter:?}"
            );
            assert_eq!(letter.rest.is_zero(), queue != "retry.6h", "{letter:?}");
        }
        let found: Vec<(&Message, &str)> = letters
            .iter()
            .map(|letter| (letter.message.as_ref().unwrap(), letter.routing_key.as_str()))
            .collect();
        let expected: Vec<(&Message, &str)> =
            expected.iter().map(|(message, key)| (message, *key)).collect();
        assert_eq!(found, expected, "{queue}");
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_keep_their_death_and_what_cannot_be_read_becomes_one() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    let letters = [
        dead(1, DeathReason::Permanent),
        dead(2, DeathReason::Exhausted),
        dead(3, DeathReason::Crashed),
    ];
    open.publish(Route::Dead, &letters).await;
    open.execute(
        "INSERT INTO message (queue, due_ms, identity, type, origin, attempt, received_ms, \
         generation, body) VALUES ('work', 0, x'00', '', 'hubspot/1', 0, 0, 0, x'00ff7b'), \
         ('elsewhere', 0, x'00', '', 'hubspot/1', 0, 0, 0, x'7b')",
    )
    .await;
    open.close().await;

    let ended = Program::run(&rig, &directory, &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("2 of them could not be read"), "{ended:?}");
    assert_eq!(directory.backlog().await, Backlog::default());
    let mut found = messages(&rig, "dead").await;
    found.sort_by_key(|letter| letter.event.body().len());
    let (unreadable, kept) = found.split_at(2);
    let bodies: Vec<&[u8]> = unreadable.iter().map(|letter| &letter.event.body()[..]).collect();
    assert_eq!(bodies, [&b"{"[..], b"\x00\xff{"]);
    for letter in unreadable {
        let death = letter.death.as_ref().unwrap();
        assert_eq!((death.reason, death.code.as_str()), (DeathReason::Unreadable, "UNREADABLE"));
        assert_eq!((letter.attempt, letter.target.as_deref()), (1, None));
    }
    assert_eq!(kept, letters);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_the_records_go_along_and_are_let_go_of() {
    let (rig, directory) = (Rig::new().await, Directory::new());
    let open = directory.open().await;
    let letters: Vec<Message> = (1..=3).map(|id| dead(id, DeathReason::Permanent)).collect();
    open.publish(Route::Dead, &letters).await;
    let url = format!("sqlite:{}", directory.path().join("records.db").display());
    let records = DeadLetters::new(Records::new(&SecretString::from(url)).unwrap());
    let broker = Broker::Sqlite(Arc::clone(&open.embedded));
    assert_eq!(drain(&records, &broker, MINUTE).await.unwrap().indexed.new, 3);
    let newest = Filter { object_id: Some(3), ..Filter::default() };
    let scope = Scope::letters(Action::Discard, newest);
    assert_eq!(carry_out(&records, scope, i64::MAX, "ann").await, 1);
    drop(broker);
    open.close().await;

    let planned = Program::run(&rig, &directory, &["--dry-run"]).await;
    assert!(planned.stdout.contains("2 dead letters"), "{planned:?}");
    let flags = ["--without-records"];
    let ended = Program::run(&rig, &directory, &flags).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("2 dead letters of the records"), "{ended:?}");
    // The same moment of death leaves their order open.
    let mut found = messages(&rig, "dead").await;
    found.sort_by_key(|letter| letter.event.body().clone());
    assert_eq!(found, letters[..2]);
    let discarded = Filter { state: Some(State::Discarded), ..Filter::default() };
    assert_eq!(records.count(&discarded).await.unwrap(), 3);
    let again = Program::run(&rig, &directory, &flags).await;
    assert!(again.stdout.contains("There was nothing left to do"), "{again:?}");
    rig.finish().await;
}
