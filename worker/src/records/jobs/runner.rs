//! Looks for jobs that have something to do, and works on them, some at a time.

use std::time::Duration;

use shared::broker::Broker;
use shared::metrics::BrokerMetrics;
use shared::trace::Tracer;
use tokio::task::JoinHandle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Jobs;
use super::work::Work;

/// Jobs worked on at once.
const AT_ONCE: usize = 4;
/// How often it is looked for jobs.
const LOOK: Duration = Duration::from_secs(1);
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
    /// `broker`. A database or a broker that is not there yet is waited for. Must be called on a
    /// multi-thread runtime.
    pub fn start(
        jobs: Jobs,
        broker: Broker,
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
    broker: Broker,
    only: Option<i64>,
    metrics: BrokerMetrics,
    tracer: Tracer,
    stop: CancellationToken,
}

impl Running {
    async fn run(self) {
        let owner = format!("{:032x}", rand::random::<u128>());
        let (mut works, mut late) = (JoinSet::new(), false);
        while !self.stop.is_cancelled() {
            while works.try_join_next().is_some() {}
            if works.len() < AT_ONCE {
                match self.begin(&owner, &mut works).await {
                    Ok(true) => continue,
                    Ok(false) => late = false,
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
        while works.join_next().await.is_some() {}
    }

    /// Begins with a job; false if there is none.
    async fn begin(&self, owner: &str, works: &mut JoinSet<()>) -> anyhow::Result<bool> {
        let Some(job) = self.jobs.take(owner, self.only).await? else { return Ok(false) };
        let work = Work::new(
            self.jobs.clone(),
            owner.to_owned(),
            &self.broker,
            self.metrics.clone(),
            self.tracer.clone(),
            self.stop.clone(),
        )?;
        works.spawn(work.run(job));
        Ok(true)
    }
}
