//! What people are shown of errors: they may quote what must not be shown of their events.

use super::group::Group;
use super::handle::DeadLetters;
use super::letter::Letter;
use super::show::Shown;
use crate::records::alias::Aliases;
use crate::records::redaction::{Redacted, Redaction};

impl DeadLetters {
    /// Leaves out of the letters' errors what `redaction` leaves out of their events, and calls
    /// these by what people may call them.
    pub async fn redact(
        &self,
        redaction: &Redaction,
        letters: &mut [Letter],
    ) -> anyhow::Result<()> {
        if !redaction.is_on() {
            return Ok(());
        }
        let aliases = self.records.aliases(redaction).await?;
        for letter in letters {
            self.redact_text(redaction, letter.id, &mut letter.error).await?;
            letter.identity = aliases.shown(&letter.identity);
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
    /// Leaves out of every error and answer what is left out of the event, which all of it is about, and calls
    /// this by what people may call it.
    pub(crate) fn redact(
        &mut self,
        redaction: &Redaction,
        redacted: &Redacted<'_>,
        aliases: &Aliases,
    ) {
        let letters = self.earlier.iter_mut().chain(&mut self.later);
        for letter in letters.chain([&mut self.letter]) {
            letter.error = redacted.text(&letter.error).into_owned();
            letter.identity = aliases.shown(&letter.identity);
        }
        for line in &mut self.log {
            line.identity = aliases.shown(&line.identity);
            line.redact(redaction, redacted);
        }
    }
}
