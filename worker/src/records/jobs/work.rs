//! The work on one job: some letters or events, published and confirmed, and again, no faster than
//! wanted. It begins with a few and looks how they fare; it stops by itself when most die again.

use std::time::Duration;

use shared::broker::{Broker, Lane, Link, Publication, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::trace::{KeyValue, Span, SpanKind, Tracer, number};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::ends::RECENT;
use super::wish::Scope;
use super::{Job, JobState, Jobs};

/// The most that is published at once.
const BATCH: u32 = 200;
/// Batches a second, where the rate allows.
const BATCHES: u32 = 5;
/// How long one batch may take to be confirmed.
const CONFIRM: Duration = Duration::from_secs(10);
/// How long the first few are waited for.
const PROBE: Duration = Duration::from_secs(30);
/// What may wait in the bulk queue: what is there already cannot be cancelled.
const MAX_WAITING: u64 = 2000;
/// How long one step may take, with all it asks.
const STEP: Duration = Duration::from_secs(60);
/// Until something is looked at again that was not so far.
const LOOK: Duration = Duration::from_millis(300);
/// Until something is tried again that has failed.
const TRY: Duration = Duration::from_secs(1);

/// What is published at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) publications: Vec<Publication>,
    /// The letters they are of.
    pub(super) letters: Vec<i64>,
    /// Letters that cannot be published.
    pub(super) unfit: Vec<i64>,
    /// How far letters were claimed, or the log was read.
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
    pub(super) owner: String,
    pub(super) publisher: Publisher,
    pub(super) tracer: Tracer,
    pub(super) stop: CancellationToken,
    /// Until when the first few are waited for.
    probe_until: Option<Instant>,
}

impl Work {
    /// Ready to publish to `broker` once that can be reached. Must be called on a multi-thread
    /// runtime.
    pub(super) fn new(
        jobs: Jobs,
        owner: String,
        broker: &Broker,
        metrics: BrokerMetrics,
        tracer: Tracer,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let options =
            PublisherOptions { name: "hubline jobs".to_owned(), watch_depth: Some(Lane::Bulk) };
        let publisher = broker.publisher(options, metrics)?;
        Ok(Self { jobs, owner, publisher, tracer, stop, probe_until: None })
    }

    /// Works on `job` until it is over or has to wait, somebody else has it, or all is to stop.
    pub(super) async fn run(mut self, mut job: Job) {
        tracing::info!(job.id, job.kind = job.kind.as_str(), planned = job.planned, "job taken up");
        loop {
            let step = timeout(STEP, self.step(&job)).await;
            let step = step.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
            let wait = match step {
                Ok(Next::Nothing) => return,
                Ok(Next::After(wait)) => wait,
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(job.id, error, "job waits");
                    TRY
                }
            };
            if self.stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                if let Err(error) = self.jobs.let_go(job.id, &self.owner).await {
                    tracing::debug!(job.id, error = format!("{error:#}"), "job not let go of");
                }
                return;
            }
            match self.jobs.hold(job.id, &self.owner).await {
                Ok(Some(held)) => job = held,
                Ok(None) => {
                    tracing::info!(job.id, "job is somebody else's now");
                    return;
                }
                // The lease may run out meanwhile: the next time tells.
                Err(error) => tracing::warn!(job.id, error = format!("{error:#}"), "job waits"),
            }
        }
    }

    async fn step(&mut self, job: &Job) -> anyhow::Result<Next> {
        match job.state {
            JobState::Running => {}
            JobState::Cancelling => {
                let letters = self.jobs.letters().give_back(job.id).await?;
                tracing::info!(job.id, letters, "job cancelled");
                self.jobs.end(job, &self.owner, JobState::Cancelled, "").await?;
                return Ok(Next::Nothing);
            }
            JobState::Paused
            | JobState::Stopped
            | JobState::Cancelled
            | JobState::Done
            | JobState::Unknown => {
                self.jobs.let_go(job.id, &self.owner).await?;
                return Ok(Next::Nothing);
            }
        }
        let died = job.recent.matches('d').count();
        if job.recent.len() >= RECENT && died * 2 > RECENT {
            let reason = format!("{died} of the last {RECENT} runs died again");
            tracing::warn!(
                job.id,
                died = job.died,
                published = job.published,
                "job stopped itself"
            );
            self.jobs.end(job, &self.owner, JobState::Stopped, &reason).await?;
            return Ok(Next::Nothing);
        }
        match self.publisher.link() {
            Link::Up => {}
            // Nothing is claimed that cannot be published.
            Link::Connecting => return Ok(Next::After(LOOK)),
            Link::Down(why) => {
                self.jobs.remark(job, &self.owner, &format!("the broker is away: {why}")).await?;
                return Ok(Next::After(TRY));
            }
        }
        if self.publisher.depth().is_some_and(|depth| depth > MAX_WAITING) {
            return Ok(Next::After(LOOK));
        }
        let limit = if self.is_probing(job) { 0 } else { limit(job) };
        self.publish_some(job, limit).await
    }

    /// Whether the first few are published and not heard of yet.
    fn is_probing(&mut self, job: &Job) -> bool {
        let few = i64::try_from(RECENT).unwrap_or(i64::MAX);
        if job.published < few || job.ended() >= few {
            return false;
        }
        let until = *self.probe_until.get_or_insert_with(|| Instant::now() + PROBE);
        Instant::now() < until
    }

    /// Publishes what is claimed already, or up to `limit` more.
    async fn publish_some(&self, job: &Job, limit: u32) -> anyhow::Result<Next> {
        let Ok(scope) = serde_json::from_str(&job.scope) else {
            let reason = "made by another version, which this one does not understand";
            self.jobs.end(job, &self.owner, JobState::Stopped, reason).await?;
            return Ok(Next::Nothing);
        };
        let mut batch = match scope {
            Scope::Letters { filter, restart } => {
                self.jobs.next_letters(job, &self.owner, &filter, restart, limit).await?
            }
            Scope::Events { question, force } => {
                self.jobs.next_events(job, &question, force, limit).await?
            }
        };
        if batch.is_empty() && limit == 0 {
            return Ok(Next::After(LOOK));
        }
        if batch.is_empty() {
            tracing::info!(job.id, published = job.published, "job done: all is published");
            self.jobs.end(job, &self.owner, JobState::Done, "").await?;
            return Ok(Next::Nothing);
        }
        let count = u32::try_from(batch.publications.len()).unwrap_or(u32::MAX);
        let span = self.trace(job, &mut batch.publications);
        let deadline = Instant::now() + CONFIRM;
        let publishing = self.publisher.publish(batch.publications, deadline);
        if let Err(error) = span.around(publishing).await {
            // What is claimed stays so, and is the first thing to be published again.
            self.jobs.remark(job, &self.owner, &format!("waiting: {error}")).await?;
            return Ok(Next::After(TRY));
        }
        let letters = self.jobs.letters();
        letters.mark_retried(job.id, &batch.letters).await?;
        letters.put_back(job.id, &batch.unfit).await?;
        let skipped = batch.gone + i64::try_from(batch.unfit.len()).unwrap_or(i64::MAX);
        if let Some(place) = batch.place {
            self.jobs.advance(job, &self.owner, place, batch.counted, skipped).await?;
        }
        if !job.reason.is_empty() {
            self.jobs.remark(job, &self.owner, "").await?;
        }
        let rate = u32::try_from(job.rate).unwrap_or(0);
        let pause = if rate == 0 { Duration::ZERO } else { Duration::from_secs(1) * count / rate };
        Ok(Next::After(pause))
    }
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

/// How much is published at once: a few at first, and then as much as the rate allows.
fn limit(job: &Job) -> u32 {
    let rate = u32::try_from(job.rate).unwrap_or(0);
    let limit = if rate == 0 { BATCH } else { (rate / BATCHES).clamp(1, BATCH) };
    let few = u32::try_from(RECENT).unwrap_or(u32::MAX);
    let published = u32::try_from(job.published).unwrap_or(u32::MAX);
    if published < few { limit.min(few - published) } else { limit }
}
