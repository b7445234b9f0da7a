//! Indexers that are ended at any moment, and databases that go away: no letter is lost, none is
//! there twice.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::broker::DeadLetterOptions;
use shared::message::Message;
use shared::metrics::BrokerMetrics;
use shared::testing::{DatabaseEngine, Proxy, TestDatabase, database_url, on_every_database};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use worker::parts::records::dead_letters::{Filter, drain};

use super::rig::{Letters, dead_letters, letter};
use crate::harness::{PATIENCE, within};

const ROUNDS: u64 = 20;
const EACH: u64 = 120;

fn letters(range: std::ops::RangeInclusive<u64>) -> Vec<Message> {
    range.map(|id| letter(id, "ERP_5XX", &format!("ERP answered 503 to order {id}"))).collect()
}

/// Every one of them, once.
async fn assert_all(rig: &Letters, expected: &[Message]) {
    let (mut identities, mut before) = (Vec::new(), None);
    loop {
        let page = rig.records.list(&Filter::default(), before, 1000).await.unwrap();
        identities.extend(page.letters.into_iter().map(|letter| letter.identity));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let expected: BTreeSet<String> =
        expected.iter().map(|message| message.event.identity.to_string()).collect();
    assert_eq!(identities.len(), expected.len());
    assert_eq!(identities.into_iter().collect::<BTreeSet<_>>(), expected);
    rig.assert_counters().await;
}

async fn indexers_that_are_killed_lose_and_repeat_nothing(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let some = letters(round * EACH + 1..=(round + 1) * EACH);
        rig.put(&some).await;
        all.extend(some);
        let indexer = rig.indexer(&rig.records);
        // Whatever it is doing then: connecting, gathering, committing, acking.
        let moment = Duration::from_millis(rand::random::<u64>() % 400);
        tokio::time::sleep(moment).await;
        if round % 3 == 0 {
            indexer.close().await;
        } else {
            drop(indexer);
        }
    }
    // What killed ones had in hand comes back when their connections are gone.
    let indexer = rig.indexer(&rig.records);
    rig.wait_for(i64::try_from(all.len()).unwrap()).await;
    rig.end(indexer).await;
    assert_all(&rig, &all).await;
    rig.finish().await;
}

async fn what_was_committed_and_not_acked_comes_again_and_changes_nothing(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages = letters(1..=50);
    rig.index(&messages).await;
    rig.put(&messages).await;
    // Taken by somebody who dies with them.
    let metrics = BrokerMetrics::register(&mut prometheus_client::registry::Registry::default());
    let options = DeadLetterOptions { name: "test".to_owned(), prefetch: 100 };
    let (consumer, mut deliveries) = rig.queues.broker().dead_letters(options, metrics).unwrap();
    for _ in 0..50 {
        within("a letter", deliveries.recv()).await.unwrap().message.unwrap();
    }
    drop((consumer, deliveries));
    let mut known = 0;
    while known < 50 {
        let indexed = rig.drain().await.indexed;
        assert_eq!((indexed.new, indexed.died_again), (0, 0));
        known += indexed.known;
    }
    assert_eq!(known, 50);
    assert_all(&rig, &messages).await;
    rig.finish().await;
}

async fn two_indexers_share_the_work(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages = letters(1..=3000);
    rig.put(&messages).await;
    let (one, other) = (rig.indexer(&rig.records), rig.indexer(&rig.records));
    rig.put(&messages).await;
    rig.wait_for(3000).await;
    one.close().await;
    rig.end(other).await;
    assert_all(&rig, &messages).await;
    rig.finish().await;
}

on_every_database! {
    indexers_that_are_killed_lose_and_repeat_nothing
    what_was_committed_and_not_acked_comes_again_and_changes_nothing
    two_indexers_share_the_work
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_letters_wait_in_their_queue() {
    let rig = Letters::new(DatabaseEngine::Postgres).await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let away = dead_letters(&proxy.url(&rig.database.url()));
    let first = letters(1..=100);
    rig.put(&first).await;
    let indexer = rig.indexer(&away);
    rig.wait_for(100).await;
    proxy.cut();
    let second = letters(101..=400);
    rig.put(&second).await;
    // Given back, every one of them.
    let waiting = async {
        while rig.queues.ready("dead").await < 300 {
            // A queue has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("all letters back in their queue", waiting).await;
    assert_eq!(rig.count(&Filter::default()).await, 100);
    proxy.restore();
    rig.wait_for(400).await;
    rig.end(indexer).await;
    assert_all(&rig, &[first, second].concat()).await;
    rig.finish().await;
}

async fn a_database_that_takes_nothing_for_a_while_gets_everything_then(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&letters(1..=1)).await;
    let refusing = Refusing::new(&rig.database, engine).await;
    let more = letters(2..=200);
    rig.put(&more).await;
    assert!(drain(&rig.records, &rig.queues.broker(), PATIENCE).await.is_err());
    let indexer = rig.indexer(&rig.records);
    assert_eq!(rig.count(&Filter::default()).await, 1);
    refusing.end().await;
    rig.wait_for(200).await;
    rig.end(indexer).await;
    assert_all(&rig, &letters(1..=200)).await;
    rig.finish().await;
}

mod refused {
    use shared::testing::on_every_database;

    use super::a_database_that_takes_nothing_for_a_while_gets_everything_then;

    on_every_database! {
        a_database_that_takes_nothing_for_a_while_gets_everything_then
    }
}

/// Makes every insert of a problem fail, behind the letters of the same transaction.
enum Refusing {
    Postgres(Box<PgConnection>),
    Sqlite(Box<sqlx::SqliteConnection>),
}

impl Refusing {
    async fn new(database: &TestDatabase, engine: DatabaseEngine) -> Self {
        let url = database.url();
        match engine {
            DatabaseEngine::Postgres => {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                let refuse = "ALTER TABLE problem ADD CONSTRAINT refused CHECK (false) NOT VALID";
                sqlx::raw_sql(refuse).execute(&mut connection).await.unwrap();
                Self::Postgres(Box::new(connection))
            }
            DatabaseEngine::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                let refuse = "CREATE TRIGGER refused BEFORE INSERT ON problem \
                    BEGIN SELECT raise(ABORT, 'refused'); END";
                sqlx::raw_sql(refuse).execute(&mut connection).await.unwrap();
                Self::Sqlite(Box::new(connection))
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Postgres(mut connection) => {
                let end = AssertSqlSafe("ALTER TABLE problem DROP CONSTRAINT refused");
                sqlx::raw_sql(end).execute(&mut *connection).await.unwrap();
            }
            Self::Sqlite(mut connection) => {
                sqlx::raw_sql("DROP TRIGGER refused").execute(&mut *connection).await.unwrap();
            }
        }
    }
}
