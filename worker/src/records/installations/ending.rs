//! The end of an installation: its token goes, and what is for the portal's tenant is held, in one transaction.

use shared::origin::Origin;

use crate::records::database::{Transaction, on_transaction};
use crate::records::handle::Records;
use crate::records::tenants;

impl Records {
    /// HubSpot has refused the refresh with this fence for good: the portal is without the app, and its token
    /// goes. False if somebody else has begun another refresh, or it was installed again: they know better.
    pub(crate) async fn revoke_installation(
        &self,
        origin: &Origin,
        fence: i64,
        code: &str,
        now_ms: i64,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        let revoked = on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "UPDATE installation SET state = 'uninstalled', refresh_token = NULL, \
                 uninstalled_ms = $4, leased_until_ms = 0, error_code = $3 \
                 WHERE origin = $1 AND fence = $2 AND token_fence < $2 AND state = 'installed'",
            )
            .bind(origin.to_string())
            .bind(fence)
            .bind(code)
            .bind(now_ms)
            .execute(connection)
            .await?
            .rows_affected()
        });
        end(transaction, origin, revoked > 0, now_ms).await
    }

    /// Somebody said that the portal is without the app: its token goes, and what a refresh that is under way
    /// brings is not kept. False if it was not installed.
    pub(crate) async fn uninstall(
        &self,
        origin: &Origin,
        code: &str,
        now_ms: i64,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        let uninstalled = on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "UPDATE installation SET state = 'uninstalled', refresh_token = NULL, \
                 fence = fence + 1, token_fence = fence + 1, leased_until_ms = 0, \
                 uninstalled_ms = $3, error_code = $2 WHERE origin = $1 AND state = 'installed'",
            )
            .bind(origin.to_string())
            .bind(code)
            .bind(now_ms)
            .execute(connection)
            .await?
            .rows_affected()
        });
        end(transaction, origin, uninstalled > 0, now_ms).await
    }
}

async fn end(
    mut transaction: Transaction,
    origin: &Origin,
    is_news: bool,
    now_ms: i64,
) -> anyhow::Result<bool> {
    if is_news {
        tenants::uninstalled(&mut transaction, origin, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(is_news)
}
