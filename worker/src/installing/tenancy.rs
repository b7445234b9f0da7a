//! What follows from an installation: the portal's tenant.
//!
//! This is the one place where an installation meets tenants. In the records the tenant is made, or goes on; a
//! file is only looked at. The page says which it is.

use std::path::PathBuf;

use shared::origin::Origin;

use crate::directory::view_of;
use crate::oauth::{App, Granted};
use crate::records::{Before, PortalFacts};
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

    /// Keeps what a portal has granted that installs the app, and its tenant with it. Gives what it was before, and
    /// its tenant.
    pub(super) async fn install(
        &self,
        app: &App,
        origin: &Origin,
        granted: &Granted,
        facts: &PortalFacts,
    ) -> anyhow::Result<(Before, Tenant)> {
        let (before, found) = if let Some(file) = self.file.clone() {
            let before = app.install(origin, granted, facts).await?;
            (before, look_up(file, origin).await)
        } else {
            let (before, made) = app.install_tenant(origin, granted, facts).await?;
            (before, made.map(Tenant::Named).map_err(anyhow::Error::from))
        };
        tracing::info!(
            %origin,
            before = ?before,
            scopes = facts.scopes,
            "a portal has installed the app"
        );
        let tenant = found.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::warn!(%origin, error, "the portal's tenant is not known: look whether there is one");
            Tenant::Untold
        });
        Ok((before, tenant))
    }
}

async fn look_up(file: PathBuf, origin: &Origin) -> anyhow::Result<Tenant> {
    let view = tokio::task::spawn_blocking(move || view_of(&file)).await??;
    // What is wrong with filters and templates is the worker's to say.
    let text = (&*view.name, &*view.text);
    let read = tenants::read(text, view.standing, &|_| Ok(()), &|_| Ok(()));
    let read = read.map_err(|_| anyhow::anyhow!("the tenants are faulty"))?;
    Ok(match read.tenant_of(origin) {
        Some(tenant) => Tenant::Named(tenant.name.clone()),
        None if read.tenants.is_empty() => Tenant::Untold,
        None => Tenant::Nobody,
    })
}
