//! What goes along into the records of a cluster: whom to erase, tenants, who did what, what people wrote about
//! problems, jobs, and which portals have the app. Whatever is there already is left as it is, so that it can be
//! done again.
//!
//! Carries no letter: those go through the broker. Carries no event log.

use serde::Serialize;

use super::database::on_pool;
use super::handle::Records;

mod audit;
mod erased;
mod installations;
mod jobs;
mod notes;
mod secrets;
mod tenants;

use audit::audit;
use erased::erased;
use installations::installations;
use jobs::jobs;
use notes::{Rekeyed, notes};
use secrets::secrets;
use tenants::tenants;

/// How much there is, or was, to be carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Carried {
    /// Contacts that were erased for privacy.
    pub(crate) erased: u64,
    /// Lines of the audit.
    pub(crate) audit: u64,
    /// Problems that somebody wrote a note on.
    pub(crate) notes: u64,
    /// Jobs.
    pub(crate) jobs: u64,
    /// Tenants, destinations and routes.
    pub(crate) tenants: u64,
    /// Portals that have the app, or had it.
    pub(crate) installations: u64,
}

impl Carried {
    /// Whether there is nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Records {
    /// How much there is to be carried.
    pub(crate) async fn to_carry(&self) -> anyhow::Result<Carried> {
        let database = self.ready().await?;
        let counts: (i64, i64, i64, i64, i64, i64) = on_pool!(database, pool => {
            sqlx::query_as(
                "SELECT (SELECT count(*) FROM erasure), (SELECT count(*) FROM audit), \
                 (SELECT count(*) FROM problem WHERE note IS NOT NULL), (SELECT count(*) FROM job), \
                 (SELECT count(*) FROM tenant_section), (SELECT count(*) FROM installation)",
            )
            .fetch_one(pool)
            .await?
        });
        let [erased, audit, notes, jobs, tenants, installations] =
            [counts.0, counts.1, counts.2, counts.3, counts.4, counts.5].map(i64::cast_unsigned);
        Ok(Carried { erased, audit, notes, jobs, tenants, installations })
    }

    /// Carries whom to erase into `to`, where it is looked for before anything about them is written.
    pub(crate) async fn carry_erased(&self, to: &Self) -> anyhow::Result<u64> {
        // Letters that come there later are of the problems that they were of here.
        self.carry_keys(to).await?;
        let (from, to) = (self.ready().await?, to.ready().await?);
        erased(from, to).await
    }

    /// Carries tenants into `to`: before what waits for their routes, and after the secrets that were made for their
    /// destinations, so that whoever sees a section finds its secret. Tells how many were not there.
    pub(crate) async fn carry_tenants(&self, to: &Self) -> anyhow::Result<u64> {
        secrets(self, to).await?;
        tenants(self, to).await
    }

    /// Carries all else into `to`; tells how much of it was not there.
    pub(crate) async fn carry_rest(&self, to: &Self) -> anyhow::Result<Carried> {
        let rekeyed = Rekeyed::between(self, to).await?;
        let (from, to) = (self.ready().await?, to.ready().await?);
        let (audit, notes, jobs) =
            (audit(from, to).await?, notes(from, to, &rekeyed).await?, jobs(from, to).await?);
        let installations = installations(from, to).await?;
        Ok(Carried { erased: 0, audit, notes, jobs, tenants: 0, installations })
    }
}
