//! Takes dead letters out of their queues into the records, in batches: committed first, acked
//! then, so that whatever ends it in between makes a letter come again, and none is lost. While
//! the database is away nothing is taken.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use shared::broker::{Broker, DeadLetterOptions, DeadQueue, Delivery, Settlement};
use shared::clock::now_ms;
use shared::metrics::BrokerMetrics;
use shared::retry::Reconnect;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::DeadLetters;
use super::arrival::Arrival;
use super::fingerprint::keyed;
use super::index::{Indexed, index};
use super::retention::Retention;
use crate::records::Purpose;

mod metrics;

use metrics::IndexMetrics;

/// Letters of one transaction.
const BATCH: usize = 500;
/// What the broker may send ahead: letters can be large, and each of these may be in memory.
const PREFETCH: u16 = 500;
/// A batch takes no more letters behind the one that takes it over this: one can have megabytes.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// How long a letter waits for company.
const MOMENT: Duration = Duration::from_millis(200);
/// How long the database may take for a batch.
const COMMIT: Duration = Duration::from_secs(30);
/// How long the last batch may take at the end.
const CLOSE: Duration = Duration::from_secs(5);
/// What has been over for too long is looked for so often.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);
/// In a queue that others take from too, letters that do not come within this are theirs; the first
/// may take longer.
const QUIET: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_secs(5);

/// Runs until closed or dropped.
#[derive(Debug)]
pub struct Indexer {
    task: JoinHandle<()>,
    stop: CancellationToken,
    _expiring: AbortOnDropHandle<()>,
    _counting: AbortOnDropHandle<()>,
}

impl Indexer {
    /// The longest that [`Self::close`] takes.
    pub const CLOSE: Duration = CLOSE;

    /// Starts in the background; a broker or a database that is not there yet is waited for.
    /// Letters that have been over for longer than `retention` are deleted. Must be called on a
    /// multi-thread runtime.
    pub fn start(
        letters: DeadLetters,
        broker: Broker,
        retention: Retention,
        registry: &mut Registry,
        broker_metrics: BrokerMetrics,
    ) -> Self {
        let (metrics, stop) = (IndexMetrics::register(registry), CancellationToken::new());
        let changed = Arc::new(Notify::new());
        let counting = letters.measure_open(registry, Arc::clone(&changed));
        let expiring = expire(letters.clone(), retention, metrics.clone());
        let indexing =
            Indexing { letters, broker, metrics, broker_metrics, changed, stop: stop.clone() };
        Self {
            task: tokio::spawn(indexing.run()),
            stop,
            _expiring: AbortOnDropHandle::new(tokio::spawn(expiring)),
            _counting: counting,
        }
    }

    /// Ends after the batch that is being written; what is not in the records by then is in its
    /// queue. Waits some seconds for a database that does not answer, and no longer.
    pub async fn close(mut self) {
        self.stop.cancel();
        if timeout(CLOSE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

async fn expire(letters: DeadLetters, retention: Retention, metrics: IndexMetrics) {
    loop {
        match letters.expire(retention).await {
            Ok(expired) => metrics.expired(expired),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "old dead letters were not looked after");
            }
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

struct Indexing {
    letters: DeadLetters,
    broker: Broker,
    metrics: IndexMetrics,
    broker_metrics: BrokerMetrics,
    /// Told when letters were taken in.
    changed: Arc<Notify>,
    stop: CancellationToken,
}

impl Indexing {
    async fn run(self) {
        let mut reconnect = Reconnect::default();
        let mut late = false;
        while let Err(error) = self.take(&mut reconnect, &mut late).await {
            self.metrics.failures.inc();
            if !std::mem::replace(&mut late, true) {
                let error = format!("{error:#}");
                tracing::error!(error, "dead letters are not taken into the records: they wait");
            }
            let pause = tokio::time::sleep(reconnect.next_delay());
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Indexes until it is stopped (`Ok`) or something fails; what was taken goes back then.
    async fn take(&self, reconnect: &mut Reconnect, late: &mut bool) -> anyhow::Result<()> {
        // Before anything is taken: what is given back counts as delivered.
        let answered = self.stop.run_until_cancelled(answers(&self.letters)).await;
        let Some(answered) = answered else { return Ok(()) };
        answered?;
        let (consumer, mut deliveries) =
            self.broker.dead_letters(options(), self.broker_metrics.clone())?;
        let ended = loop {
            let batch = gather(&mut deliveries, BATCH, None, &self.stop).await;
            if batch.is_empty() {
                break if self.stop.is_cancelled() {
                    Ok(())
                } else {
                    Err(anyhow::anyhow!("the consumer has ended"))
                };
            }
            let unrouted = batch.iter().filter(|(arrival, _)| arrival.is_unrouted()).count();
            match commit(&self.letters, batch).await {
                Err(error) => break Err(error),
                Ok(indexed) => {
                    self.metrics.indexed.inc_by(indexed.new);
                    self.metrics.unrouted.inc_by(unrouted as u64);
                    self.metrics.problems.inc_by(indexed.problems);
                    self.changed.notify_one();
                    reconnect.reset();
                    if std::mem::take(late) {
                        tracing::info!("dead letters are taken into the records again");
                    }
                }
            }
        };
        drop(deliveries);
        consumer.close().await;
        ended
    }
}

/// How [`drain`] went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// What became of the letters that were there.
    pub indexed: Indexed,
    /// Whether that was all of them.
    pub complete: bool,
}

/// Takes the letters that are there now into the records; gives up after `patience`, which is no
/// error: the others wait. Must be called on a multi-thread runtime.
pub async fn drain(
    letters: &DeadLetters,
    broker: &Broker,
    patience: Duration,
) -> anyhow::Result<Drained> {
    let deadline = Instant::now() + patience;
    timeout_at(deadline, answers(letters))
        .await
        .context("the records' database does not answer in time")??;
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let (consumer, mut deliveries) = broker.dead_letters(options(), metrics)?;
    let mut drained = Drained::default();
    let draining = async {
        let (expected, mut taken) = (consumer.ready().await?, 0);
        let never = CancellationToken::new();
        while taken < expected {
            let left = usize::try_from(expected - taken).unwrap_or(BATCH).min(BATCH);
            let patience = if taken == 0 { FIRST } else { QUIET };
            let batch = gather(&mut deliveries, left, Some(patience), &never).await;
            if batch.is_empty() {
                // Somebody else has them, or they are slow to come.
                return Ok(taken > 0);
            }
            taken += batch.len() as u64;
            let Indexed { new, known, died_again, problems } = commit(letters, batch).await?;
            drained.indexed.new += new;
            drained.indexed.known += known;
            drained.indexed.died_again += died_again;
            drained.indexed.problems += problems;
        }
        anyhow::Ok(true)
    };
    let ended = timeout_at(deadline, draining).await;
    drop(deliveries);
    consumer.close().await;
    drained.complete = ended.unwrap_or(Ok(false))?;
    Ok(drained)
}

fn options() -> DeadLetterOptions {
    DeadLetterOptions { name: "hubline dead letters".to_owned(), prefetch: PREFETCH }
}

/// Whether the database can be used.
async fn answers(letters: &DeadLetters) -> anyhow::Result<()> {
    timeout(COMMIT, async { letters.records.ready().await?.ping().await })
        .await
        .context("the records' database does not answer in time")?
}

/// The next letters: as many as come within a moment, up to `limit`. None if nothing comes within
/// `patience`, or none any more once it is to `stop`.
async fn gather(
    deliveries: &mut UnboundedReceiver<Delivery<DeadQueue>>,
    limit: usize,
    patience: Option<Duration>,
    stop: &CancellationToken,
) -> Vec<(Arrival, Settlement)> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut deadline = patience.map(|patience| Instant::now() + patience);
    while batch.len() < limit && bytes < BATCH_BYTES {
        let receiving = async {
            match deadline {
                Some(deadline) => timeout_at(deadline, deliveries.recv()).await.ok().flatten(),
                None => deliveries.recv().await,
            }
        };
        let delivery = stop.run_until_cancelled(receiving).await.flatten();
        let Some(Delivery { message, lane, settlement, .. }) = delivery else { break };
        if settlement.is_lost() {
            // Its copy is on its way.
            continue;
        }
        if batch.is_empty() {
            deadline = Some(Instant::now() + MOMENT);
        }
        let arrival = Arrival::new(message, lane, now_ms());
        bytes += arrival.body.len();
        batch.push((arrival, settlement));
    }
    batch
}

/// Writes a batch and then acks it. Dropped in between, all of it goes back.
async fn commit(
    letters: &DeadLetters,
    batch: Vec<(Arrival, Settlement)>,
) -> anyhow::Result<Indexed> {
    let (mut arrivals, settlements): (Vec<Arrival>, Vec<_>) = batch.into_iter().unzip();
    let database = letters.records.ready().await?;
    let key = timeout(COMMIT, letters.records.key(Purpose::Problems))
        .await
        .context("the records' database does not answer in time")??;
    for arrival in &mut arrivals {
        arrival.fingerprint = keyed(&key, &arrival.fingerprint);
    }
    let indexed = timeout(COMMIT, index(database, &arrivals))
        .await
        .context("the records' database did not take dead letters in time")?
        .context("the records' database takes no dead letters")?;
    for settlement in settlements {
        settlement.ack();
    }
    Ok(indexed)
}
