//! What follows from an installation: the portal's tenant.
//!
//! This is the one place where an installation meets tenants. It is looked up, in the file of tenants or in the
//! records, and the page says so. Whoever makes a tenant of each portal that installs the app does it here.

use std::path::PathBuf;

use shared::origin::Origin;

use crate::directory::{View, view_of};
use crate::records::{Before, PortalFacts, Records};
use crate::tenants;

/// Where tenants are: in a file, or in the records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenancy {
    file: Option<PathBuf>,
}

/// Whether the portal is a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    /// This one.
    Named(String),
    /// None of those that there are.
    Nobody,
    /// There are no tenants, or they cannot be looked up now.
    Untold,
}

impl Tenancy {
    /// As this file has them, if there is one; else as the records do.
    pub(crate) fn of(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// A portal has installed the app; what it was `before`, and what is known of it. Gives its tenant.
    pub(super) async fn installed(
        &self,
        records: &Records,
        origin: &Origin,
        before: Before,
        facts: &PortalFacts,
    ) -> Tenant {
        tracing::info!(
            %origin,
            before = ?before,
            scopes = facts.scopes,
            "a portal has installed the app"
        );
        self.look_up(records, origin).await.unwrap_or(Tenant::Untold)
    }

    async fn look_up(&self, records: &Records, origin: &Origin) -> anyhow::Result<Tenant> {
        let view = match self.file.clone() {
            Some(file) => tokio::task::spawn_blocking(move || view_of(&file)).await??,
            None => View::of_records(&records.tenant_sections().await?),
        };
        // What is wrong with filters and templates is the worker's to say.
        let read = tenants::read(&view.name, &view.text, &|_| Ok(()), &|_| Ok(()));
        let read = read.map_err(|_| anyhow::anyhow!("the tenants are faulty"))?;
        Ok(match read.tenant_of(origin) {
            Some(tenant) => Tenant::Named(tenant.name.clone()),
            None if read.tenants.is_empty() => Tenant::Untold,
            None => Tenant::Nobody,
        })
    }
}
