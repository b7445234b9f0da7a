//! What must hold of rows, in SQL and in words; what is not set does not matter.

use std::fmt;

use sqlx::{Database, Encode, QueryBuilder, Type};

/// Adds ` AND column = text` and ` AND condition number`, such as `died_ms >=`, for what is set;
/// `of` is what columns are called by, e.g. `line.`.
pub(super) fn restrict<DB>(
    query: &mut QueryBuilder<DB>,
    of: &str,
    texts: &[(&str, Option<&str>)],
    numbers: &[(&str, Option<i64>)],
) where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    for (column, text) in texts {
        if let Some(text) = text {
            query.push(format_args!(" AND {of}{column} = ")).push_bind((*text).to_owned());
        }
    }
    for (condition, number) in numbers {
        if let Some(number) = number {
            query.push(format_args!(" AND {of}{condition} ")).push_bind(*number);
        }
    }
}

/// As the audit keeps it: `code=ERP_422 origin=hubspot/62515`, or `all` if nothing is set.
pub(super) fn words(
    f: &mut fmt::Formatter<'_>,
    texts: &[(&str, Option<&str>)],
    numbers: &[(&str, Option<i64>)],
) -> fmt::Result {
    let texts = texts.iter().filter_map(|(name, text)| Some(format!("{name}={}", (*text)?)));
    let numbers =
        numbers.iter().filter_map(|(name, number)| Some(format!("{name}={}", (*number)?)));
    let parts: Vec<String> = texts.chain(numbers).collect();
    f.write_str(if parts.is_empty() { "all".to_owned() } else { parts.join(" ") }.as_str())
}
