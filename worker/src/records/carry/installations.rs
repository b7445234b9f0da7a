//! The portals that have the app, with their refresh tokens as they are sealed: the cluster has the same keys.

use sqlx::QueryBuilder;

use crate::records::database::{Database, on_pool};
use crate::records::row::from_row;

/// Rows of one statement.
const PAGE: i64 = 200;

from_row! {
    struct Row {
        origin: String,
        state: String,
        app: String,
        refresh_token: Option<Vec<u8>>,
        fence: i64,
        token_fence: i64,
        due_ms: i64,
        expires_ms: i64,
        scopes: String,
        user_id: Option<i64>,
        ui_domain: Option<String>,
        time_zone: Option<String>,
        installed_ms: i64,
        uninstalled_ms: Option<i64>,
        error_code: Option<String>,
    }
}

/// Carries those that are not there; tells how many that were.
pub(super) async fn installations(from: &Database, to: &Database) -> Result<u64, sqlx::Error> {
    let (mut after, mut carried) = (String::new(), 0);
    loop {
        let page: Vec<Row> = on_pool!(from, pool => {
            sqlx::query_as(
                "SELECT origin, state, app, refresh_token, fence, token_fence, due_ms, expires_ms, \
                 scopes, user_id, ui_domain, time_zone, installed_ms, uninstalled_ms, error_code \
                 FROM installation WHERE origin > $1 ORDER BY origin LIMIT $2",
            )
            .bind(&after)
            .bind(PAGE)
            .fetch_all(pool)
            .await?
        });
        let Some(last) = page.last() else { return Ok(carried) };
        after.clone_from(&last.origin);
        carried += on_pool!(to, pool => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO installation (origin, state, app, refresh_token, fence, token_fence, \
                 leased_until_ms, due_ms, expires_ms, scopes, user_id, ui_domain, time_zone, \
                 installed_ms, uninstalled_ms, error_code) ",
            );
            insert.push_values(&page, |mut values, row| {
                values
                    .push_bind(&row.origin)
                    .push_bind(&row.state)
                    .push_bind(&row.app)
                    .push_bind(&row.refresh_token)
                    .push_bind(row.fence)
                    .push_bind(row.token_fence)
                    .push("0")
                    .push_bind(row.due_ms)
                    .push_bind(row.expires_ms)
                    .push_bind(&row.scopes)
                    .push_bind(row.user_id)
                    .push_bind(&row.ui_domain)
                    .push_bind(&row.time_zone)
                    .push_bind(row.installed_ms)
                    .push_bind(row.uninstalled_ms)
                    .push_bind(&row.error_code);
            });
            insert.push(" ON CONFLICT (origin) DO NOTHING");
            insert.build().persistent(false).execute(pool).await?.rows_affected()
        });
    }
}
