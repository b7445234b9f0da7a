//! Tenants, their destinations and routes, those that are gone too: what waits for them comes along.

use sqlx::QueryBuilder;

use crate::records::database::on_pool;
use crate::records::handle::Records;

/// Rows of one statement.
const PAGE: usize = 500;

/// Carries the sections that are not there; tells how many those were.
pub(super) async fn tenants(from: &Records, to: &Records) -> anyhow::Result<u64> {
    let sections = from.tenant_sections().await?.sections;
    let mut carried = 0;
    for page in sections.chunks(PAGE) {
        carried += on_pool!(to.ready().await?, pool => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO tenant_section \
                 (kind, name, body, state, state_ms, state_by, changed_ms, changed_by) ",
            );
            insert.push_values(page, |mut row, section| {
                row.push_bind(section.kind.as_str())
                    .push_bind(&section.name)
                    .push_bind(&section.body)
                    .push_bind(section.state.as_str())
                    .push_bind(section.state_ms)
                    .push_bind(&section.state_by)
                    .push_bind(section.changed_ms)
                    .push_bind(&section.changed_by);
            });
            insert.push(" ON CONFLICT (kind, name) DO NOTHING");
            insert.build().persistent(false).execute(pool).await?.rows_affected()
        });
    }
    if carried > 0 {
        on_pool!(to.ready().await?, pool => {
            sqlx::query("UPDATE tenant_version SET version = version + 1").execute(pool).await?;
        });
    }
    Ok(carried)
}
