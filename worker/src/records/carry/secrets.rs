//! Secrets that were made for destinations, as they are sealed: the cluster has the same keys.

use sqlx::QueryBuilder;

use crate::records::database::on_pool;
use crate::records::handle::Records;

/// Rows of one statement.
const PAGE: usize = 500;

/// Carries those that are not there; tells how many those were.
pub(super) async fn secrets(from: &Records, to: &Records) -> anyhow::Result<u64> {
    let mut carried = 0;
    for page in from.kept_secrets().await?.chunks(PAGE) {
        carried += on_pool!(to.ready().await?, pool => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO destination_secret \
                 (destination, tenant, form, secret, made_ms, made_by, previous, previous_until_ms) ",
            );
            insert.push_values(page, |mut row, kept| {
                row.push_bind(&kept.destination)
                    .push_bind(kept.tenant.as_deref())
                    .push_bind(kept.form.as_str())
                    .push_bind(&kept.sealed)
                    .push_bind(kept.made_ms)
                    .push_bind(&kept.made_by)
                    .push_bind(kept.previous.as_deref())
                    .push_bind(kept.previous_until_ms);
            });
            insert.push(" ON CONFLICT (destination) DO NOTHING");
            insert.build().persistent(false).execute(pool).await?.rows_affected()
        });
    }
    Ok(carried)
}
