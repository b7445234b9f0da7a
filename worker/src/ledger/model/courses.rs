//! Random courses of two engines and the model: what one answers the others answer, whatever came
//! before. A failure names the seed of its course.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncTypedCommands as _, Client};
use shared::clock::now_ms;
use shared::event::Identity;
use shared::metrics::registry;
use shared::store::Store;
use shared::testing::{Dice, Engine, on_every_engine, prefix, redis_url};

use super::*;
use crate::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions};
use crate::metrics::WorkerMetrics;

const LONG: Duration = Duration::from_secs(600);
/// Courses that are the same in every run, and others.
const SAME: u64 = 24;
const OTHERS: u64 = 8;
const MOVES: usize = 60;
const TICKS_MS: i64 = 3;
/// Counts of abandoned runs with which a claim is none.
const APART: [&[u32]; 4] = [&[], &[], &[1], &[2, 3, 5]];

/// What an engine keeps, past the ledger.
enum Past {
    Redis { redis: MultiplexedConnection, prefix: String },
    Sqlite { store: Arc<Store>, directory: PathBuf },
}

impl Past {
    async fn on(engine: Engine) -> (Self, Ledger) {
        let metrics = WorkerMetrics::register(&mut registry("worker"), false);
        let prefix = prefix();
        match engine {
            Engine::Cluster => {
                let client = Client::open(redis_url()).unwrap();
                let redis = client.get_multiplexed_async_connection().await.unwrap();
                let url = redis_url().into();
                let options =
                    LedgerOptions { url, prefix: prefix.clone(), lease: LONG, retention: LONG };
                (Self::Redis { redis, prefix }, Ledger::start(options, metrics).unwrap())
            }
            Engine::Embedded => {
                let directory = std::env::temp_dir().join(prefix);
                let store = Arc::new(Store::open(&directory).await.unwrap());
                let ledger = Ledger::embedded(Arc::clone(&store), LONG, LONG, metrics);
                (Self::Sqlite { store, directory }, ledger)
            }
        }
    }

    fn key(prefix: &str, identity: &Identity) -> String {
        format!("{prefix}:run:{{{identity}}}:target:0")
    }

    /// That takes longer than the clock of fences needs for a tick.
    async fn lose(&self, identity: &Identity) {
        let begin_ms = now_ms();
        while now_ms() < begin_ms + TICKS_MS {
            tokio::task::yield_now().await;
        }
        match self {
            Self::Redis { redis, prefix } => {
                let key = Self::key(prefix, identity);
                redis.clone().del(&[format!("{key}:steps"), key]).await.unwrap();
            }
            Self::Sqlite { store, .. } => {
                execute(store, identity, &[STEPS, "DELETE FROM claim WHERE key = ?"]).await;
            }
        }
    }

    async fn run_out(&self, identity: &Identity) {
        match self {
            Self::Redis { redis, prefix } => {
                let (mut redis, key) = (redis.clone(), Self::key(prefix, identity));
                let Some(value) = redis.get(&key).await.unwrap() else { return };
                let mut parts: Vec<&str> = value.split(':').collect();
                if let [state, .., lease, _] = &mut parts[..]
                    && state.ends_with('S')
                {
                    *lease = "0";
                    let mut write = deadpool_redis::redis::cmd("SET");
                    write.arg(&key).arg(parts.join(":")).arg("KEEPTTL");
                    write.query_async::<()>(&mut redis).await.unwrap();
                }
            }
            Self::Sqlite { store, .. } => {
                execute(store, identity, &["UPDATE claim SET lease_until_ms = 0 WHERE key = ?"])
                    .await;
            }
        }
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        if let Self::Sqlite { directory, .. } = self {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

const STEPS: &str = "DELETE FROM step WHERE id >> 20 = (SELECT id FROM claim WHERE key = ?)";

async fn execute(store: &Store, identity: &Identity, statements: &'static [&'static str]) {
    let key = format!("{identity}:target:0");
    let executed = store.write(move |turn| {
        for statement in statements {
            turn.connection.execute(statement, [&key])?;
        }
        Ok(())
    });
    executed.await.unwrap();
}

/// What the lease knows, as the model names it.
fn results(lease: &Lease) -> Results {
    let number = |(name, json): (String, String)| {
        (name.strip_prefix("step").unwrap().parse().unwrap(), json.parse().unwrap())
    };
    lease.steps().into_iter().map(number).collect()
}

/// Fences grow past a loss by the clock. Each of many runs within one millisecond has a larger one, and so
/// the last can be a little ahead; no failover is that quick.
async fn later_than(fence: u64) {
    let is_ahead = || u64::try_from(now_ms()).is_ok_and(|now| (now..now + 50).contains(&fence));
    while is_ahead() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn course(past: &Past, ledger: &Ledger, seed: u64) {
    let identity = Identity::of_unreadable(&seed.to_be_bytes());
    let entry = EntryKey { identity: &identity, target: "target", generation: 0 };
    let (mut dice, mut model, mut course) = (Dice(seed), Model::default(), Vec::new());
    let mut leases: Vec<(Lease, Owned)> = Vec::new();
    for _ in 0..MOVES {
        let one = (!leases.is_empty()).then(|| leases.len() - 1 - dice.below(leases.len().min(3)));
        let action = dice.below(13);
        let told = |course: &[String]| format!("seed {seed}: {}", course.join(", "));
        match (action, one) {
            (0..=2, _) | (_, None) => {
                let attempt = dice.small(4);
                let apart = APART[dice.below(APART.len())];
                course.push(format!("claim {attempt} unless {apart:?}"));
                let run = u32::try_from(leases.len()).unwrap() + 1;
                let claim = ledger.claim_unless(&entry, attempt, apart).await;
                match (claim, model.claim(run, attempt, apart)) {
                    (Claim::Started(lease), Answer::Started(owned)) => {
                        let known = (lease.attempt, lease.abandoned, results(&lease));
                        let expected = (owned.attempt, owned.abandoned, owned.steps.clone());
                        assert_eq!(known, expected, "{}", told(&course));
                        let earlier = leases.iter().map(|(lease, _)| lease.fence).max();
                        assert!(Some(lease.fence) > earlier, "a fence: {}", told(&course));
                        leases.push((lease, owned));
                    }
                    (Claim::Held(_), Answer::Held)
                    | (Claim::Completed, Answer::Completed)
                    | (Claim::Stale, Answer::Stale) => {}
                    (Claim::Apart(abandoned), Answer::Apart(expected)) => {
                        assert_eq!(abandoned, expected, "{}", told(&course));
                    }
                    (claim, answer) => {
                        panic!("{claim:?} where it should be {answer:?}: {}", told(&course))
                    }
                }
            }
            (3, _) => {
                course.push("lose".to_owned());
                past.lose(&identity).await;
                model.lose();
                let latest = leases.iter().map(|(lease, _)| lease.fence).max();
                later_than(latest.unwrap_or_default()).await;
            }
            (4..=5, _) => {
                course.push("run out".to_owned());
                past.run_out(&identity).await;
                model.run_out();
            }
            (_, Some(one)) => {
                let (lease, owned) = &mut leases[one];
                let write = match action {
                    6 => Write::Remember,
                    7 => Write::Note,
                    8 => Write::Release(Release::Same),
                    9 => Write::Release(Release::Next(dice.small(5))),
                    10 => Write::Complete,
                    11 => Write::Release(Release::PutOff(dice.small(4))),
                    _ => Write::Extend,
                };
                course.push(format!("{write:?} by {}", owned.run));
                let is_step = matches!(write, Write::Remember | Write::Note);
                let written = if is_step {
                    let (step, result) = (dice.small(3), dice.small(100));
                    owned.keep(step, result);
                    let (name, json) = (format!("step{step}"), result.to_string());
                    match write {
                        Write::Note => ledger.note(lease, &name, &json).await,
                        _ => ledger.remember(lease, &name, &json).await,
                    }
                } else {
                    ledger.write(lease, write).await
                };
                assert_eq!(written, model.write(owned, write), "{}", told(&course));
                assert_eq!(results(lease), owned.steps, "{}", told(&course));
            }
        }
    }
}

async fn in_every_course_an_engine_answers_as_the_model(engine: Engine) {
    let (past, ledger) = Past::on(engine).await;
    let others = rand::random::<u64>();
    for seed in (0..SAME).chain((0..OTHERS).map(|other| others.wrapping_add(other))) {
        course(&past, &ledger, seed).await;
    }
}

on_every_engine! {
    in_every_course_an_engine_answers_as_the_model
}
