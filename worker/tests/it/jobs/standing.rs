//! Jobs whose database stands still for longer than a lease lasts: nothing is published twice, and
//! nothing faster than wanted.

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::testing::{DatabaseEngine, Proxy, TestDatabase, database_url, on_every_database};
use sqlx::{Connection as _, SqliteConnection};
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{Filter, State};
use worker::parts::records::jobs::{Action, Job, Jobs, Scope};

use super::replay::{all, logged};
use super::rig::{Bulk, look_again};
use crate::harness::within;

/// A way to the records that can come to a stop.
pub(crate) struct Way {
    /// Where they are.
    url: String,
    /// Past it.
    direct: Jobs,
    stop: Stop,
}

enum Stop {
    /// The server's answers are held back.
    Mute(Proxy),
    /// Somebody else writes, and does not come to an end.
    Lock(Option<Box<SqliteConnection>>),
}

impl Way {
    pub(crate) async fn new(database: &TestDatabase, direct: &Jobs) -> Self {
        let stop = match database.engine() {
            DatabaseEngine::Postgres => {
                Stop::Mute(Proxy::start(&Proxy::server_of(&database_url())).await)
            }
            DatabaseEngine::Sqlite => Stop::Lock(None),
        };
        Self { direct: direct.clone(), url: database.url(), stop }
    }

    /// The records, that way.
    pub(crate) fn url(&self) -> String {
        match &self.stop {
            Stop::Mute(proxy) => proxy.url(&self.url),
            Stop::Lock(_) => self.url.clone(),
        }
    }

    pub(crate) fn jobs(&self) -> Jobs {
        Jobs::new(Records::new(&SecretString::from(self.url())).unwrap())
    }

    pub(crate) async fn stand_still(&mut self) {
        match &mut self.stop {
            Stop::Mute(proxy) => proxy.mute_server(),
            Stop::Lock(lock) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                let locking = async {
                    while sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.is_err() {
                        look_again().await;
                    }
                };
                within("the turn to write", locking).await;
                *lock = Some(Box::new(connection));
            }
        }
    }

    pub(crate) async fn go_on(&mut self) {
        match &mut self.stop {
            Stop::Mute(proxy) => proxy.restore(),
            Stop::Lock(lock) => {
                let mut connection = lock.take().unwrap();
                sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.unwrap();
            }
        }
    }

    /// Stands still until the lease that was there is over for everybody.
    pub(crate) async fn stand_still_for_a_lease(&mut self, id: i64) {
        self.stand_still().await;
        let over = async {
            // And somewhat longer: one may have been on its way.
            while self.direct.get(id).await.unwrap().unwrap().owned_until_ms + 2000 > now_ms() {
                look_again().await;
            }
        };
        within("the end of the lease", over).await;
        self.go_on().await;
    }
}

/// Works on a job of 120 messages at 40 a second, with so many runners.
pub(super) async fn published_as_planned(bulk: &mut Bulk, job: &Job, runners: usize) {
    let mut way = Way::new(&bulk.database, &bulk.jobs).await;
    let runners: Vec<_> = (0..runners).map(|_| bulk.runner_on(way.jobs())).collect();
    bulk.until(job.id, "begins", |job| job.published >= 30).await;
    way.stand_still_for_a_lease(job.id).await;
    let (began_ms, before) = (now_ms(), bulk.job(job.id).await.published);
    let job = bulk.finished(job.id).await;
    assert_eq!((job.planned, job.published), (120, 120), "{job:?}");
    // What was left went out no faster than wanted; a batch may have been on its way.
    let at_least_ms = (job.published - before - 16).max(0) * 1000 / job.rate;
    assert!(job.state_ms - began_ms >= at_least_ms, "{at_least_ms} ms after {began_ms}: {job:?}");
    for runner in runners {
        runner.close().await;
    }
    assert_eq!(bulk.came(job.id).await, 120, "{:?}", bulk.job(job.id).await);
    let job = bulk.job(job.id).await;
    assert_eq!((job.succeeded, job.skipped, job.died), (120, 0, 0), "{job:?}");
}

/// A job on 120 letters of what is mended.
pub(super) async fn letters(bulk: &Bulk) -> Job {
    bulk.die(1..=120).await;
    bulk.mend();
    bulk.wish(Scope::letters(Action::Retry, Filter::default()), 40).await
}

async fn letters_are_published_once_by_two_who_stood_still(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    let job = letters(&bulk).await;
    published_as_planned(&mut bulk, &job, 2).await;
    bulk.wait_for(State::Resolved, 120).await;
    bulk.finish().await;
}

async fn events_are_replayed_once_by_two_who_stood_still(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.mend();
    bulk.rig.publish_all(1..=120).await;
    bulk.probe.wait(120).await;
    logged(&bulk, 120).await;
    let job = bulk.wish(all(true), 40).await;
    published_as_planned(&mut bulk, &job, 2).await;
    assert_eq!(bulk.probe.runs().len(), 240);
    bulk.finish().await;
}

on_every_database! {
    letters_are_published_once_by_two_who_stood_still
    events_are_replayed_once_by_two_who_stood_still
}

/// Only one of two has a database that stands still: the other goes on, alone.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_cut_off_from_the_records_leaves_the_job_to_the_other() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    bulk.die(1..=60).await;
    bulk.stop_worker().await;
    bulk.mend();
    let job = bulk.retry(false).await;
    let mut way = Way::new(&bulk.database, &bulk.jobs).await;
    let one = bulk.runner_on(way.jobs());
    // It waits for news of the first few, with no transaction open.
    bulk.wait_for(State::Retried, 20).await;
    way.stand_still().await;
    let other = bulk.runner();
    bulk.start(|_| {});
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded), (60, 60), "{job:?}");
    way.go_on().await;
    one.close().await;
    other.close().await;
    assert_eq!(bulk.came(job.id).await, 60);
    assert_eq!(bulk.probe.runs().len(), 120);
    bulk.finish().await;
}

/// Nobody needs a clock to tell whether a lease is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_not_over_because_of_a_clock_that_is_ahead() {
    let mut bulk = Bulk::new(DatabaseEngine::Postgres).await;
    let job = letters(&bulk).await;
    let runner = bulk.runner();
    bulk.until(job.id, "begins", |job| job.published >= 20).await;
    // As it looks to somebody whose clock is an hour ahead.
    let behind = "CREATE SEQUENCE takings; \
        CREATE FUNCTION behind() RETURNS trigger AS $$ BEGIN \
        IF NEW.owner <> OLD.owner THEN PERFORM nextval('takings'); END IF; \
        NEW.owned_until_ms := NEW.owned_until_ms - 3600000; RETURN NEW; END $$ LANGUAGE plpgsql; \
        CREATE TRIGGER behind BEFORE UPDATE OF owned_until_ms ON job FOR EACH ROW \
        WHEN (NEW.owned_until_ms > 0) EXECUTE FUNCTION behind()";
    bulk.database.run(behind).await;
    let other = bulk.runner();
    let job = bulk.finished(job.id).await;
    assert_eq!((job.published, job.succeeded), (120, 120), "{job:?}");
    let takings = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM takings";
    assert_eq!(bulk.database.number(takings).await, 0);
    runner.close().await;
    other.close().await;
    assert_eq!(bulk.came(job.id).await, 120);
    bulk.finish().await;
}
