//! All sections as they are at one moment.

use super::section::Section;
use crate::records::database::{on_pool, on_reading};
use crate::records::handle::Records;

/// All sections, those that are gone too, by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sections {
    /// Another one with each change.
    pub(crate) version: i64,
    pub(crate) sections: Vec<Section>,
}

impl Sections {
    /// Those that are there.
    pub(crate) fn there(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.state.is_there())
    }
}

impl Records {
    /// The number of what there is: a worker that knows it has nothing to read.
    pub(crate) async fn tenants_version(&self) -> anyhow::Result<i64> {
        let database = self.ready().await?;
        Ok(on_pool!(database, pool => {
            sqlx::query_scalar("SELECT version FROM tenant_version").fetch_one(pool).await?
        }))
    }

    /// All sections.
    pub(crate) async fn tenant_sections(&self) -> anyhow::Result<Sections> {
        let database = self.ready().await?;
        // One statement, and so one moment.
        let select = "SELECT version, kind, name, body, state, state_ms, state_by, changed_ms, changed_by \
             FROM tenant_version LEFT JOIN tenant_section ON TRUE ORDER BY kind, name";
        let rows: Vec<Row> = on_reading!(database, pool => {
            sqlx::query_as(select).fetch_all(pool).await?
        });
        let version = rows.first().map_or(0, |row| row.version);
        let sections = rows.into_iter().filter_map(|row| row.section).collect();
        Ok(Sections { version, sections })
    }
}

/// A section with the version; without one where there are none.
struct Row {
    version: i64,
    section: Option<Section>,
}

impl<'r, R> sqlx::FromRow<'r, R> for Row
where
    R: sqlx::Row,
    &'static str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Option<String>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    Section: sqlx::FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let kind: Option<String> = row.try_get("kind")?;
        let section = kind.map(|_| Section::from_row(row)).transpose()?;
        Ok(Self { version: row.try_get("version")?, section })
    }
}
