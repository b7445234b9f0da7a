//! The portals that have installed the app, each with its sealed refresh token.
//!
//! Owns the fence: a refresh is begun under a number of its own, by one at a time, and a token that came under
//! a number takes the place of those only that came under a smaller one. So whoever was frozen in the middle of
//! a refresh neither undoes a later one nor loses what it alone was given. Refuses to seal or to open.

use shared::clock::now_ms;
use shared::origin::Origin;

use super::database::{on_pool, on_reading, on_transaction};
use super::handle::Records;
use super::row::from_row;
use super::tenants;

mod ending;
mod install;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use state::InstallationState;

from_row! {
    /// One portal's installation, without its token.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Installation {
        pub(crate) origin: Origin as String,
        pub(crate) state: InstallationState as String,
        pub(crate) app: String,
        pub(crate) token_fence: i64,
        pub(crate) leased_until_ms: i64,
        pub(crate) expires_ms: i64,
        pub(crate) scopes: String,
        pub(crate) installed_ms: i64,
        pub(crate) uninstalled_ms: Option<i64>,
        pub(crate) error_code: Option<String>,
        /// Whether a refresh token is kept.
        pub(crate) has_token: bool,
    }
}

from_row! {
    /// The right to refresh one, until its lease is over.
    pub(crate) struct Taken {
        pub(crate) fence: i64,
        /// Under which the token came that is kept.
        pub(crate) token_fence: i64,
        pub(crate) refresh_token: Option<Vec<u8>>,
        /// Where its people find it; `None` if it has not said yet.
        pub(crate) ui_domain: Option<String>,
    }
}

/// What is known of a portal that installs the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortalFacts {
    /// What it has granted, with spaces between.
    pub(crate) scopes: String,
    /// Who did.
    pub(crate) user_id: Option<i64>,
}

/// A refresh token that was given, and how long what came with it lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) refresh_token: &'a [u8],
    pub(crate) due_ms: i64,
    pub(crate) expires_ms: i64,
}

/// What an installation was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Unknown,
    Installed,
    Uninstalled,
}

impl Records {
    /// What is known of this portal.
    pub(crate) async fn installation(
        &self,
        origin: &Origin,
    ) -> anyhow::Result<Option<Installation>> {
        let database = self.ready().await?;
        Ok(on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT origin, state, app, token_fence, leased_until_ms, expires_ms, scopes, \
                 installed_ms, uninstalled_ms, error_code, refresh_token IS NOT NULL AS has_token \
                 FROM installation WHERE origin = $1",
            )
            .bind(origin.to_string())
            .fetch_optional(pool)
            .await?
        }))
    }

    /// What a portal says of itself: where its people find it, such as `app-eu1.hubspot.com`, and its time zone,
    /// such as `Europe/Berlin`.
    pub(crate) async fn note_portal(
        &self,
        origin: &Origin,
        ui_domain: Option<&str>,
        time_zone: Option<&str>,
    ) -> anyhow::Result<()> {
        let database = self.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE installation SET ui_domain = coalesce($2, ui_domain), \
                 time_zone = coalesce($3, time_zone) WHERE origin = $1",
            )
            .bind(origin.to_string())
            .bind(ui_domain)
            .bind(time_zone)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// Those of this app whose tokens are due and that nobody refreshes, the longest due first.
    pub(crate) async fn due_installations(
        &self,
        app: &str,
        now_ms: i64,
        most: i64,
    ) -> anyhow::Result<Vec<Origin>> {
        let database = self.ready().await?;
        let due: Vec<String> = on_reading!(database, pool => {
            sqlx::query_scalar(
                "SELECT origin FROM installation WHERE state = 'installed' AND app = $1 \
                 AND due_ms <= $2 AND leased_until_ms <= $2 ORDER BY due_ms LIMIT $3",
            )
            .bind(app)
            .bind(now_ms)
            .bind(most)
            .fetch_all(pool)
            .await?
        });
        Ok(due.iter().filter_map(|origin| origin.parse().ok()).collect())
    }

    /// Begins a refresh, unless somebody else is at it or, where it is to be `due`, it is not. Whoever has it
    /// is the only one until `until_ms`.
    pub(crate) async fn take_installation(
        &self,
        origin: &Origin,
        app: &str,
        due: bool,
        now_ms: i64,
        until_ms: i64,
    ) -> anyhow::Result<Option<Taken>> {
        let database = self.ready().await?;
        let due_by_ms = if due { now_ms } else { i64::MAX };
        Ok(on_pool!(database, pool => {
            sqlx::query_as(
                "UPDATE installation SET fence = fence + 1, leased_until_ms = $5 \
                 WHERE origin = $1 AND state = 'installed' AND app = $2 AND due_ms <= $3 \
                 AND leased_until_ms <= $4 RETURNING fence, token_fence, refresh_token, \
                 ui_domain",
            )
            .bind(origin.to_string())
            .bind(app)
            .bind(due_by_ms)
            .bind(now_ms)
            .bind(until_ms)
            .fetch_optional(pool)
            .await?
        }))
    }

    /// Keeps what came of the refresh with this fence; false if a later one was quicker. The commit is on disk
    /// before this returns: only then may the access token be used that came with it. The lease stays, until
    /// others know of that.
    pub(crate) async fn keep_refreshed(
        &self,
        origin: &Origin,
        fence: i64,
        given: Given<'_>,
        scopes: Option<&str>,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        let kept = on_transaction!(&mut transaction, connection => {
            // Whoever was refused meanwhile had only the token that this one has taken the place of.
            sqlx::query(
                "UPDATE installation SET refresh_token = $3, token_fence = $2, due_ms = $4, \
                 expires_ms = $5, scopes = coalesce($6, scopes), state = 'installed', \
                 uninstalled_ms = NULL, error_code = NULL \
                 WHERE origin = $1 AND token_fence < $2",
            )
            .bind(origin.to_string())
            .bind(fence)
            .bind(given.refresh_token)
            .bind(given.due_ms)
            .bind(given.expires_ms)
            .bind(scopes)
            .execute(connection)
            .await?
            .rows_affected()
        });
        if kept > 0 {
            tenants::reinstalled(&mut transaction, origin, now_ms()).await?;
        }
        transaction.commit().await?;
        Ok(kept > 0)
    }

    /// The refresh with this fence came to nothing: nobody begins another before `until_ms`. `code` is what
    /// HubSpot said of this portal, if it did.
    pub(crate) async fn release_installation(
        &self,
        origin: &Origin,
        fence: i64,
        until_ms: i64,
        code: Option<&str>,
    ) -> anyhow::Result<()> {
        let database = self.ready().await?;
        on_pool!(database, pool => {
            sqlx::query(
                "UPDATE installation SET leased_until_ms = $3, error_code = coalesce($4, error_code) \
                 WHERE origin = $1 AND fence = $2",
            )
            .bind(origin.to_string())
            .bind(fence)
            .bind(until_ms)
            .bind(code)
            .execute(pool)
            .await?;
        });
        Ok(())
    }

    /// How many there are of this app that are installed, and that are not any more.
    pub(crate) async fn count_installations(&self, app: &str) -> anyhow::Result<(i64, i64)> {
        let database = self.ready().await?;
        Ok(on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT count(*) FILTER (WHERE state = 'installed'), \
                 count(*) FILTER (WHERE state = 'uninstalled') FROM installation WHERE app = $1",
            )
            .bind(app)
            .fetch_one(pool)
            .await?
        }))
    }
}
