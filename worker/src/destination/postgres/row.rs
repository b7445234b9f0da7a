//! A row as it is written: the statement, and the values in one JSON object.
//!
//! Owns that a row is written once however often it is sent: it has a name, and whoever comes with the same
//! name writes over it. No value is ever part of the statement, and a key only as a checked name. Which
//! columns there are, and of which type, the database says itself.

use std::collections::BTreeMap;

use serde_json::value::{RawValue, to_raw_value};

use super::identifier::Identifier;
use super::table::Table;

/// More columns than anybody has; a statement names each three times.
const MAX_COLUMNS: usize = 500;

/// A row.
#[derive(Debug)]
pub(crate) struct Row {
    /// Has one parameter: the values, as a text.
    pub(crate) statement: String,
    /// An object with a key for each column. Numbers are as they were written.
    pub(crate) values: String,
}

/// Why something is no row. It repeats no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRow {
    #[error("a row is a JSON object, and the transform gives something else")]
    NotAnObject,
    #[error("the row has {0} columns, and may have {MAX_COLUMNS}")]
    TooMany(usize),
    #[error(
        "a key is no name of a column: those have letters, digits, `_` and `$`, at most 63, and \
         begin with a letter or `_`"
    )]
    NoColumn,
    #[error("the row has the column {0} itself, which names the event: set another `key`")]
    HasKey(String),
}

impl Row {
    /// The row of `body` in `table`, under the name `id`, which the column `key` takes.
    pub(crate) fn of(
        body: &[u8],
        table: &Table,
        key: &Identifier,
        id: &str,
    ) -> Result<Self, NoRow> {
        let mut values: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(body).map_err(|_| NoRow::NotAnObject)?;
        if values.len() > MAX_COLUMNS {
            return Err(NoRow::TooMany(values.len()));
        }
        if values.contains_key(key.as_str()) {
            return Err(NoRow::HasKey(key.as_str().to_owned()));
        }
        let columns = values.keys().map(|name| Identifier::parse(name).ok_or(NoRow::NoColumn));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let named = to_raw_value(id).map_err(|_| NoRow::NotAnObject)?;
        values.insert(key.as_str().to_owned(), named);
        let values = serde_json::to_string(&values).map_err(|_| NoRow::NotAnObject)?;
        Ok(Self { statement: statement(table, key, &columns), values })
    }
}

/// The columns' types are the table's: PostgreSQL turns each value into its column's.
fn statement(table: &Table, key: &Identifier, columns: &[Identifier]) -> String {
    let all = |one: &dyn Fn(&Identifier) -> String| {
        std::iter::once(key).chain(columns).map(one).collect::<Vec<_>>().join(", ")
    };
    let (into, from) =
        (all(&|column| column.to_string()), all(&|column| format!("given.{column}")));
    let set: Vec<_> =
        columns.iter().map(|column| format!("{column} = EXCLUDED.{column}")).collect();
    let otherwise = if set.is_empty() {
        "NOTHING".to_owned()
    } else {
        format!("UPDATE SET {}", set.join(", "))
    };
    format!(
        "INSERT INTO {table} ({into}) SELECT {from} FROM \
         pg_catalog.jsonb_populate_record(NULL::{table}, $1::text::jsonb) AS given \
         ON CONFLICT ({key}) DO {otherwise}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn row(body: &str) -> Result<Row, NoRow> {
        let table = Table::parse("hubspot.events").unwrap();
        Row::of(body.as_bytes(), &table, &Identifier::parse("hubline_id").unwrap(), "abc_r")
    }

    #[test]
    fn a_row_is_one_statement_and_one_parameter() {
        let row = row(r#"{"value": "x'; DROP TABLE t --", "amount": 12345678901234567890.10}"#);
        let Row { statement, values } = row.unwrap();
        assert_eq!(
            statement,
            "INSERT INTO \"hubspot\".\"events\" (\"hubline_id\", \"amount\", \"value\") \
             SELECT given.\"hubline_id\", given.\"amount\", given.\"value\" FROM \
             pg_catalog.jsonb_populate_record(NULL::\"hubspot\".\"events\", $1::text::jsonb) AS given \
             ON CONFLICT (\"hubline_id\") DO UPDATE SET \"amount\" = EXCLUDED.\"amount\", \
             \"value\" = EXCLUDED.\"value\""
        );
        let expected = "{\"amount\":12345678901234567890.10,\"hubline_id\":\"abc_r\",\
                        \"value\":\"x'; DROP TABLE t --\"}";
        assert_eq!(values, expected);
    }

    #[test]
    fn rows_with_the_same_keys_have_the_same_statement() {
        let one = row(r#"{"a": 1, "b": {"c": [2]}}"#).unwrap();
        let other = row(r#"{"b": null, "a": "x", "a": 2}"#).unwrap();
        assert_eq!(one.statement, other.statement);
        assert_eq!(other.values, r#"{"a":2,"b":null,"hubline_id":"abc_r"}"#);
    }

    #[test]
    fn an_empty_row_is_only_its_name() {
        let row = row("{}").unwrap();
        assert!(row.statement.ends_with("ON CONFLICT (\"hubline_id\") DO NOTHING"));
        assert_eq!(row.values, r#"{"hubline_id":"abc_r"}"#);
    }

    #[test]
    fn what_is_no_row_is_refused_without_its_values() {
        for odd in ["[]", "1", "\"a\"", "null", "{", ""] {
            assert_eq!(row(odd).unwrap_err(), NoRow::NotAnObject, "{odd}");
        }
        for key in ["a b", "a\\\"", "", "1", "\\u0000", "a\\\" = 1; --", &"k".repeat(64)] {
            let error = row(&format!("{{\"{key}\": 1}}")).unwrap_err();
            assert_eq!(error, NoRow::NoColumn, "{key}");
        }
        let has_key = row(r#"{"hubline_\u0069d": 1}"#).unwrap_err();
        assert_eq!(has_key, NoRow::HasKey("hubline_id".to_owned()));
        let many: Vec<_> = (0..501).map(|number| format!("\"c{number}\":1")).collect();
        assert_eq!(row(&format!("{{{}}}", many.join(","))).unwrap_err(), NoRow::TooMany(501));
    }
}
