//! Takes dead letters out of their queues into the records, in batches: committed first, acked
//! then, so that whatever ends it in between makes a letter come again, and none is lost. While
//! the database is away nothing is taken.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::broker::Broker;
use shared::metrics::BrokerMetrics;
use shared::retry::Reconnect;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::handle::DeadLetters;
use super::intake::{BATCH, answers, commit, gather, options};
use super::retention::Retention;

mod metrics;

use metrics::IndexMetrics;

/// How long the last batch may take at the end.
const CLOSE: Duration = Duration::from_secs(5);
/// What has been over for too long is looked for so often.
const EXPIRE_EVERY: Duration = Duration::from_secs(3600);

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
