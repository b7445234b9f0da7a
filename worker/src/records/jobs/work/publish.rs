//! Publishing a job's batches: some letters or events published and confirmed, and again, no faster than
//! wanted. That begins with a few until one has succeeded, and stops by itself when most fail.

use std::time::Duration;

use shared::broker::{Link, Publication, PublishError};
use shared::trace::{KeyValue, Span, SpanKind, number};
use tokio::time::Instant;

use super::{Next, TRY, Work};
use crate::records::jobs::batch::Batch;
use crate::records::jobs::job::{Job, JobState};
use crate::records::jobs::pace::{due, failing, limit, takes};

/// How long one batch may take to be confirmed.
const CONFIRM: Duration = Duration::from_secs(10);
/// Said while the first few are waited for.
const PROBING: &str = "waiting for a first success; pause and resume it to go on without";
/// What may wait in the bulk queue: what is there already cannot be cancelled.
const MAX_WAITING: u64 = 2000;
/// Until something is looked at again that was not so far.
const LOOK: Duration = Duration::from_millis(300);

impl Work {
    /// Publishes the next batch, if it is time for one and they do not fail.
    pub(super) async fn publish_some<F>(
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
    pub(super) async fn note_published(&mut self, job: &Job) -> anyhow::Result<Next> {
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

    /// The batch's span. What belongs to no trace, as replayed events do, goes on in the batch's.
    fn trace(&self, job: &Job, publications: &mut [Publication]) -> Span {
        if !self.tracer.is_on() {
            return Span::default();
        }
        let context = self.tracer.begin();
        for publication in publications {
            publication.message.traceparent.get_or_insert_with(|| context.to_string().into());
        }
        self.tracer.root(context, SpanKind::Internal, || {
            let kind = KeyValue::new("job.kind", job.kind.as_str());
            ("job batch".into(), vec![number("job.id", job.id), kind])
        })
    }
}
