//! Letters and problems, as far as somebody sees them.

use super::View;
use crate::records::dead_letters::{
    Acts, Count, Export, Filter, Group, Grouping, Groups, Letter, Noted, Page, Shown,
};

impl View {
    /// The letters that match, the latest first; `before` is where a page ended.
    pub(in crate::console) async fn letters(
        &self,
        filter: &Filter,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Page> {
        let filter = self.reach.filter(filter.clone())?;
        let mut page = self.letters.list(&filter, before, limit).await?;
        self.letters.redact(&self.redaction, &mut page.letters).await?;
        Ok(page)
    }

    /// How many match, no further than is quick.
    pub(in crate::console) async fn count(&self, filter: &Filter) -> anyhow::Result<Count> {
        self.letters.count_some(&self.reach.filter(filter.clone())?).await
    }

    /// What the letters have in common, page by page.
    pub(in crate::console) async fn groups(
        &self,
        by: Grouping,
        all: bool,
        first: i64,
        limit: i64,
    ) -> anyhow::Result<Groups> {
        let mut found = match self.reach.origin() {
            None => self.letters.some_groups(by, all, first, limit).await?,
            Some(origin) => self.letters.groups_of(origin, by, all, first, limit).await?,
        };
        self.letters.redact_samples(&self.redaction, &mut found.groups).await?;
        Ok(found)
    }

    /// The problem with this fingerprint, if a letter has it.
    pub(in crate::console) async fn problem(
        &self,
        fingerprint: &str,
    ) -> anyhow::Result<Option<Group>> {
        let mut problem = match self.reach.origin() {
            None => self.letters.problem(fingerprint).await?,
            Some(origin) => self.letters.problem_of(origin, fingerprint).await?,
        };
        self.letters.redact_samples(&self.redaction, problem.as_mut_slice()).await?;
        Ok(problem)
    }

    /// All there is to know of one letter, as it came: who shows it leaves out what is not shown.
    pub(in crate::console) async fn letter(&self, id: i64) -> anyhow::Result<Option<Shown>> {
        let Some(mut shown) = self.letters.show(id).await? else { return Ok(None) };
        if !self.covers(&shown.letter.origin) {
            return Ok(None);
        }
        shown.earlier.retain(|letter| self.covers(&letter.origin));
        shown.later.retain(|letter| self.covers(&letter.origin));
        shown.log.retain(|line| self.covers(&line.origin));
        // No way leads to a job that is about others too.
        if let (Some(job), Some(origin)) = (shown.letter.job_id, self.reach.origin())
            && self.letters.jobs().get_of(origin, job).await?.is_none()
        {
            shown.letter.job_id = None;
        }
        Ok(Some(shown))
    }

    /// The first bytes of the event of a letter that was shown.
    pub(in crate::console) async fn body_start(
        &self,
        letter: &Letter,
        limit: i32,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        self.letters.body_start(letter.id, limit).await
    }

    /// All of them.
    pub(in crate::console) async fn body(
        &self,
        letter: &Letter,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        self.letters.body(letter.id).await
    }

    /// The event's bytes to be kept, unless they were erased or there is no such letter.
    pub(in crate::console) async fn hand_out(&self, id: i64) -> anyhow::Result<Option<Vec<u8>>> {
        // A letter's origin never changes, and no other letter gets its number.
        let origin = self.letters.origin_of(id).await?;
        if origin.is_none_or(|origin| !self.covers(&origin)) {
            return Ok(None);
        }
        self.letters.hand_out(id, &self.who).await
    }

    /// Begins an export of the letters that match.
    pub(in crate::console) async fn export(&self, filter: &Filter) -> anyhow::Result<Export> {
        self.letters.export(&self.reach.filter(filter.clone())?, &self.who).await
    }

    /// Writes a note on a problem. Everybody reads it who has that problem, and so it is nothing for those
    /// who see one origin.
    pub(in crate::console) async fn note(
        &self,
        fingerprint: &str,
        read: &str,
        note: Option<&str>,
    ) -> anyhow::Result<Noted> {
        self.all()?;
        self.letters.note(fingerprint, read, note, &self.who).await
    }

    /// What everybody did, the latest first.
    pub(in crate::console) async fn acts(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Acts> {
        self.all()?;
        self.letters.acts(before, limit).await
    }
}
