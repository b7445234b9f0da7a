#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::future::poll_fn;
use std::task::Poll;

use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;

/// Polls so often, then lets go.
async fn cut_off(future: impl Future, polls: u32) {
    let mut future = Box::pin(future);
    let mut polled = 0;
    poll_fn(|cx| {
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Pending if polled < polls => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

async fn what_is_written_after_a_transaction_that_nobody_waited_for_is_there(
    engine: DatabaseEngine,
) {
    let test = TestDatabase::new(engine).await;
    let database = Database::new(&SecretString::from(test.url())).unwrap();
    on_pool!(&database, pool => {
        sqlx::query("CREATE TABLE mark (number BIGINT)").execute(pool).await.unwrap();
    });
    for number in 0..60 {
        cut_off(database.transaction(), number % 6 + 1).await;
        on_pool!(&database, pool => {
            sqlx::query("INSERT INTO mark VALUES (1)").execute(pool).await.unwrap();
        });
    }
    assert_eq!(test.number("SELECT count(*) FROM mark").await, 60);
    database.close().await;
    test.end().await;
}

on_every_database! { what_is_written_after_a_transaction_that_nobody_waited_for_is_there }
