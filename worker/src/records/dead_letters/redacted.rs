//! What people are shown of errors: they may quote what must not be shown of their events.

use super::DeadLetters;
use super::groups::Group;
use super::letter::Letter;
use super::show::Shown;
use crate::records::redaction::{Redacted, Redaction};

impl DeadLetters {
    /// Leaves out of the letters' errors what `redaction` leaves out of their events.
    pub async fn redact(
        &self,
        redaction: &Redaction,
        letters: &mut [Letter],
    ) -> anyhow::Result<()> {
        for letter in letters {
            self.redact_text(redaction, letter.id, &mut letter.error).await?;
        }
        Ok(())
    }

    /// The same of problems' samples.
    pub async fn redact_samples(
        &self,
        redaction: &Redaction,
        groups: &mut [Group],
    ) -> anyhow::Result<()> {
        for group in groups {
            if let (Some(id), Some(sample)) = (group.sample_id, &mut group.sample) {
                self.redact_text(redaction, id, sample).await?;
            }
        }
        Ok(())
    }

    /// One event at a time: they can be large.
    async fn redact_text(
        &self,
        redaction: &Redaction,
        id: i64,
        text: &mut String,
    ) -> anyhow::Result<()> {
        if redaction.is_on() && !text.is_empty() {
            let body = self.body(id).await?;
            let redacted = redaction.of_kept(body.as_deref());
            *text = redacted.text(text).into_owned();
        }
        Ok(())
    }
}

impl Shown {
    /// Leaves out of every error what is left out of the event, which all of it is about.
    pub fn redact(&mut self, redacted: &Redacted<'_>) {
        let letters = self.earlier.iter_mut().chain(&mut self.later);
        for letter in letters.chain([&mut self.letter]) {
            letter.error = redacted.text(&letter.error).into_owned();
        }
        for error in self.log.iter_mut().filter_map(|line| line.error.as_mut()) {
            *error = redacted.text(error).into_owned();
        }
    }
}
