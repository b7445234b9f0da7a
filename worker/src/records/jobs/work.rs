//! The work on one job: some letters moved; or some letters or events published and confirmed, and
//! again, no faster than wanted. That begins with a few until one has succeeded, and stops by itself
//! when most fail.

use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Broker, Lane, Link, Publication, PublishError, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::trace::{KeyValue, Span, SpanKind, Tracer, number};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::lease::Lease;
use super::pace::{due, failing, limit, takes};
use super::wish::{Action, Scope};
use super::{Job, JobState, Jobs};
use crate::records::dead_letters::{AtWork, ClaimOf, Filter};

/// How long one batch may take to be confirmed.
const CONFIRM: Duration = Duration::from_secs(10);
/// Said while the first few are waited for.
const PROBING: &str = "waiting for a first success; pause and resume it to go on without";
/// Letters moved in one transaction.
const MOVED: u32 = 2000;
/// What may wait in the bulk queue: what is there already cannot be cancelled.
const MAX_WAITING: u64 = 2000;
/// How long one step may take, with all it asks.
const STEP: Duration = Duration::from_secs(60);
/// Until something is looked at again that was not so far.
const LOOK: Duration = Duration::from_millis(300);
/// Until something is tried again that has failed.
const TRY: Duration = Duration::from_secs(1);
/// How long the last batch may take to be noted at the end; within what all the work has then.
const NOTE: Duration = Duration::from_secs(3);

/// What is published at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) publications: Vec<Publication>,
    /// The letters they are of.
    pub(super) letters: Vec<i64>,
    /// Letters that cannot be published.
    pub(super) unfit: Vec<i64>,
    /// How far the log was read.
    pub(super) place: Option<(i64, i64)>,
    /// Events to be counted as published; letters are with their claim.
    pub(super) counted: i64,
    /// Events whose bytes are gone.
    pub(super) gone: i64,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.publications.is_empty() && self.unfit.is_empty() && self.gone == 0
    }
}

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

    async fn step(&mut self, job: &Job) -> anyhow::Result<Next> {
        // However the job stands by now, and whoever has it next.
        if self.published.is_some() {
            return self.note_published(job).await;
        }
        match job.state {
            JobState::Running => {}
            JobState::Cancelling => {
                return self.cancel(job).await;
            }
            JobState::Paused
            | JobState::Stopped
            | JobState::Cancelled
            | JobState::Done
            | JobState::Unknown => {
                self.jobs.let_go(self.lease.at()).await?;
                return Ok(Next::Nothing);
            }
        }
        let Ok(scope) = serde_json::from_str::<Scope>(&job.scope) else {
            let reason = "made by another version, which this one does not understand";
            return self.end(job, JobState::Stopped, reason).await;
        };
        // What a kind of job comes down to is said here, and nowhere else.
        let (jobs, at) = (self.jobs.clone(), self.lease.clone());
        match scope {
            Scope::Letters { filter, action: Action::Discard, .. } => {
                let claim = claim(job, at.at(), &filter, MOVED);
                let moved = jobs.letters().discard_for_job(claim).await?;
                self.moved(job, moved).await
            }
            Scope::Letters { filter, action: Action::Restore, since_ms } => {
                let claim = claim(job, at.at(), &filter, MOVED);
                let moved = jobs.letters().restore_for_job(claim, since_ms).await?;
                self.moved(job, moved).await
            }
            Scope::Letters { filter, action: Action::Retry, .. } => {
                let next =
                    |limit| jobs.next_letters(job, claim(job, at.at(), &filter, limit), false);
                self.publish_some(job, next).await
            }
            Scope::Letters { filter, action: Action::Restart, .. } => {
                let next =
                    |limit| jobs.next_letters(job, claim(job, at.at(), &filter, limit), true);
                self.publish_some(job, next).await
            }
            Scope::Events { question, force } => {
                let next = |limit| jobs.next_events(job, &question, force, limit);
                self.publish_some(job, next).await
            }
        }
    }

    /// Goes on with a job that moves letters, unless there were none any more.
    async fn moved(&self, job: &Job, letters: usize) -> anyhow::Result<Next> {
        if letters > 0 {
            return Ok(Next::After(Duration::ZERO));
        }
        tracing::info!(job.id, letters = job.published, "job done: all is moved");
        self.end(job, JobState::Done, "").await
    }

    /// Ends the work, unless somebody has turned the job meanwhile.
    async fn end(&self, job: &Job, to: JobState, reason: &str) -> anyhow::Result<Next> {
        let ended = self.jobs.end(job, self.lease.at(), to, reason).await?;
        Ok(if ended { Next::Nothing } else { Next::After(Duration::ZERO) })
    }

    /// Lets go of what is claimed. What was perhaps published stays so: nobody knows, and shown as dead it
    /// would be retried beside itself.
    async fn cancel(&self, job: &Job) -> anyhow::Result<Next> {
        let (letters, at) = (self.jobs.letters(), self.lease.at());
        let (left, given_back) = (letters.leave_begun(at).await?, letters.give_back(at).await?);
        let reason = match left {
            0 => String::new(),
            left => {
                format!("{left} were being published when it was cut off, and may be on their way")
            }
        };
        tracing::info!(job.id, letters = given_back, left, "job cancelled");
        self.end(job, JobState::Cancelled, &reason).await
    }

    /// Publishes the next batch, if it is time for one and they do not fail.
    async fn publish_some<F>(
        &mut self,
        job: &Job,
        next: impl FnOnce(u32) -> F,
    ) -> anyhow::Result<Next>
    where
        F: Future<Output = anyhow::Result<Batch>>,
    {
        if let Some(reason) = failing(job) {
            tracing::warn!(job.id, published = job.published, reason, "job stopped itself");
            return self.end(job, JobState::Stopped, &reason).await;
        }
        let begun = Instant::now();
        if begun < self.due {
            return Ok(Next::After(self.due - begun));
        }
        let Some(publisher) = &self.publisher else {
            // Only those were taken that need none.
            anyhow::bail!("there is no broker to publish to");
        };
        match publisher.link() {
            Link::Up => {}
            // Nothing is claimed that cannot be published.
            Link::Connecting => return Ok(Next::After(LOOK)),
            Link::Down(why) => {
                let reason = format!("the broker is away: {why}");
                self.jobs.remark(job, self.lease.at(), &reason).await?;
                return Ok(Next::After(TRY));
            }
        }
        if publisher.depth().is_some_and(|depth| depth > MAX_WAITING) {
            return Ok(Next::After(LOOK));
        }
        let limit = limit(job);
        let mut batch = next(limit).await?;
        if batch.is_empty() && limit == 0 {
            self.jobs.remark(job, self.lease.at(), PROBING).await?;
            return Ok(Next::After(LOOK));
        }
        if batch.is_empty() {
            tracing::info!(job.id, published = job.published, "job done: all is published");
            return self.end(job, JobState::Done, "").await;
        }
        let mut publications = std::mem::take(&mut batch.publications);
        if !self.jobs.expect(self.lease.at(), &publications).await? {
            return Ok(Next::After(Duration::ZERO));
        }
        self.due = due(self.due, begun, takes(job, publications.len()));
        let span = self.trace(job, &mut publications);
        // Not past the lease, which is prolonged meanwhile: another may have the job then.
        let deadline = self.lease.until().min(Instant::now() + CONFIRM);
        let publishing = publisher.publish(publications.clone(), deadline);
        if let Err(error) = span.around(publishing).await {
            if matches!(error, PublishError::Unavailable | PublishError::Blocked) {
                self.jobs.withdraw(self.lease.at(), &publications).await?;
            }
            // What is claimed stays so, and is the first thing to be published again.
            self.jobs.remark(job, self.lease.at(), &format!("waiting: {error}")).await?;
            return Ok(Next::After(TRY));
        }
        self.published = Some(batch);
        self.note_published(job).await
    }

    /// Notes what is published. If that is not possible now it is what the next step does: published
    /// once more it would be there twice.
    async fn note_published(&mut self, job: &Job) -> anyhow::Result<Next> {
        let Some(batch) = &self.published else { return Ok(Next::After(Duration::ZERO)) };
        let (letters, at) = (self.jobs.letters(), self.lease.at());
        letters.mark_retried(at, &batch.letters).await?;
        letters.put_back(at, &batch.unfit).await?;
        if let Some(place) = batch.place {
            self.jobs.advance(at, place, batch.counted, batch.gone).await?;
        }
        if !job.reason.is_empty() {
            self.jobs.remark(job, at, "").await?;
        }
        self.published = None;
        Ok(Next::After(self.due.saturating_duration_since(Instant::now())))
    }
}

impl Work {
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

    /// The batch's span. What belongs to no trace, as replayed events do, goes on in the batch's.
    fn trace(&self, job: &Job, publications: &mut [Publication]) -> Span {
        if !self.tracer.is_on() {
            return Span::default();
        }
        let context = self.tracer.begin();
        for publication in publications {
            publication.message.traceparent.get_or_insert_with(|| context.to_string());
        }
        self.tracer.root(context, SpanKind::Internal, || {
            let kind = KeyValue::new("job.kind", job.kind.as_str());
            ("job batch".into(), vec![number("job.id", job.id), kind])
        })
    }
}

/// The next letters of a job.
fn claim<'a>(job: &Job, at: AtWork<'a>, filter: &'a Filter, limit: u32) -> ClaimOf<'a> {
    ClaimOf { at, filter, cutoff_ms: job.cutoff_ms, after: job.place_id, limit }
}
