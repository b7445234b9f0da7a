//! An install as it is written: in one transaction with what becomes of the portal's tenant.

use shared::origin::Origin;

use super::{Before, Given, InstallationState, PortalFacts};
use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::records::tenants::{self, NoTenant};

impl Records {
    /// A portal has installed the app, for the first time or again: what was under way with its last token
    /// comes too late.
    pub(crate) async fn install(
        &self,
        origin: &Origin,
        app: &str,
        given: Given<'_>,
        facts: &PortalFacts,
        now_ms: i64,
    ) -> anyhow::Result<Before> {
        let mut transaction = self.ready().await?.transaction().await?;
        let before = installed(&mut transaction, (origin, app), given, facts, now_ms).await?;
        tenants::reinstalled(&mut transaction, origin, now_ms).await?;
        transaction.commit().await?;
        Ok(before)
    }

    /// The same, and in one with it the portal's tenant is made if there is none: so no portal has the app and no
    /// tenant. Gives its name, or why none can be made.
    pub(crate) async fn install_tenant(
        &self,
        origin: &Origin,
        app: &str,
        given: Given<'_>,
        facts: &PortalFacts,
        now_ms: i64,
    ) -> anyhow::Result<(Before, Result<String, NoTenant>)> {
        let mut transaction = self.ready().await?.transaction().await?;
        let before = installed(&mut transaction, (origin, app), given, facts, now_ms).await?;
        let tenant = tenants::installed(&mut transaction, origin, now_ms).await?;
        transaction.commit().await?;
        Ok((before, tenant))
    }
}

/// The installation as it is written; what it was before.
async fn installed(
    transaction: &mut Transaction,
    (origin, app): (&Origin, &str),
    given: Given<'_>,
    facts: &PortalFacts,
    now_ms: i64,
) -> anyhow::Result<Before> {
    let state: Option<String> = on_transaction!(&mut *transaction, connection => {
        sqlx::query_scalar("SELECT state FROM installation WHERE origin = $1")
            .bind(origin.to_string())
            .fetch_optional(connection)
            .await?
    });
    on_transaction!(&mut *transaction, connection => {
        sqlx::query(
            "INSERT INTO installation (origin, state, app, refresh_token, fence, token_fence, \
             leased_until_ms, due_ms, expires_ms, scopes, user_id, installed_ms) \
             VALUES ($1, 'installed', $2, $3, 1, 1, 0, $4, $5, $6, $7, $8) \
             ON CONFLICT (origin) DO UPDATE SET state = 'installed', app = excluded.app, \
             refresh_token = excluded.refresh_token, fence = installation.fence + 1, \
             token_fence = installation.fence + 1, leased_until_ms = 0, due_ms = excluded.due_ms, \
             expires_ms = excluded.expires_ms, scopes = excluded.scopes, user_id = excluded.user_id, \
             installed_ms = excluded.installed_ms, uninstalled_ms = NULL, error_code = NULL",
        )
        .bind(origin.to_string())
        .bind(app)
        .bind(given.refresh_token)
        .bind(given.due_ms)
        .bind(given.expires_ms)
        .bind(&facts.scopes)
        .bind(facts.user_id)
        .bind(now_ms)
        .execute(connection)
        .await?;
    });
    let about = format!("account={origin}");
    audit::note(transaction, audit::OWN_NAME, "install", &about, 1).await?;
    Ok(match state.map(InstallationState::try_from).transpose()? {
        None => Before::Unknown,
        Some(InstallationState::Installed) => Before::Installed,
        Some(InstallationState::Uninstalled) => Before::Uninstalled,
    })
}
