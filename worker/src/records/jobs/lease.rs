//! The right to work on a job: under an owner of its own for each taking, prolonged beside the work
//! however long a step takes. Whoever cannot prolong it in time does nothing more until that is
//! possible again; and all that is written names the owner, so that nothing comes of what is written
//! by one whom the job was taken from.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::handle::Jobs;
use super::job::Job;
use crate::records::runs::at_work::AtWork;

/// So long a job waits for whoever died at it.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// How often it is prolonged.
const BEAT: Duration = Duration::from_secs(2);
/// Nothing is done any more so long before its end: what was sent is on its way for a while.
const MARGIN: Duration = Duration::from_secs(2);
/// How long a lease is relied on.
const HOLDS: Duration = LEASE.saturating_sub(MARGIN);

/// How far a lease holds.
#[derive(Clone, Copy, Debug)]
enum Standing {
    /// Until then, unless it is prolonged.
    Until(Instant),
    /// Somebody else has the job.
    Lost,
}

/// A lease of one job.
#[derive(Debug)]
pub(super) struct Lease {
    jobs: Jobs,
    job_id: i64,
    owner: String,
    standing: watch::Sender<Standing>,
}

/// Until when a lease holds that was written at `asked` or later.
fn end(asked: Instant) -> Standing {
    Standing::Until(asked + HOLDS)
}

impl Lease {
    /// Of a job that was taken for `owner` at `asked` or later. It is prolonged until the handle is
    /// dropped.
    pub(super) fn begin(
        jobs: Jobs,
        job_id: i64,
        owner: String,
        asked: Instant,
    ) -> (Arc<Self>, AbortOnDropHandle<()>) {
        let lease =
            Arc::new(Self { jobs, job_id, owner, standing: watch::Sender::new(end(asked)) });
        let beating = tokio::spawn(Arc::clone(&lease).beat());
        (lease, AbortOnDropHandle::new(beating))
    }

    async fn beat(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BEAT).await;
            match self.hold().await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                // It may run out meanwhile, which whoever works looks at.
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::debug!(job.id = self.job_id, error, "job's lease was not prolonged");
                }
            }
        }
    }

    /// Prolongs it and tells how the job stands; `None` if it is somebody else's.
    pub(super) async fn hold(&self) -> anyhow::Result<Option<Job>> {
        let asked = Instant::now();
        let holding = timeout(LEASE, self.jobs.prolong(self.at()));
        let held = holding.await.context("the records' database does not answer in time")??;
        self.standing.send_modify(|standing| {
            *standing = match (&held, *standing) {
                (None, _) | (_, Standing::Lost) => Standing::Lost,
                // Whoever asked earlier may be answered later.
                (Some(_), Standing::Until(until)) if until > asked + HOLDS => *standing,
                (Some(_), Standing::Until(_)) => end(asked),
            };
        });
        Ok(held)
    }

    /// Does `work` for as long as the lease holds; `None` if it ended first, or had ended already.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.ends() => None,
            done = work => Some(done),
        }
    }

    async fn ends(&self) {
        let mut standing = self.standing.subscribe();
        loop {
            let Standing::Until(until) = *standing.borrow_and_update() else { return };
            if timeout_at(until, standing.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Until when it holds, as far as is known.
    pub(super) fn until(&self) -> Instant {
        match *self.standing.borrow() {
            Standing::Until(until) => until,
            Standing::Lost => Instant::now(),
        }
    }

    /// In whose name is written.
    pub(super) fn at(&self) -> AtWork<'_> {
        AtWork { job_id: self.job_id, owner: &self.owner }
    }
}
