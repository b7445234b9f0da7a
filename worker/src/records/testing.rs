//! How a database would find what is asked for.

/// The lines of the plan for a statement that begins with what is put in for `explain`:
/// `explain!(database, explain => query)`.
macro_rules! explain {
    ($database:expr, $explain:ident => $query:expr) => {
        match $database {
            $crate::records::database::Database::Postgres(pools) => {
                let $explain = "EXPLAIN (COSTS OFF) ";
                let mut query: sqlx::QueryBuilder<sqlx::Postgres> = $query;
                let query = query.build_query_scalar::<String>().persistent(false);
                query.fetch_all(&pools.reading).await.unwrap()
            }
            $crate::records::database::Database::Sqlite(pools, _) => {
                let $explain = "EXPLAIN QUERY PLAN ";
                let mut query: sqlx::QueryBuilder<sqlx::Sqlite> = $query;
                let query = query.build_query_as::<(i64, i64, i64, String)>().persistent(false);
                let lines = query.fetch_all(&pools.reading).await.unwrap();
                lines.into_iter().map(|(_, _, _, line)| line).collect::<Vec<_>>()
            }
        }
    };
}
pub(super) use explain;

/// Nothing of `table` is read that an index has not found by `column`.
#[track_caller]
pub(super) fn assert_found_by(column: &str, table: &str, plan: &[String]) {
    let text = plan.join("\n");
    // Lists are in its order, whatever is asked for.
    let is_order_alone = column == "id";
    if text.contains("SEARCH ") || text.contains("SCAN ") {
        let found = |line: &String| {
            // What stands in the index is judged there.
            line.contains(&format!("({column}")) || line.contains("USING COVERING INDEX")
        };
        assert!(is_order_alone || plan.iter().any(found), "{column}: {text}");
        let scans = |line: &String| line.starts_with("SCAN") && !line.contains("USING INDEX");
        assert!(!plan.iter().any(scans), "{column}: {text}");
        return;
    }
    assert!(!text.contains(&format!("Seq Scan on {table}")), "{column}: {text}");
    let (mut is_of_table, mut is_found) = (false, is_order_alone);
    for line in plan {
        let line = line.trim();
        if line.contains(" on ") {
            is_of_table = line.contains(&format!(" on {table}"));
        }
        if let Some(condition) = line.strip_prefix("Index Cond: ") {
            is_found |= is_of_table && condition.contains(column);
        }
        // A look at rows that are not wanted.
        let is_judged_late = is_of_table && line.starts_with("Filter: ") && line.contains(column);
        assert!(!is_judged_late, "{column}: {text}");
    }
    assert!(is_found, "{column}: {text}");
}
