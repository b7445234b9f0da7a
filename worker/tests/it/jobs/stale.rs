//! Letters whose retry is told that a later attempt is there: they share its fate.

use shared::broker::Lane;
use shared::message::Message;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::Question;
use worker::parts::records::dead_letters::{Filter, Letter, State};
use worker::parts::records::jobs::{Action, Fate, Job, Scope};

use super::replay::logged;
use super::rig::Bulk;
use crate::dead_letters::rig::{ALWAYS, WEEK, carry_out};
use crate::harness::{TARGET, deal, fresh};

async fn letter(bulk: &Bulk, id: i64) -> Letter {
    bulk.letters.show(id).await.unwrap().unwrap().letter
}

/// The letter of an event that died, was discarded, was replayed and died again; and its successor.
async fn superseded(bulk: &Bulk) -> (i64, i64) {
    bulk.die(1..=1).await;
    let first = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters[0].id;
    let discard = Scope::letters(Action::Discard, Filter::of(&[first]));
    assert_eq!(carry_out(&bulk.letters, discard, ALWAYS, "ann").await, 1);
    logged(bulk, 1).await;
    let verdict = Some("permanent".to_owned());
    let question = Question { since_ms: Some(0), verdict, ..Question::default() };
    let replay = bulk.wish(Scope::Events { question, force: false }, 0).await;
    bulk.until(replay.id, "it does not die", |job| job.died == 1).await;
    let second = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters[0].id;
    assert_ne!(first, second);
    (first, second)
}

async fn restore_and_retry(bulk: &Bulk, id: i64) -> Job {
    let restore = Scope::restore(Filter::of(&[id]), WEEK);
    assert_eq!(carry_out(&bulk.letters, restore, ALWAYS, "ann").await, 1);
    let job = bulk.wish(Scope::letters(Action::Retry, Filter::of(&[id])), 0).await;
    bulk.finished(job.id).await
}

async fn a_letter_whose_successor_is_dead_dies_again(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = bulk.runner();
    let (first, second) = superseded(&bulk).await;
    let job = restore_and_retry(&bulk, first).await;
    assert_eq!((job.died, job.succeeded, job.fate()), (1, 0, Some(Fate::Dead)), "{job:?}");
    assert_eq!(letter(&bulk, first).await.state, State::DiedAgain);
    assert_eq!(letter(&bulk, second).await.state, State::Dead);
    runner.close().await;
    bulk.finish().await;
}

async fn a_letter_whose_successor_is_resolved_is_so_too(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    let runner = bulk.runner();
    let (first, second) = superseded(&bulk).await;
    bulk.mend();
    // Under a generation of its own: that of the letters is not completed.
    let restart = Scope::letters(Action::Restart, Filter::of(&[second]));
    let job = bulk.wish(restart, 0).await;
    assert_eq!(bulk.finished(job.id).await.succeeded, 1);
    assert_eq!(letter(&bulk, second).await.state, State::Resolved);
    let job = restore_and_retry(&bulk, first).await;
    assert_eq!((job.died, job.fate()), (0, Some(Fate::NothingToDo)), "{job:?}");
    assert_eq!(letter(&bulk, first).await.state, State::Resolved);
    runner.close().await;
    bulk.finish().await;
}

/// Nobody has published it again: it was on its way when an earlier copy died.
async fn a_later_attempt_that_succeeds_resolves_the_letter(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=1).await;
    bulk.mend();
    let target = Some(TARGET.to_owned());
    let later = Message { attempt: 2, target, ..fresh(&deal(1)) };
    bulk.rig.publish_to(Lane::Work, later).await;
    bulk.wait_for(State::Resolved, 1).await;
    bulk.finish().await;
}

on_every_database! {
    a_letter_whose_successor_is_dead_dies_again
    a_letter_whose_successor_is_resolved_is_so_too
    a_later_attempt_that_succeeds_resolves_the_letter
}
