//! How much a job publishes at once, when the next is due, and when it goes no further: a few until one
//! has succeeded, then no faster than wanted, and nothing any more once most fail.

use std::time::Duration;

use tokio::time::Instant;

use super::job::Job;
use crate::records::runs::counts::RECENT;

/// The most that is published at once.
const BATCH: u32 = 200;
/// Batches a second, where the rate allows.
const BATCHES: u32 = 5;

/// How long so many messages take at the job's rate.
pub(super) fn takes(job: &Job, messages: usize) -> Duration {
    let messages = u32::try_from(messages).unwrap_or(u32::MAX);
    match u32::try_from(job.rate) {
        Ok(rate @ 1..) => Duration::from_secs(1) * messages / rate,
        _ => Duration::ZERO,
    }
}

/// When the next batch is due after one that was `due` then, was begun at `begun` and `takes` so long. A
/// batch that is begun a little late does not make all behind it late; but what was missed for longer
/// is not made up for.
pub(super) fn due(due: Instant, begun: Instant, takes: Duration) -> Instant {
    let from = if begun.saturating_duration_since(due) < takes { due } else { begun };
    from + takes
}

/// Whether most of the last runs have failed, in words.
pub(super) fn failing(job: &Job) -> Option<String> {
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
pub(super) fn limit(job: &Job) -> u32 {
    let rate = u32::try_from(job.rate).unwrap_or(0);
    let limit = if rate == 0 { BATCH } else { (rate / BATCHES).clamp(1, BATCH) };
    if job.trusted || job.succeeded > 0 || (job.published >= job.planned && !job.planned_more) {
        return limit;
    }
    let few = i64::try_from(RECENT).unwrap_or(i64::MAX).saturating_add(job.skipped * 2);
    limit.min(u32::try_from(few.saturating_sub(job.published)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn batches_are_due_at_the_rate_however_long_each_takes() {
        let (start, takes) = (Instant::now(), Duration::from_millis(200));
        let mut at = start;
        for batch in 0..50 {
            // Asking for a batch and being woken takes its time.
            let begun = at + Duration::from_millis(batch % 60);
            at = due(at, begun, takes);
            assert!(at >= begun, "{batch}");
        }
        assert_eq!(at - start, takes * 50);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_missed_is_not_made_up_for() {
        let (start, takes) = (Instant::now(), Duration::from_millis(200));
        let begun = start + Duration::from_secs(12);
        assert_eq!(due(start, begun, takes), begun + takes);
    }
}
