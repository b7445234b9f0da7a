//! Jobs, as far as somebody sees them: those about one origin alone, for those who see that one. What they
//! make is about nothing else, whatever was asked for.

use super::View;
use crate::records::dead_letters::{Count, Plan};
use crate::records::jobs::{Job, Jobs, Scope, Wish};

impl View {
    /// What a job would be about.
    pub(in crate::console) async fn plan(
        &self,
        scope: Scope,
        cutoff_ms: i64,
    ) -> anyhow::Result<Plan> {
        self.letters.jobs().plan(&self.reach.scope(scope)?, cutoff_ms).await
    }

    /// Makes a job; `None` if there is nothing to do.
    pub(in crate::console) async fn make(
        &self,
        scope: Scope,
        cutoff_ms: i64,
        rate: u32,
        planned: Option<Count>,
    ) -> anyhow::Result<Option<Job>> {
        let scope = self.reach.scope(scope)?;
        let wish = Wish { scope, cutoff_ms, rate, who: self.who.clone() };
        self.letters.jobs().make(&wish, planned).await
    }

    /// Jobs, the latest first.
    pub(in crate::console) async fn jobs(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> anyhow::Result<Vec<Job>> {
        let jobs = self.letters.jobs();
        let found = match self.reach.origin() {
            None => jobs.list(before, limit).await?,
            Some(origin) => jobs.list_of(origin, before, limit).await?,
        };
        Ok(found.into_iter().map(|job| self.seen(job)).collect())
    }

    /// One of them.
    pub(in crate::console) async fn job(&self, id: i64) -> anyhow::Result<Option<Job>> {
        let jobs = self.letters.jobs();
        let found = match self.reach.origin() {
            None => jobs.get(id).await?,
            Some(origin) => jobs.get_of(origin, id).await?,
        };
        Ok(found.map(|job| self.seen(job)))
    }

    /// Lets a job wait, if it is running. Here and below: whether that was so; `None` if there is no such job.
    pub(in crate::console) async fn pause(&self, id: i64) -> anyhow::Result<Option<bool>> {
        self.turn(id, async |jobs, who| jobs.pause(id, who).await).await
    }

    /// Lets one go on that was paused or has stopped.
    pub(in crate::console) async fn resume(&self, id: i64) -> anyhow::Result<Option<bool>> {
        self.turn(id, async |jobs, who| jobs.resume(id, who).await).await
    }

    /// Ends one.
    pub(in crate::console) async fn cancel(&self, id: i64) -> anyhow::Result<Option<bool>> {
        self.turn(id, async |jobs, who| jobs.cancel(id, who).await).await
    }

    /// For those who see everything nothing is asked first, behind all who look at pages.
    async fn turn(
        &self,
        id: i64,
        turn: impl AsyncFnOnce(&Jobs, &str) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Option<bool>> {
        let jobs = self.letters.jobs();
        if let Some(origin) = self.reach.origin()
            && jobs.get_of(origin, id).await?.is_none()
        {
            return Ok(None);
        }
        let turned = turn(&jobs, &self.who).await?;
        Ok(if turned || jobs.get(id).await?.is_some() { Some(turned) } else { None })
    }

    /// Who made it, and why it stands still, as far as that is told.
    fn seen(&self, mut job: Job) -> Job {
        job.who = self.told(job.who);
        if !self.reach.is_all() {
            // What follows names servers.
            job.reason.truncate(job.reason.find(": ").unwrap_or(job.reason.len()));
        }
        job
    }
}
