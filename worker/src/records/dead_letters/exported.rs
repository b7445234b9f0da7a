//! Letters with their events' bytes.

use shared::message::Message;
use sqlx::{ColumnIndex, Decode, Encode, FromRow, QueryBuilder, Row, Type};

use super::filter::push_in;
use super::letter::{COLUMNS, Letter};
use crate::records::database::{Database, on_pool};
use crate::records::kept::Kept;

/// Bytes of letters in memory at once.
const AT_ONCE_BYTES: i64 = 4 * 1024 * 1024;

/// A letter and its event's bytes.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The letter.
    pub letter: Letter,
    /// The event as HubSpot sent it; none once it was erased.
    pub body: Option<Vec<u8>>,
}

impl<'r, R> FromRow<'r, R> for Exported
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Letter: FromRow<'r, R>,
    Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self { letter: Letter::from_row(row)?, body: row.try_get("body")? })
    }
}

impl Exported {
    /// The message that it was when it was given up, but for its death; `None` if it was erased, or is not
    /// one that a program of ours has written.
    pub(in crate::records) fn message(self) -> Option<Message> {
        let Self { letter, body } = self;
        let kept = Kept {
            identity: letter.identity,
            origin: letter.origin,
            topic: letter.subscription_type,
            received_ms: letter.received_ms,
            body: body?,
        };
        Some(Message {
            attempt: u32::try_from(letter.attempt).ok()?,
            target: Some(letter.target).filter(|target| !target.is_empty()),
            generation: u32::try_from(letter.generation).ok()?,
            traceparent: letter.traceparent.map(Into::into),
            ..kept.message()?
        })
    }
}

/// The first letters of these ids and sizes: no more than memory should hold, and one at least.
pub(super) fn first_bytes(sizes: Vec<(i64, i64)>) -> Vec<i64> {
    let (mut bytes, mut ids) = (0, Vec::new());
    for (id, size) in sizes {
        bytes += size;
        if bytes > AT_ONCE_BYTES && !ids.is_empty() {
            break;
        }
        ids.push(id);
    }
    ids
}

/// The letters with these ids that still are there, for who works with them.
pub(super) async fn fetch(database: &Database, ids: &[i64]) -> Result<Vec<Exported>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_pool!(database, pool => {
        with_bodies(ids).build_query_as().persistent(false).fetch_all(pool).await
    })
}

pub(super) fn with_bodies<DB>(ids: &[i64]) -> QueryBuilder<DB>
where
    DB: sqlx::Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
{
    let mut select =
        QueryBuilder::new(format!("SELECT {COLUMNS}, body FROM dead_letter WHERE true"));
    push_in(&mut select, "id", ids);
    select.push(" ORDER BY id");
    select
}
