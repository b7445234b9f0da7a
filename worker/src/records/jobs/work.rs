//! Somebody at work on one job, under a lease, until it is over: step by step, and no step without knowing
//! how the job stands.

use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Broker, Lane, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::trace::Tracer;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::batch::Batch;
use super::handle::Jobs;
use super::job::Job;
use super::lease::Lease;

mod publish;
mod step;

/// How long one step may take, with all it asks.
const STEP: Duration = Duration::from_secs(60);
/// Until something is tried again that has failed.
const TRY: Duration = Duration::from_secs(1);
/// How long the last batch may take to be noted at the end; within what all the work has then.
const NOTE: Duration = Duration::from_secs(3);

/// What comes next.
enum Next {
    After(Duration),
    Nothing,
}

/// Somebody at work on a job.
pub(super) struct Work {
    pub(super) jobs: Jobs,
    lease: Arc<Lease>,
    _beating: AbortOnDropHandle<()>,
    /// None where there is nothing to publish.
    publisher: Option<Publisher>,
    tracer: Tracer,
    stop: CancellationToken,
    /// What is published, and perhaps not noted yet.
    published: Option<Batch>,
    /// When the next batch is due.
    due: Instant,
    /// Whether something has failed, and is not known to be over.
    waits: bool,
}

impl Work {
    /// On the job of `lease`; ready to publish to `broker`, if there is something to publish, once that
    /// can be reached. Must be called on a multi-thread runtime.
    pub(super) fn new(
        jobs: Jobs,
        (lease, beating): (Arc<Lease>, AbortOnDropHandle<()>),
        broker: Option<&Broker>,
        metrics: BrokerMetrics,
        tracer: Tracer,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let options =
            PublisherOptions { name: "hubline jobs".to_owned(), watch_depth: Some(Lane::Bulk) };
        let publisher = broker.map(|broker| broker.publisher(options, metrics)).transpose()?;
        Ok(Self {
            jobs,
            lease,
            _beating: beating,
            publisher,
            tracer,
            stop,
            published: None,
            due: Instant::now(),
            waits: false,
        })
    }

    /// Works on `job` until it is over or has to wait, somebody else has it, or all is to stop.
    pub(super) async fn run(mut self, mut job: Job) {
        let lease = Arc::clone(&self.lease);
        loop {
            let wait = match lease.guard(timeout(STEP, self.step(&job))).await {
                Some(Ok(Ok(Next::Nothing))) => return,
                Some(Ok(Ok(Next::After(wait)))) => {
                    self.goes_on(&job);
                    wait
                }
                Some(Ok(Err(error))) => self.waits(&job, &error),
                Some(Err(_)) => self.waits(&job, &anyhow::anyhow!("no answer in time")),
                None => self.waits(&job, &anyhow::anyhow!("its lease cannot be prolonged in time")),
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return self.leave(&job).await;
            }
            // No step without knowing how the job stands: after the last one it stands elsewhere.
            let held = loop {
                match lease.hold().await {
                    Ok(held) => break held,
                    Err(error) => {
                        let wait = self.waits(&job, &error);
                        let waiting = tokio::time::sleep(wait);
                        if self.stop.run_until_cancelled(waiting).await.is_none() {
                            return self.leave(&job).await;
                        }
                    }
                }
            };
            let Some(held) = held else {
                tracing::info!(job.id, "job is somebody else's now");
                return;
            };
            job = held;
        }
    }

    /// Lets go of the job, but not of a batch that is published and not noted: whoever took the job up
    /// at once would publish that again.
    async fn leave(&mut self, job: &Job) {
        if self.published.is_some() {
            let lease = Arc::clone(&self.lease);
            let noted = lease.guard(timeout(NOTE, self.note_published(job))).await;
            if !matches!(noted, Some(Ok(Ok(_)))) {
                tracing::warn!(job.id, "job not let go of: its last batch is not noted");
                return;
            }
        }
        if let Err(error) = self.jobs.let_go(self.lease.at()).await {
            tracing::debug!(job.id, error = format!("{error:#}"), "job not let go of");
        }
    }

    /// Tells why, once until it goes on, and gives how long.
    fn waits(&mut self, job: &Job, error: &anyhow::Error) -> Duration {
        let error = format!("{error:#}");
        if std::mem::replace(&mut self.waits, true) {
            tracing::debug!(job.id, error, "job waits still");
        } else {
            tracing::warn!(job.id, error, "job waits");
        }
        TRY
    }

    fn goes_on(&mut self, job: &Job) {
        if std::mem::take(&mut self.waits) {
            tracing::info!(job.id, published = job.published, "job goes on");
        }
    }
}
