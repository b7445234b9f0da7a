//! The work on one job: some letters moved; or some letters or events published and confirmed, and
//! again, no faster than wanted. That begins with a few until one has succeeded, and stops by itself
//! when most fail.

use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Broker, Lane, Link, Publication, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::trace::{KeyValue, Span, SpanKind, Tracer, number};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::ends::RECENT;
use super::lease::Lease;
use super::wish::{Action, Scope};
use super::{Job, JobState, Jobs};
use crate::records::dead_letters::{AtWork, ClaimOf, Filter};

/// The most that is published at once.
const BATCH: u32 = 200;
/// Batches a second, where the rate allows.
const BATCHES: u32 = 5;
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
    /// How many there were.
    count: u32,
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
        Ok(Self { jobs, lease, _beating: beating, publisher, tracer, stop, published: None })
    }

    /// Works on `job` until it is over or has to wait, somebody else has it, or all is to stop.
    pub(super) async fn run(mut self, mut job: Job) {
        tracing::info!(job.id, job.kind = job.kind.as_str(), planned = job.planned, "job taken up");
        let lease = Arc::clone(&self.lease);
        loop {
            let wait = match lease.guard(timeout(STEP, self.step(&job))).await {
                Some(Ok(Ok(Next::Nothing))) => return,
                Some(Ok(Ok(Next::After(wait)))) => wait,
                Some(Ok(Err(error))) => waits(&job, &error),
                Some(Err(_)) => waits(&job, &anyhow::anyhow!("no answer in time")),
                None => waits(&job, &anyhow::anyhow!("its lease cannot be prolonged in time")),
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return self.leave(&job).await;
            }
            // No step without knowing how the job stands: after the last one it stands elsewhere.
            let held = loop {
                match lease.hold().await {
                    Ok(held) => break held,
                    Err(error) => {
                        let wait = waits(&job, &error);
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
                let letters = self.jobs.letters().give_back(self.lease.at()).await?;
                tracing::info!(job.id, letters, "job cancelled");
                return self.end(job, JobState::Cancelled, "").await;
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
        batch.count = u32::try_from(publications.len()).unwrap_or(u32::MAX);
        let span = self.trace(job, &mut publications);
        // Not past the lease, which is prolonged meanwhile: another may have the job then.
        let deadline = self.lease.until().min(Instant::now() + CONFIRM);
        if let Err(error) = span.around(publisher.publish(publications, deadline)).await {
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
        let count = batch.count;
        self.published = None;
        let rate = u32::try_from(job.rate).unwrap_or(0);
        let pause = if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) * count / rate };
        Ok(Next::After(pause))
    }
}

/// Tells why, and gives how long.
fn waits(job: &Job, error: &anyhow::Error) -> Duration {
    let error = format!("{error:#}");
    tracing::warn!(job.id, error, "job waits");
    TRY
}

impl Work {
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

/// Whether most of the last runs have failed, in words.
fn failing(job: &Job) -> Option<String> {
    let count = |end: char| job.recent.matches(end).count();
    let (died, failed) = (count('d'), count('f'));
    let is_failing = job.recent.len() >= RECENT && (died + failed) * 2 > RECENT;
    is_failing.then(|| match (died, failed) {
        (died, 0) => format!("{died} of the last {RECENT} runs died again"),
        (0, failed) => format!("{failed} of the last {RECENT} runs failed"),
        (died, failed) => {
            format!("{} of the last {RECENT} runs failed or died again", died + failed)
        }
    })
}

/// How much is published at once: as much as the rate allows, and until one has succeeded a few only.
/// What had nothing to do tells nothing: for each of these it is two more.
fn limit(job: &Job) -> u32 {
    let rate = u32::try_from(job.rate).unwrap_or(0);
    let limit = if rate == 0 { BATCH } else { (rate / BATCHES).clamp(1, BATCH) };
    if job.trusted || job.succeeded > 0 || (job.published >= job.planned && !job.planned_more) {
        return limit;
    }
    let few = i64::try_from(RECENT).unwrap_or(i64::MAX).saturating_add(job.skipped * 2);
    limit.min(u32::try_from(few.saturating_sub(job.published)).unwrap_or(0))
}

/// The next letters of a job.
fn claim<'a>(job: &Job, at: AtWork<'a>, filter: &'a Filter, limit: u32) -> ClaimOf<'a> {
    ClaimOf { at, filter, cutoff_ms: job.cutoff_ms, after: job.place_id, limit }
}
