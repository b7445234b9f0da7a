//! The table that rows go into.

use std::fmt;

use super::identifier::Identifier;

/// Where a table is whose schema is not told.
const PUBLIC: &str = "public";

/// A table and its schema: no search path has a say. Its Display is the quoted form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    schema: Identifier,
    name: Identifier,
}

impl Table {
    /// Reads `schema.table`, or `table`, which is in `public`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (schema, name) = text.split_once('.').unwrap_or((PUBLIC, text));
        Some(Self { schema: Identifier::parse(schema)?, name: Identifier::parse(name)? })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_its_schema_or_in_public() {
        let table = |text| Table::parse(text).map(|table| table.to_string());
        assert_eq!(table("hubspot.events").as_deref(), Some("\"hubspot\".\"events\""));
        assert_eq!(table("events").as_deref(), Some("\"public\".\"events\""));
        for odd in ["", ".", "a.", ".a", "a.b.c", "a.\"b\"", "a;b"] {
            assert_eq!(table(odd), None, "{odd}");
        }
    }
}
