//! How many jobs one process works on: those that publish have room of their own.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, JobState, Scope};

use super::rig::Bulk;

async fn jobs_that_publish_and_wait_hold_up_none_that_does_not(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=85).await;
    bulk.stop_worker().await;
    bulk.mend();
    let newest = bulk.letters.list(&Filter::default(), None, 1).await.unwrap().letters[0].id;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(bulk.retry(false).await.id);
    }
    let runner = bulk.runner();
    // Nobody runs what they publish: all the room there is for such jobs is taken.
    for id in &waiting {
        let probes = |job: &worker::parts::records::jobs::Job| job.reason.contains("first success");
        bulk.until(*id, "it does not wait", probes).await;
    }
    let discard = bulk.wish(Scope::letters(Action::Discard, Filter::of(&[newest])), 0).await;
    bulk.until(discard.id, "it waits behind them", |job| job.state == JobState::Done).await;
    assert_eq!(bulk.in_state(State::Discarded).await, 1);
    for id in &waiting {
        assert_eq!(bulk.job(*id).await.state, JobState::Running);
    }
    bulk.start(|_| {});
    for id in waiting {
        bulk.finished(id).await;
    }
    runner.close().await;
    bulk.finish().await;
}

on_every_database! {
    jobs_that_publish_and_wait_hold_up_none_that_does_not
}
