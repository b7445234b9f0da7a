#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use futures_util::future::join_all;
use secrecy::SecretString;
use shared::clock::now_ms;
use shared::testing::{DatabaseEngine, TestDatabase};

use super::*;
use crate::records::clock::day_of;
use crate::records::handle::Records;

/// A worker and a console that come up together, more than once. What one runs into is an error in
/// PostgreSQL's log, whether or not it is looked at here.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_run_into_nothing_of_one_anothers() {
    for _ in 0..5 {
        let test = TestDatabase::new(DatabaseEngine::Postgres).await;
        let url = SecretString::from(test.url());
        let starting = (0..6).map(|_| {
            let records = Records::new(&url).unwrap();
            tokio::spawn(async move {
                let database = records.ready().await?;
                // Each process looks once more as soon as it keeps the days.
                make(database, day_of(now_ms())).await?;
                records.close().await;
                anyhow::Ok(())
            })
        });
        for started in join_all(starting).await {
            started.unwrap().unwrap();
        }
        let days = "SELECT count(*) FROM pg_class WHERE relname ~ '^event_log_[0-9]+$' \
                    AND relkind = 'r' AND relnamespace = current_schema()::regnamespace";
        assert_eq!(test.number(days).await, i64::from(AHEAD) + 1);
        test.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_has_rows_elsewhere_is_left_where_it_is() {
    let test = TestDatabase::new(DatabaseEngine::Postgres).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    let database = records.ready().await.unwrap();
    test.run(
        "INSERT INTO event_log (day, id, identity, origin, type, received_ms, started_ms, \
         settled_ms, attempt, generation, verdict) VALUES (7, 1, 'a', 'hubspot/1', 'x', 0, 0, 0, 0, 0, 'x')",
    )
    .await;
    make(database, 7).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM event_log_other").await, 1);
    assert_eq!(test.number("SELECT count(*) FROM event_log_8").await, 0);
    records.close().await;
    test.end().await;
}
