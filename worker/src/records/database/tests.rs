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

/// Runs without end, unless it is ended.
fn endless(engine: DatabaseEngine) -> &'static str {
    match engine {
        DatabaseEngine::Postgres => "SELECT count(*) FROM pg_sleep(600)",
        DatabaseEngine::Sqlite => {
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT count(*) FROM n WHERE i < 0"
        }
    }
}

async fn look(database: &Database, statement: &'static str) -> Result<i64, sqlx::Error> {
    on_reading!(database, pool => sqlx::query_scalar(statement).fetch_one(pool).await)
}

async fn who_looks_at_much_holds_up_nobody_who_writes(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let url = SecretString::from(test.url());
    let database = Database::with_limit(&url, Duration::from_secs(1)).unwrap();
    test.run("CREATE TABLE mark (number BIGINT)").await;
    let looking: Vec<_> = (0..WRITING + READING)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { look(&database, endless(engine)).await })
        })
        .collect();
    // Every connection for looking is in use.
    while on_reading!(&database, pool => pool.size() as usize - pool.num_idle()) < READING as usize
    {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let mut transaction = database.transaction().await.unwrap();
        on_transaction!(&mut transaction, connection => {
            sqlx::query("INSERT INTO mark VALUES (1)").execute(connection).await.unwrap();
        });
        transaction.commit().await.unwrap();
    }
    let mut ended = 0;
    for looked in looking {
        match looked.await.unwrap() {
            Err(error) if took_too_long(&error) => ended += 1,
            Err(sqlx::Error::PoolTimedOut) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(ended >= READING, "{ended} were ended by the database");
    assert_eq!(look(&database, "SELECT count(*) FROM mark").await.unwrap(), 20);
    database.close().await;
    test.end().await;
}

async fn what_nobody_waits_for_any_more_is_ended(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let url = SecretString::from(test.url());
    let database = Database::with_limit(&url, Duration::from_millis(500)).unwrap();
    for _ in 0..READING {
        let looking = look(&database, endless(engine));
        // It is on its way, and then its page is closed.
        assert!(timeout(Duration::from_millis(200), looking).await.is_err());
    }
    assert_eq!(look(&database, "SELECT 1 + count(*) FROM (SELECT 1) x").await.unwrap(), 2);
    database.close().await;
    test.end().await;
}

async fn who_looks_writes_nothing(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let database = Database::new(&SecretString::from(test.url())).unwrap();
    test.run("CREATE TABLE mark (number BIGINT)").await;
    let written = look(&database, "INSERT INTO mark VALUES (1) RETURNING 1").await;
    assert!(written.unwrap_err().to_string().contains("read"), "written where only is looked");
    database.close().await;
    test.end().await;
}

on_every_database! {
    what_is_written_after_a_transaction_that_nobody_waited_for_is_there
    who_looks_at_much_holds_up_nobody_who_writes
    what_nobody_waits_for_any_more_is_ended
    who_looks_writes_nothing
}

/// As a process does that is stopped in the middle, or whose machine is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_who_says_nothing_more_in_a_transaction_holds_nobody_up() {
    let test = TestDatabase::new(DatabaseEngine::Postgres).await;
    let url = SecretString::from(test.url());
    let (one, other) = (Database::new(&url).unwrap(), Database::new(&url).unwrap());
    test.run("CREATE TABLE mark (number BIGINT); INSERT INTO mark VALUES (1)").await;
    let mut frozen = one.transaction().await.unwrap();
    on_transaction!(&mut frozen, connection => {
        sqlx::query("UPDATE mark SET number = 5").execute(connection).await.unwrap();
    });
    let writing = async {
        on_pool!(&other, pool => {
            sqlx::query("UPDATE mark SET number = 2").execute(pool).await.map(|_| ())
        })
    };
    shared::testing::within("the lock", writing).await.unwrap();
    // Whoever comes back finds that nothing of it counts, and goes on.
    assert!(frozen.commit().await.is_err());
    assert_eq!(test.number("SELECT number FROM mark").await, 2);
    on_pool!(&one, pool => {
        sqlx::query("UPDATE mark SET number = 3").execute(pool).await.unwrap();
    });
    one.close().await;
    other.close().await;
    test.end().await;
}

/// What a machine does that vanishes cannot be played here: its kernel would have to be silent too.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_told_how_soon_to_miss_a_client() {
    let test = TestDatabase::new(DatabaseEngine::Postgres).await;
    let database = Database::new(&SecretString::from(test.url())).unwrap();
    let expected = [
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "3"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "15000"),
    ];
    let Database::Postgres(pools) = &database else { panic!("not PostgreSQL") };
    for pool in [&pools.reading, &pools.writing] {
        for (setting, value) in expected {
            let shown: String = sqlx::query_scalar("SELECT current_setting($1)")
                .bind(setting)
                .fetch_one(pool)
                .await
                .unwrap();
            assert_eq!(shown, value, "{setting}");
        }
    }
    database.close().await;
    test.end().await;
}
