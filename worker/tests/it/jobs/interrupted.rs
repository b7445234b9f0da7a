//! Jobs whose work is cut off, and who goes on with them: another process after the end of the first,
//! or the same one once it can.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;

use super::rig::{Bulk, look_again};
use super::standing::{letters, published_as_planned};

/// A runner that is dropped leaves everything as a process does that is killed: a new one is another
/// process as far as the records can tell.
async fn another_goes_on_where_one_was_cut_off(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=300).await;
    bulk.mend();
    let job = bulk.retry(false).await;
    for round in 0..2 {
        let runner = bulk.runner();
        let already = bulk.job(job.id).await.published;
        // The first may be done with all of them before it is cut off.
        let goes_on = |published| published > already || published == 300;
        bulk.until(job.id, "nothing more is published", |job| goes_on(job.published)).await;
        for _ in 0..rand::random_range(0..3) {
            look_again().await;
        }
        // At whatever it is: claimed and not published, published and not noted.
        drop(runner);
        assert!(bulk.job(job.id).await.published <= 300, "round {round}");
    }
    let runner = bulk.runner();
    let job = bulk.finished(job.id).await;
    assert_eq!(job.published, 300, "{job:?}");
    bulk.wait_for(State::Resolved, 300).await;
    // However often a letter was published, it was done once.
    assert_eq!(bulk.probe.runs().len(), 600);
    runner.close().await;
    bulk.finish().await;
}

/// Its lease runs out while it lives: it goes on itself, and does not begin a second time beside that.
async fn the_same_process_goes_on_alone_with_what_it_had_in_hand(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    let job = letters(&bulk).await;
    published_as_planned(&mut bulk, &job, 1).await;
    bulk.wait_for(State::Resolved, 120).await;
    bulk.finish().await;
}

on_every_database! {
    another_goes_on_where_one_was_cut_off
    the_same_process_goes_on_alone_with_what_it_had_in_hand
}
