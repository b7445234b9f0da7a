//! The end of an installation: what is for the portal's tenant is held, in one transaction with it.
//!
//! Where HubSpot's token endpoint says so, the sealed token is kept for a while: such an answer may be anybody's on
//! the way, or an outage's, and somebody may have it tried again. Where the end was told the token goes at once.

use shared::origin::Origin;

use crate::records::database::{on_pool, on_reading, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::records::tenants;

impl Records {
    /// HubSpot has refused for good, to the refresh with this fence, the token that stood there with the second one:
    /// the portal is without the app, since when is given. The token stays until [`Self::erase_tokens`]. `None` if
    /// somebody else has begun another refresh, it was installed again, or one that was late has brought a newer
    /// token: they know better.
    pub(crate) async fn revoke_installation(
        &self,
        origin: &Origin,
        (fence, token_fence): (i64, i64),
        code: &str,
        now_ms: i64,
    ) -> anyhow::Result<Option<i64>> {
        let mut transaction = self.ready().await?.transaction().await?;
        let since_ms: Option<i64> = on_transaction!(&mut transaction, connection => {
            // One that was tried again has been without the app since it was refused first.
            sqlx::query_scalar(
                "UPDATE installation SET state = 'uninstalled', \
                 uninstalled_ms = coalesce(uninstalled_ms, $4), leased_until_ms = 0, error_code = $3 \
                 WHERE origin = $1 AND fence = $2 AND token_fence = $5 AND state = 'installed' \
                 RETURNING uninstalled_ms",
            )
            .bind(origin.to_string())
            .bind(fence)
            .bind(code)
            .bind(now_ms)
            .bind(token_fence)
            .fetch_optional(connection)
            .await?
        });
        if since_ms.is_some() {
            let about = format!("account={origin}");
            audit::note(&mut transaction, audit::OWN_NAME, "uninstall", &about, 1).await?;
            tenants::uninstalled(&mut transaction, origin, audit::OWN_NAME, now_ms).await?;
        }
        transaction.commit().await?;
        Ok(since_ms)
    }

    /// `who` said that the portal is without the app: its token goes at once, and what a refresh that is under way
    /// brings is not kept. Its tenant's events are held, whether or not it had a token. False if all of it was
    /// known. Workers forget the access token that they share within seconds.
    ///
    /// The one way for whatever tells of it.
    pub(crate) async fn uninstall(
        &self,
        origin: &Origin,
        code: &str,
        who: &str,
        now_ms: i64,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        let uninstalled = on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "UPDATE installation SET state = 'uninstalled', refresh_token = NULL, \
                 fence = fence + 1, token_fence = fence + 1, leased_until_ms = 0, \
                 uninstalled_ms = coalesce(uninstalled_ms, $3), error_code = $2 \
                 WHERE origin = $1 AND (state = 'installed' OR refresh_token IS NOT NULL)",
            )
            .bind(origin.to_string())
            .bind(code)
            .bind(now_ms)
            .execute(connection)
            .await?
            .rows_affected()
        });
        if uninstalled > 0 {
            let about = format!("account={origin}");
            audit::note(&mut transaction, who, "uninstall", &about, uninstalled).await?;
        }
        let held = tenants::uninstalled(&mut transaction, origin, who, now_ms).await?;
        transaction.commit().await?;
        Ok(uninstalled > 0 || held > 0)
    }

    /// Has the token tried once more that was kept of a portal whose refresh was refused: it counts as uninstalled
    /// until HubSpot takes it. False if there is none.
    pub(crate) async fn try_token_again(&self, origin: &Origin, who: &str) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        let tried = on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "UPDATE installation SET state = 'installed', due_ms = 0, leased_until_ms = 0 \
                 WHERE origin = $1 AND state = 'uninstalled' AND refresh_token IS NOT NULL",
            )
            .bind(origin.to_string())
            .execute(connection)
            .await?
            .rows_affected()
        });
        if tried > 0 {
            let about = format!("account={origin}");
            audit::note(&mut transaction, who, "resume", &about, tried).await?;
        }
        transaction.commit().await?;
        Ok(tried > 0)
    }

    /// Erases the tokens that were kept of portals which were without the app at `until_ms` already; how many.
    pub(crate) async fn erase_tokens(&self, until_ms: i64) -> anyhow::Result<u64> {
        let database = self.ready().await?;
        Ok(on_pool!(database, pool => {
            sqlx::query(
                "UPDATE installation SET refresh_token = NULL, state = 'uninstalled' \
                 WHERE refresh_token IS NOT NULL AND uninstalled_ms <= $1",
            )
            .bind(until_ms)
            .execute(pool)
            .await?
            .rows_affected()
        }))
    }

    /// How many portals of this app count as uninstalled since then because their refresh was refused.
    pub(crate) async fn refused_since(&self, app: &str, since_ms: i64) -> anyhow::Result<i64> {
        let database = self.ready().await?;
        Ok(on_pool!(database, pool => {
            sqlx::query_scalar(
                "SELECT count(*) FROM installation WHERE app = $1 AND state = 'uninstalled' \
                 AND refresh_token IS NOT NULL AND uninstalled_ms >= $2",
            )
            .bind(app)
            .bind(since_ms)
            .fetch_one(pool)
            .await?
        }))
    }

    /// The portals that have had the app and are without it, each since when (ms since the Unix epoch). One whose
    /// token is tried once more is among them until HubSpot takes it.
    pub(crate) async fn without_app(&self) -> anyhow::Result<Vec<(Origin, i64)>> {
        let database = self.ready().await?;
        let gone: Vec<(String, i64)> = on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT origin, uninstalled_ms FROM installation WHERE uninstalled_ms IS NOT NULL \
                 ORDER BY origin",
            )
            .fetch_all(pool)
            .await?
        });
        Ok(gone.into_iter().filter_map(|(origin, ms)| Some((origin.parse().ok()?, ms))).collect())
    }

    /// The portals that are without the app since then, the last ones first.
    pub(crate) async fn uninstalled_since(
        &self,
        since_ms: i64,
        most: i64,
    ) -> anyhow::Result<Vec<Origin>> {
        let database = self.ready().await?;
        let gone: Vec<String> = on_reading!(database, pool => {
            sqlx::query_scalar(
                "SELECT origin FROM installation WHERE state = 'uninstalled' \
                 AND uninstalled_ms >= $1 ORDER BY uninstalled_ms DESC LIMIT $2",
            )
            .bind(since_ms)
            .bind(most)
            .fetch_all(pool)
            .await?
        });
        Ok(gone.iter().filter_map(|origin| origin.parse().ok()).collect())
    }
}
