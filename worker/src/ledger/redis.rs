//! The ledger on Redis: every transition is one atomic call by Redis' own clock, idempotent
//! under its token, and calls travel in pipelines.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use deadpool_redis::redis::{FromRedisValue, Value};
use futures_util::future::join_all;
use secrecy::SecretString;
use shared::retry::Reconnect;
use tokio_util::task::AbortOnDropHandle;

use super::Mark;
use crate::limits::{Asker, Caller, Ended, Limit, Of, Own, Passage, Room, Seen, Sight, Way};
use crate::metrics::{Operation, WorkerMetrics};
use crate::order::{Comer, Terms, Turn, Word as OrderWord};
use crate::pauses::{PauseState, Word};

mod address;
mod claims;
#[cfg(test)]
mod course;
mod format;
mod gate;
pub(super) mod import;
mod known;
mod link;
mod look;
mod lua;
mod memory;
mod order;
mod pause;
mod refusal;
mod script;
mod take;
#[cfg(test)]
mod tests;

use known::Noted;
use link::Link;
use script::{Call, Script};
use take::millis;

/// A call that is answered with an error so often, while Redis is there, is told to people.
const WORTH_A_WARNING: u32 = 4;

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
    noted: Noted,
    /// What this process is called where it matters whose calls failed.
    worker: String,
    /// What this process finds out of services for itself.
    own: Own,
    /// Whether the last claim was answered late.
    is_slow: AtomicBool,
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
            noted: Noted::default(),
            worker: format!("{:08x}", rand::random::<u32>()),
            own: Own::default(),
            is_slow: AtomicBool::new(false),
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

    pub(super) async fn take(&self, limit: &Limit, asker: Asker<'_>) -> Room {
        let arguments = take::take_arguments(limit, asker);
        let key = self.limit_key(limit);
        loop {
            let reply = self.run(Operation::Budget, Script::Take, &key, arguments.clone()).await;
            match take::read_room(reply) {
                Some(room) => {
                    let wait = match room {
                        Room::Place(wait) => wait,
                        Room::Granted | Room::Soon(_) => Duration::ZERO,
                    };
                    // One that only holds back when it is asked to is seen when it does.
                    if limit.size.is_some() || room != Room::Granted {
                        self.noted.note(Of::Requests, &limit.key, wait);
                    }
                    return room;
                }
                None => self.malformed(Operation::Budget).await,
            }
        }
    }

    pub(super) async fn hold(&self, limit: &Limit, wait: Duration) {
        let arguments = take::hold_arguments(limit, wait);
        self.noted.note(Of::Requests, &limit.key, wait);
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

    pub(super) async fn order(
        &self,
        record: &str,
        who: &Comer,
        terms: &Terms,
        word: OrderWord,
    ) -> Turn {
        let key = format::order_key(&self.prefix, record);
        let arguments = order::arguments(who, terms, word);
        loop {
            let reply = self.run(Operation::Order, Script::Order, &key, arguments.clone()).await;
            match order::read(reply) {
                Some(turn) => return turn,
                None => self.malformed(Operation::Order).await,
            }
        }
    }

    pub(super) async fn share(&self, name: &str, text: &str, lasts: Duration) {
        let key = format!("{}:{name}", self.prefix);
        let call = match millis(lasts) {
            0 => Call::Forget { key },
            for_ms => Call::Share { key, text: text.to_owned(), for_ms },
        };
        self.call(Operation::Share, &Arc::new(call)).await;
    }

    pub(super) async fn shared(&self, name: &str) -> Option<String> {
        let key = format!("{}:{name}", self.prefix);
        let reply = self.call(Operation::Share, &Arc::new(Call::Shared { key })).await;
        Option::<String>::from_redis_value(reply).ok().flatten()
    }

    pub(super) async fn enter(&self, way: &Way, caller: Caller<'_>, is_asking: bool) -> Passage {
        let (own_ms, is_own_probe) = match self.own.enter(way, caller, is_asking) {
            Passage::Open { slot_ms, is_probe } => (slot_ms, is_probe),
            turned => return turned,
        };
        let arguments =
            gate::gate_arguments(way, caller, &self.worker, gate::entering(is_asking), 0);
        let passage = loop {
            match gate::read_passage(self.gate(way, arguments.clone()).await) {
                Some(passage) => break passage,
                None => self.malformed(Operation::Gate).await,
            }
        };
        self.own.asked(way, own_ms, passage);
        let wait_ms = match passage {
            Passage::Open { .. } => 0,
            Passage::Full(ms) | Passage::Shut(ms) => u64::try_from(ms).unwrap_or(0),
        };
        self.noted.note(Of::Calls, &way.key, Duration::from_millis(wait_ms));
        match passage {
            Passage::Open { slot_ms, is_probe } => {
                Passage::Open { slot_ms, is_probe: is_probe || is_own_probe }
            }
            turned => turned,
        }
    }

    pub(super) async fn leave(
        &self,
        way: &Way,
        caller: Caller<'_>,
        slot_ms: i64,
        ended: Ended,
    ) -> Option<i64> {
        let arguments = gate::gate_arguments(way, caller, &self.worker, ended.as_str(), slot_ms);
        let (wait_ms, is_shut) = gate::read_left(self.gate(way, arguments).await);
        let own_wait_ms = self.own.leave(way, caller, slot_ms, ended, is_shut);
        wait_ms.max(own_wait_ms)
    }

    pub(super) async fn limits(&self) -> Vec<Seen> {
        let key = format!("{}:limits:{{all}}", self.prefix);
        let arguments = self.noted.told();
        let reply = self.run(Operation::Look, Script::Known, &key, arguments).await;
        let names = Vec::<String>::from_redis_value(reply).unwrap_or_default();
        let seen = join_all(names.iter().map(|name| self.look(name))).await;
        seen.into_iter().flatten().collect()
    }

    async fn look(&self, name: &str) -> Option<Seen> {
        let (of, limit) = known::read(name)?;
        let key = format::state_key(&self.prefix, of, limit);
        let arguments = vec![of.as_str().to_owned()];
        let reply = self.run(Operation::Look, Script::Look, &key, arguments).await;
        let sight = Option::<Vec<i64>>::from_redis_value(reply).ok()??;
        let mut seen = Seen::new(of, limit, Sight::try_from(sight).ok()?);
        self.own.show(&mut seen);
        Some(seen)
    }

    async fn gate(&self, way: &Way, arguments: Vec<String>) -> Value {
        let key = format::state_key(&self.prefix, Of::Calls, &way.key);
        self.run(Operation::Gate, Script::Gate, &key, arguments).await
    }

    fn limit_key(&self, limit: &Limit) -> String {
        format::state_key(&self.prefix, Of::Requests, &limit.key)
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
        let (mut reconnect, mut errors) = (Reconnect::default(), 0);
        loop {
            let started = std::time::Instant::now();
            let answer = self.link.call(Arc::clone(call)).await;
            self.metrics.ledger_call(operation, answer.is_ok(), started.elapsed());
            match answer {
                Ok(value) => return value,
                Err(error) => {
                    let operation = operation.as_str();
                    // While Redis is away that is told once for all calls.
                    errors += u32::from(self.link.is_up());
                    if errors == WORTH_A_WARNING && self.link.is_news(&error) {
                        tracing::warn!(
                            operation,
                            error,
                            "redis is there and answers a call with an error again and again: it waits"
                        );
                    } else {
                        tracing::debug!(operation, error, "ledger call failed, waiting");
                    }
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

/// Refuses an address that no client can be made from, without quoting it.
pub(crate) fn check_url(url: &SecretString) -> anyhow::Result<()> {
    address::pool(url).map(|_| ())
}

/// Host and port of an address, without what is secret in it.
pub(crate) fn server(url: &SecretString) -> anyhow::Result<String> {
    address::server(url)
}
