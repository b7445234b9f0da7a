//! Dead letters as a job publishes them again.

use shared::message::{Message, OfJob};

use super::batch::{Batch, bulk};
use super::handle::Jobs;
use super::job::Job;
use crate::records::dead_letters::claims::ClaimOf;
use crate::records::dead_letters::exported::Exported;

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

/// The letter as a message: where it failed, or from the start. `None` if it was erased meanwhile,
/// or is not one that a program of ours has written.
fn again(letter: Exported, job: &Job, restart: bool) -> Option<Message> {
    let message = letter.message()?;
    let (generation, attempt) = if restart {
        // Later than any there was.
        let later = message.generation.saturating_add(1);
        (later.max(u32::try_from(job.generation).ok()?), 0)
    } else {
        // One more attempt than was spent; the ledger takes no earlier one.
        (message.generation, message.attempt)
    };
    let job = Some(OfJob { id: job.id.cast_unsigned(), attempt });
    Some(Message { generation, attempt, job, ..message })
}
