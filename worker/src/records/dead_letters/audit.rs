//! Who did what, kept for good: rows are added, in the transaction that does it, and never changed.

use serde::Serialize;
use shared::clock::now_ms;

use super::handle::DeadLetters;
use crate::records::database::{Transaction, on_reading, on_transaction};
use crate::records::row::from_row;

/// The longest filter that is kept, in bytes: a list of ids has no end.
const MAX_FILTER_BYTES: usize = 4000;

/// What the program signs with where it acts by itself.
pub(crate) const OWN_NAME: &str = "hubline";
/// What stands for people who give no name, beside the roles of the console.
pub(crate) const NOBODY: &str = "unknown";

/// Whether the program itself signs with this name, or with one that reads like it: people sign
/// with others.
pub(crate) fn is_reserved(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    let reserved = [OWN_NAME, NOBODY, "console", "consoleoperator", "consoleviewer"];
    reserved.contains(&&*letters.collect::<String>())
}

from_row! {
    /// One line of the audit.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Act {
        /// Its place: later acts have higher ones.
        pub id: i64,
        /// When.
        pub at_ms: i64,
        /// Who.
        pub who: String,
        /// What.
        pub action: String,
        /// To which letters.
        pub filter: String,
        /// To how many of them.
        pub count: i64,
    }
}

/// Adds a line.
pub(in crate::records) async fn note(
    transaction: &mut Transaction,
    who: &str,
    action: &str,
    filter: &str,
    count: u64,
) -> Result<(), sqlx::Error> {
    let filter = filter.replace('\0', "\u{fffd}");
    let filter = &filter[..filter.floor_char_boundary(MAX_FILTER_BYTES)];
    on_transaction!(transaction, connection => {
        sqlx::query(
            "INSERT INTO audit (at_ms, who, action, filter, count) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(now_ms())
        .bind(who.replace('\0', "\u{fffd}"))
        .bind(action)
        .bind(filter)
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    });
    Ok(())
}

/// Some lines of the audit, the latest first.
#[derive(Clone, Debug)]
pub struct Acts {
    /// They.
    pub acts: Vec<Act>,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

impl DeadLetters {
    /// What was done, the latest first. An action on many letters has a line for each part of it.
    pub async fn audit(&self, limit: u32) -> anyhow::Result<Vec<Act>> {
        Ok(self.acts(None, limit).await?.acts)
    }

    /// The same page by page: `before` is where a page ended.
    pub async fn acts(&self, before: Option<i64>, limit: u32) -> anyhow::Result<Acts> {
        let database = self.records.ready().await?;
        let mut acts: Vec<Act> = on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT id, at_ms, who, action, filter, count FROM audit \
                 WHERE id < $1 ORDER BY id DESC LIMIT $2",
            )
            .bind(before.unwrap_or(i64::MAX))
            // One more than asked for tells whether there are more.
            .bind(i64::from(limit) + 1)
            .fetch_all(pool)
            .await?
        });
        let more = acts.len() > limit as usize;
        acts.truncate(limit as usize);
        let next = acts.last().map(|act| act.id).filter(|_| more);
        Ok(Acts { acts, next })
    }
}

#[cfg(test)]
mod tests {
    use super::is_reserved;

    #[test]
    fn the_programs_own_names_are_nobody_elses() {
        for name in ["hubline", " Hubline ", "HUB-LINE", "console", "Console  Operator", "unknown"]
        {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["", "ann", "hubline on call", "console-ann"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
