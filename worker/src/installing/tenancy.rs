//! What follows from an installation: the portal's tenant.
//!
//! This is the one place where an installation meets tenants. As long as they stand in a file, it is the file that
//! says who is one: it is looked up, and the page says so.

use std::path::PathBuf;

use shared::origin::Origin;

use crate::directory::text_of;
use crate::records::{Before, PortalFacts};
use crate::tenants;

/// Where tenants are, if they are anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenancy {
    file: Option<PathBuf>,
}

/// Whether the portal is a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    /// This one.
    Named(String),
    /// None that the file has.
    Nobody,
    /// There are no tenants, or they cannot be looked up now.
    Untold,
}

impl Tenancy {
    /// As this file has them, if there is one.
    pub(crate) fn in_file(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// A portal has installed the app; what it was `before`, and what is known of it. Gives its tenant.
    pub(super) async fn installed(
        &self,
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
        let (tenancy, origin) = (self.clone(), origin.clone());
        let looking = tokio::task::spawn_blocking(move || tenancy.look_up(&origin));
        looking.await.unwrap_or(Tenant::Untold)
    }

    fn look_up(&self, origin: &Origin) -> Tenant {
        let Some(file) = &self.file else { return Tenant::Untold };
        let Ok(text) = text_of(file) else { return Tenant::Untold };
        // What is wrong with filters and templates is the worker's to say.
        let read = tenants::read(&file.display().to_string(), &text, &|_| Ok(()), &|_| Ok(()));
        let Ok(read) = read else { return Tenant::Untold };
        let tenant = read.tenant_of(origin);
        tenant.map_or(Tenant::Nobody, |tenant| Tenant::Named(tenant.name.clone()))
    }
}
