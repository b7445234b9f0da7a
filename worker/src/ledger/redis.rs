//! The ledger on Redis: every transition is one atomic call by Redis' own clock, idempotent
//! under its token, and calls travel in pipelines.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, Value};
use secrecy::SecretString;
use shared::broker::Lane;
use shared::retry::Reconnect;
use tokio_util::task::AbortOnDropHandle;

use super::Mark;
use crate::limits::{BULK_OF_TEN, LATE_MS, Limit, NEAR_MS, Room, SPACING_MS, Standing};
use crate::metrics::{Operation, WorkerMetrics};
use crate::pauses::{PauseState, Word};

mod address;
mod claims;
mod format;
pub(super) mod import;
mod link;
mod memory;
mod pause;
mod refusal;
mod script;

use link::Link;
use script::{Call, Script};

/// How the ledger is set up.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// Redis' address.
    pub url: SecretString,
    /// First part of every key.
    pub prefix: String,
    /// How long a claim holds without being extended.
    pub lease: Duration,
    /// How long an entry is kept after its last change.
    pub retention: Duration,
}

/// The ledger on Redis. While Redis is away its calls wait for it.
#[derive(Debug)]
pub struct Ledger {
    link: Arc<Link>,
    prefix: String,
    lease: Duration,
    retention: Duration,
    pub(super) metrics: WorkerMetrics,
    _memory: AbortOnDropHandle<()>,
}

impl Ledger {
    /// Starts connecting in the background.
    pub(super) fn start(options: LedgerOptions, metrics: WorkerMetrics) -> anyhow::Result<Self> {
        let link = Arc::new(Link::start(&options.url, Some(&options.prefix))?);
        Ok(Self {
            _memory: memory::watch(Arc::clone(&link), &options.prefix, metrics.clone()),
            link,
            prefix: options.prefix,
            lease: options.lease,
            retention: options.retention,
            metrics,
        })
    }

    pub(super) fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether Redis answers, as of the last second, for readiness.
    pub(super) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Resolves once Redis is back, or was found to have forgotten.
    pub(super) async fn renewed(&self) {
        self.link.renewed().await;
    }

    pub(super) async fn take(&self, limit: &Limit, lane: Lane, standing: Standing) -> Room {
        let arguments = vec![
            limit.size.map(|size| size.to_string()).unwrap_or_default(),
            millis(limit.window).to_string(),
            u8::from(lane == Lane::Bulk).to_string(),
            standing.as_str().to_owned(),
            standing.thousandths().to_string(),
            BULK_OF_TEN.to_string(),
            SPACING_MS.to_string(),
            LATE_MS.to_string(),
            NEAR_MS.to_string(),
        ];
        let key = self.limit_key(limit);
        loop {
            let reply = self.run(Operation::Budget, Script::Take, &key, arguments.clone()).await;
            match <(i64, u64)>::from_redis_value(reply) {
                Ok((0, _)) => return Room::Granted,
                Ok((1, ms)) => return Room::Soon(Duration::from_millis(ms)),
                Ok((2, ms)) => return Room::Place(Duration::from_millis(ms)),
                _ => self.malformed(Operation::Budget).await,
            }
        }
    }

    pub(super) async fn hold(&self, limit: &Limit, wait: Duration) {
        let arguments = vec![millis(wait).to_string(), millis(limit.window).to_string()];
        self.run(Operation::Budget, Script::Hold, &self.limit_key(limit), arguments).await;
    }

    pub(super) async fn pause(&self, name: &str, word: Word) -> PauseState {
        let key = format!("{}:pause:{{{name}}}", self.prefix);
        loop {
            let arguments = pause::arguments(word);
            let reply = self.run(Operation::Pause, Script::Pause, &key, arguments).await;
            match pause::read(reply) {
                Some(state) => return state,
                None => self.malformed(Operation::Pause).await,
            }
        }
    }

    fn limit_key(&self, limit: &Limit) -> String {
        format!("{}:limit:{{{}}}", self.prefix, limit.key)
    }

    pub(super) async fn oldest_delayed(&self, marks: &[Mark]) -> Option<i64> {
        let key = format!("{}:delayed:{{all}}", self.prefix);
        let mut arguments = vec![millis(self.retention).to_string()];
        for mark in marks {
            arguments.extend([mark.due_ms.to_string(), mark.received_ms.to_string()]);
        }
        let reply = self.run(Operation::Delayed, Script::Delayed, &key, arguments).await;
        Option::<i64>::from_redis_value(reply).ok().flatten()
    }

    async fn run(
        &self,
        operation: Operation,
        script: Script,
        key: &str,
        arguments: Vec<String>,
    ) -> Value {
        self.call(operation, &Arc::new(Call::Run { script, key: key.to_owned(), arguments })).await
    }

    /// One call, again and again until it is answered: each is idempotent under its token, so
    /// an answer that got lost does no harm.
    async fn call(&self, operation: Operation, call: &Arc<Call>) -> Value {
        let mut reconnect = Reconnect::default();
        loop {
            let started = std::time::Instant::now();
            let answer = self.link.call(Arc::clone(call)).await;
            self.metrics.ledger_call(operation, answer.is_ok(), started.elapsed());
            match answer {
                Ok(value) => return value,
                Err(error) => {
                    tracing::debug!(
                        operation = operation.as_str(),
                        error,
                        "ledger call failed, waiting"
                    );
                    tokio::select! {
                        () = tokio::time::sleep(reconnect.next_delay()) => {}
                        () = self.link.back() => {}
                    }
                }
            }
        }
    }

    /// An answer that no script of ours gives: something else owns the key. Not processed
    /// unclaimed, and not spun on.
    async fn malformed(&self, operation: Operation) {
        tracing::error!(
            operation = operation.as_str(),
            "ledger gave an answer that is not understood"
        );
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Refuses an address that no client can be made from, without quoting it.
pub(crate) fn check_url(url: &SecretString) -> anyhow::Result<()> {
    address::pool(url).map(|_| ())
}

/// Host and port of an address, without what is secret in it.
pub(crate) fn server(url: &SecretString) -> anyhow::Result<String> {
    address::server(url)
}
