//! Dead letters as a job publishes them again.

use shared::broker::{Lane, Publication, Route};
use shared::event::Event;
use shared::message::{Message, OfJob};

use super::work::Batch;
use super::{Job, Jobs};
use crate::records::dead_letters::{ClaimOf, Exported};
use crate::records::origin_of;

impl Jobs {
    /// The next letters of a job: first what it has claimed already and perhaps published before it
    /// was cut off, else what `claim` gives.
    pub(super) async fn next_letters(
        &self,
        job: &Job,
        claim: ClaimOf<'_>,
        restart: bool,
    ) -> anyhow::Result<Batch> {
        let letters = self.letters();
        let mut claimed = letters.claimed(job.id).await?;
        if claimed.is_empty() && claim.limit > 0 {
            letters.claim_for_job(claim).await?;
            claimed = letters.claimed(job.id).await?;
        }
        let mut batch = Batch::default();
        for letter in claimed {
            let id = letter.letter.id;
            match again(letter, job, restart) {
                Some(message) => {
                    batch.letters.push(id);
                    batch.publications.push(bulk(message));
                }
                None => batch.unfit.push(id),
            }
        }
        Ok(batch)
    }
}

/// A message for the bulk queue.
pub(super) fn bulk(message: Message) -> Publication {
    Publication { route: Route::Ready(Lane::Bulk), message }
}

/// The letter as a message: where it failed, or from the start. `None` if it was erased meanwhile,
/// or is not one that a program of ours has written.
fn again(exported: Exported, job: &Job, restart: bool) -> Option<Message> {
    let Exported { letter, body } = exported;
    let generation = u32::try_from(letter.generation).ok()?;
    let attempt = u32::try_from(letter.attempt).ok()?;
    let (generation, attempt) = if restart {
        // Later than any there was.
        (generation.saturating_add(1).max(u32::try_from(job.generation).ok()?), 0)
    } else {
        // One more attempt than was spent; the ledger takes no earlier one.
        (generation, attempt)
    };
    let (origin, identity) = (origin_of(letter.portal_id), letter.identity.parse().ok()?);
    Some(Message {
        event: Event::new(origin, letter.subscription_type, identity, body?.into()),
        attempt,
        target: Some(letter.target).filter(|target| !target.is_empty()),
        received_ms: letter.received_ms,
        generation,
        traceparent: letter.traceparent,
        job: Some(OfJob { id: job.id.cast_unsigned(), attempt }),
        waiting: None,
        death: None,
    })
}
