//! Spans on their way out: a bounded queue, and a task that sends them in batches. Full, or with
//! a collector that does not take them, they are dropped, and that is said once in a while.
//!
//! OpenTelemetry's own `BatchSpanProcessor` is not used. It exports on a thread without a runtime, where
//! our HTTP client cannot run. It says how many spans a full queue has cost only at the end, of those
//! that a collector did not take nothing but an error for each batch, and all that through a macro of
//! its own. The one that runs on tokio is an experiment of theirs, and counts no better.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Spans that wait at most; some 500 bytes each.
pub(super) const WAITING: usize = 8192;
/// Spans that are sent at once at most.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How often it is said at most that spans are lost.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// How long the end waits for what is left.
pub(super) const FLUSH: Duration = Duration::from_secs(2);

/// The way in.
pub(super) struct Queue {
    spans: mpsc::Sender<SpanData>,
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
    sending: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    pub(super) fn start(exporter: SpanExporter) -> Self {
        let (spans, waiting) = mpsc::channel(WAITING);
        let (lost, stop) = (Arc::<AtomicU64>::default(), CancellationToken::new());
        let sender = Sender { waiting, exporter, lost: Arc::clone(&lost), why: None, said: None };
        let sending = tokio::spawn(sender.run(stop.clone()));
        Self { spans, lost, stop, sending: Mutex::new(Some(sending)) }
    }

    /// Puts a span in if there is room.
    pub(super) fn push(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans lost that nothing was said of yet.
    #[cfg(test)]
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Sends what is left, for [`FLUSH`] at most.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut sending) = sending else { return };
        if timeout(FLUSH, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("the collector did not take the last spans in time: dropped");
        }
    }
}

/// The task that sends.
struct Sender {
    waiting: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
    /// Spans lost and not spoken of yet.
    lost: Arc<AtomicU64>,
    /// Why the last batch was lost.
    why: Option<String>,
    said: Option<Instant>,
}

impl Sender {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let batch = self.gather(&stop).await;
            if batch.is_empty() {
                break;
            }
            self.send(batch).await;
            if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                self.say();
            }
        }
        self.say();
    }

    /// Waits for spans and then for some more to come; nothing at the end.
    async fn gather(&mut self, stop: &CancellationToken) -> Vec<SpanData> {
        let mut batch = Vec::new();
        let first = self.waiting.recv_many(&mut batch, BATCH);
        if stop.run_until_cancelled(first).await.is_some() && !batch.is_empty() {
            let full = async {
                while batch.len() < BATCH {
                    let room = BATCH - batch.len();
                    if self.waiting.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let _ = timeout(LINGER, stop.run_until_cancelled(full)).await;
        }
        if batch.is_empty() {
            // The end: nothing more gets in, and what is there goes out batch by batch.
            self.waiting.close();
            self.waiting.recv_many(&mut batch, BATCH).await;
        }
        batch
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len() as u64;
        if let Err(error) = self.exporter.export(batch).await {
            self.lost.fetch_add(spans, Ordering::Relaxed);
            self.why = Some(error.to_string());
        }
    }

    fn say(&mut self) {
        let spans = self.lost.swap(0, Ordering::Relaxed);
        if spans > 0 {
            let error = self.why.take();
            let error = error.as_deref().unwrap_or("more than the collector takes");
            tracing::warn!(spans, error, "spans dropped");
            self.said = Some(Instant::now());
        }
    }
}
