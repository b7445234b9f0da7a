//! All letters that match, with their bytes, some at a time: however many and however large they
//! are, memory holds a few.

use std::collections::VecDeque;

use sqlx::QueryBuilder;

use super::exported::{Exported, with_bodies};
use super::filter::Filter;
use super::handle::DeadLetters;
use super::letter::{COLUMNS, Letter};
use crate::records::database::{Database, on_reading};

mod format;

pub(crate) use format::Format;

/// Letters looked up at once, without their bytes.
const PAGE: i64 = 500;
/// Bytes read at once; one letter can have more.
const BYTES: i64 = 4 * 1024 * 1024;

/// An export on its way. What comes into the records meanwhile is not in it.
#[derive(Debug)]
pub struct Export {
    letters: DeadLetters,
    filter: Filter,
    after: i64,
    last: i64,
    page: VecDeque<Letter>,
}

impl Export {
    /// Of the letters that match, up to the number `last`.
    pub(super) fn new(letters: DeadLetters, filter: Filter, last: i64) -> Self {
        Self { letters, filter, after: i64::MIN, last, page: VecDeque::new() }
    }

    /// The next ones; none at the end, and only there: letters that are deleted on the way are not
    /// taken for it.
    pub async fn next(&mut self) -> anyhow::Result<Vec<Exported>> {
        let database = self.letters.records.ready().await?;
        loop {
            if self.page.is_empty() {
                self.page = page(database, &self.filter, self.after, self.last).await?.into();
            }
            let (mut ids, mut bytes) = (Vec::new(), 0);
            while bytes < BYTES {
                let Some(letter) = self.page.pop_front() else { break };
                bytes += letter.body_bytes.unwrap_or_default();
                self.after = letter.id;
                ids.push(letter.id);
            }
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            let exported: Vec<Exported> = on_reading!(database, pool => {
                with_bodies(&ids).build_query_as().persistent(false).fetch_all(pool).await?
            });
            if !exported.is_empty() {
                return Ok(exported);
            }
        }
    }
}

async fn page(
    database: &Database,
    filter: &Filter,
    after: i64,
    last: i64,
) -> Result<Vec<Letter>, sqlx::Error> {
    on_reading!(database, pool => {
        let mut select = QueryBuilder::new(format!("SELECT {COLUMNS} FROM dead_letter WHERE true"));
        filter.restrict(&mut select);
        select.push(" AND id > ").push_bind(after);
        select.push(" AND id <= ").push_bind(last);
        select.push(" ORDER BY id LIMIT ").push_bind(PAGE);
        select.build_query_as().persistent(false).fetch_all(pool).await
    })
}
