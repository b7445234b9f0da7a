//! Looks for jobs that have something to do, and works on them, some at a time.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use shared::broker::Broker;
use shared::metrics::BrokerMetrics;
use shared::trace::Tracer;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::handle::Jobs;
use super::job::Kind;
use super::lease::Lease;
use super::take::{Taken, Watched};
use super::work::Work;

/// Jobs worked on at once of those that publish, and as many of those that do not: these never wait
/// behind the others, which take long.
const AT_ONCE: usize = 4;
/// How often it is looked for jobs.
const LOOK: Duration = Duration::from_secs(1);
/// How long a look may take.
const TAKE: Duration = Duration::from_secs(15);
/// How long what is being published may take to be confirmed at the end.
const CLOSE: Duration = Duration::from_secs(5);

/// Runs until closed or dropped.
#[derive(Debug)]
pub struct Runner {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Runner {
    /// The longest that [`Self::close`] takes.
    pub const CLOSE: Duration = CLOSE;

    /// Starts in the background: takes whatever job there is, or `only` this one, and publishes to
    /// `broker`; without one it takes only jobs that publish nothing. A database or a broker that is
    /// not there yet is waited for. Must be called on a
    /// multi-thread runtime.
    pub fn start(
        jobs: Jobs,
        broker: Option<Broker>,
        only: Option<i64>,
        metrics: BrokerMetrics,
        tracer: &Tracer,
    ) -> Self {
        let stop = CancellationToken::new();
        let tracer = tracer.clone();
        let running = Running { jobs, broker, only, metrics, tracer, stop: stop.clone() };
        Self { task: tokio::spawn(running.run()), stop }
    }

    /// Ends after what is being published; the jobs go on elsewhere, or at the next start.
    pub async fn close(mut self) {
        self.stop.cancel();
        if timeout(CLOSE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.stop.cancel();
        self.task.abort();
    }
}

struct Running {
    jobs: Jobs,
    broker: Option<Broker>,
    only: Option<i64>,
    metrics: BrokerMetrics,
    tracer: Tracer,
    stop: CancellationToken,
}

/// Jobs in hand, by number: the work, and whether it publishes.
type Works = HashMap<i64, (AbortOnDropHandle<()>, bool)>;

impl Running {
    async fn run(self) {
        let (mut works, mut watched, mut late) = (Works::new(), Watched::default(), false);
        while !self.stop.is_cancelled() {
            works.retain(|_, (work, _)| !work.is_finished());
            let kinds = self.kinds(&works);
            if !kinds.is_empty() {
                match self.begin(&mut works, &kinds, &mut watched).await {
                    Ok(true) => continue,
                    Ok(false) => {
                        if std::mem::take(&mut late) {
                            tracing::info!("jobs are looked for again");
                        }
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut late, true) {
                            let error = format!("{error:#}");
                            tracing::warn!(error, "jobs cannot be looked for");
                        }
                    }
                }
            }
            self.stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
        }
        for (work, _) in works.into_values() {
            // One that has panicked is let go of by the end of its lease.
            let _ = work.await;
        }
    }

    /// The kinds of jobs that there is room for.
    fn kinds(&self, works: &Works) -> Vec<Kind> {
        let room = |publishes: bool| {
            works.values().filter(|(_, other)| *other == publishes).count() < AT_ONCE
        };
        let has_room = [room(false), room(true) && self.broker.is_some()];
        Kind::ALL.into_iter().filter(|kind| has_room[usize::from(kind.publishes())]).collect()
    }

    /// Begins with a job of one of these kinds; false if there is none.
    async fn begin(
        &self,
        works: &mut Works,
        kinds: &[Kind],
        watched: &mut Watched,
    ) -> anyhow::Result<bool> {
        // Another one for each taking: what an earlier one still has to write is void.
        let owner = format!("{:032x}", rand::random::<u128>());
        let (in_hand, asked) = (works.keys().copied().collect(), Instant::now());
        let taking = self.jobs.take(&owner, self.only, kinds, &in_hand, watched);
        let taken = timeout(TAKE, taking).await;
        let taken = taken.context("the records' database does not answer in time")??;
        let Some(Taken { job, from_lost }) = taken else { return Ok(false) };
        let (kind, published, planned) = (job.kind.as_str(), job.published, job.planned);
        if from_lost {
            tracing::warn!(
                job.id,
                job.kind = kind,
                published,
                planned,
                "job taken over: whoever worked on it was lost"
            );
        } else {
            tracing::info!(job.id, job.kind = kind, published, planned, "job taken up");
        }
        let work = Work::new(
            self.jobs.clone(),
            Lease::begin(self.jobs.clone(), job.id, owner, asked),
            self.broker.as_ref().filter(|_| job.kind.publishes()),
            self.metrics.clone(),
            self.tracer.clone(),
            self.stop.clone(),
        )?;
        let (id, kind) = (job.id, job.kind);
        let task = AbortOnDropHandle::new(tokio::spawn(work.run(job)));
        works.insert(id, (task, kind.publishes()));
        Ok(true)
    }
}
