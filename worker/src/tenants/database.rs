//! A table in a tenant's PostgreSQL: where it is, and which of its columns names the event.

use toml::de::DeValue;

use super::secret_ref::{EXAMPLE, SecretRef};
use super::section::Section;
use super::value::text;
use crate::destination::postgres::{Identifier, Table};

/// The column that names the event, if none is told.
const KEY: &str = "hubline_id";

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Database {
    /// The database's URL is a secret.
    pub(crate) url: SecretRef,
    pub(crate) table: Table,
    pub(crate) key: Identifier,
    /// Who signs its certificate, if that is no authority that everybody knows.
    pub(crate) ca: Option<SecretRef>,
}

impl Database {
    /// What the table `postgres` says; `None` if any of it is faulty.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let database = section.table("postgres")?;
        database.only(&["url", "table", "key", "ca"]);
        if !database.has("url") {
            database.missing("url", EXAMPLE);
        }
        let url = SecretRef::read(&database, "url");
        let ca = SecretRef::read(&database, "ca");
        let table = database.required("table", "\"schema.table\"", |value| {
            Table::parse(text(value)?).ok_or_else(|| {
                "must be the name of a table, such as \"hubspot.events\": letters, digits, `_` and \
                 `$`, at most 63 in each part"
                    .to_owned()
            })
        });
        let key = if database.has("key") {
            database.optional("key", column)
        } else {
            Identifier::parse(KEY)
        };
        let (url, table, key) = (url?, table?, key?);
        Some(Self { url, table, key, ca })
    }
}

fn column(value: &DeValue<'_>) -> Result<Identifier, String> {
    Identifier::parse(text(value)?).ok_or_else(|| {
        "must be the name of a column, such as \"hubline_id\": letters, digits, `_` and `$`, at \
         most 63"
            .to_owned()
    })
}
