//! Erasure: when HubSpot deletes a contact for privacy, what the contact's events say goes out of the
//! records. The rows stay, with ids, times and codes; bytes and errors go.
//!
//! A tombstone is committed before anything is erased, and it is kept for good: letters have no age
//! limit. Whoever writes such content looks for tombstones before, and once more behind the commit:
//! of the one that erases and the one that writes, whichever commits last sees the other. For who
//! dies before that second look there is [`sweep`].

use std::collections::{BTreeSet, HashSet};

use shared::clock::now_ms;
use shared::event::{Event, ObjectType};
use sqlx::{FromRow, QueryBuilder};

use super::Records;
use super::database::{Database, Transaction, on_pool, on_transaction};

/// Rows of one statement: their bytes can be many.
const CHUNK: i64 = 200;
/// So long after an erasure it is repeated by every sweep; longer than a commit may take.
const SWEPT_AFTER_MS: i64 = 3600 * 1000;

/// Tombstones of some contacts, by portal and id: as a join, for which SQLite uses the index.
const TOMBSTONES: [&str; 2] = [
    "SELECT portal_id, object_id AS id FROM (VALUES",
    ") AS wanted JOIN erasure ON portal_id = wanted.column1 AND object_id = wanted.column2",
];

/// What erases some rows: of each table the rows of one contact that still have content, chosen in
/// order, so that two who erase the same wait for one another and not in a ring.
const ERASE: [&str; 2] = [
    "WITH chosen AS MATERIALIZED (SELECT day, id FROM event_log \
     WHERE portal_id = $1 AND contact_id = $2 AND (body IS NOT NULL OR error IS NOT NULL) \
     ORDER BY day, id LIMIT $3 {locking}) \
     UPDATE event_log SET body = NULL, error = NULL \
     WHERE (day, id) IN (SELECT day, id FROM chosen)",
    "WITH chosen AS MATERIALIZED (SELECT id FROM dead_letter \
     WHERE portal_id = $1 AND contact_id = $2 AND (body IS NOT NULL OR error <> '') \
     ORDER BY id LIMIT $3 {locking}) \
     UPDATE dead_letter SET body = NULL, error = '' WHERE id IN (SELECT id FROM chosen)",
];

/// A contact of a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, FromRow)]
pub(super) struct Contact {
    pub(super) portal_id: i64,
    pub(super) id: i64,
}

/// The contact that an event is about, or that an association starts at, in either spelling of the
/// event's type. Other records can have the same id.
pub(super) fn contact_of(event: &Event) -> Option<i64> {
    let id = event.object_id.or(event.from_object_id);
    id.filter(|_| event.object_type() == ObjectType::Contact).map(u64::cast_signed)
}

impl Records {
    /// Erases what the records have of a contact's events, now and for good: what comes in later
    /// comes in without content. Tells how many rows had any.
    pub async fn erase_contact(&self, portal_id: u64, contact_id: u64) -> anyhow::Result<u64> {
        let database = self.ready().await?;
        let contact = Contact { portal_id: portal_id.cast_signed(), id: contact_id.cast_signed() };
        bury(database, contact).await?;
        Ok(erase(database, contact).await?)
    }
}

async fn bury(database: &Database, contact: Contact) -> Result<(), sqlx::Error> {
    on_pool!(database, pool => {
        sqlx::query(
            "INSERT INTO erasure (portal_id, object_id, at_ms, swept) VALUES ($1, $2, $3, FALSE) \
             ON CONFLICT (portal_id, object_id) DO UPDATE SET at_ms = excluded.at_ms, \
             swept = FALSE",
        )
        .bind(contact.portal_id)
        .bind(contact.id)
        .bind(now_ms())
        .execute(pool)
        .await?;
    });
    Ok(())
}

/// Those of `contacts` that are to have no content. Asks nothing where there are none.
pub(super) async fn erased(
    database: &Database,
    contacts: &BTreeSet<Contact>,
) -> Result<HashSet<Contact>, sqlx::Error> {
    if contacts.is_empty() {
        return Ok(HashSet::new());
    }
    let found: Vec<Contact> = on_pool!(database, pool => {
        let [before, behind] = TOMBSTONES;
        let mut select = QueryBuilder::new(before);
        for (place, contact) in contacts.iter().enumerate() {
            select.push(if place == 0 { " (" } else { ", (" }).push_bind(contact.portal_id);
            select.push(", ").push_bind(contact.id).push(")");
        }
        select.push(behind);
        select.build_query_as().persistent(false).fetch_all(pool).await?
    });
    Ok(found.into_iter().collect())
}

/// The second look, behind the commit of rows of `contacts`.
pub(super) async fn catch_up(
    database: &Database,
    contacts: &BTreeSet<Contact>,
) -> Result<(), sqlx::Error> {
    for contact in erased(database, contacts).await? {
        erase(database, contact).await?;
    }
    Ok(())
}

/// Repeats what was erased lately.
pub(super) async fn sweep(database: &Database) -> Result<(), sqlx::Error> {
    let limit_ms = now_ms() - SWEPT_AFTER_MS;
    let contacts: Vec<Contact> = on_pool!(database, pool => {
        sqlx::query_as("SELECT portal_id, object_id AS id FROM erasure WHERE NOT swept")
            .fetch_all(pool)
            .await?
    });
    if contacts.is_empty() {
        return Ok(());
    }
    let mut rows = 0;
    for contact in contacts {
        rows += erase(database, contact).await?;
    }
    if rows > 0 {
        tracing::info!(rows, "content of erased contacts found and erased");
    }
    on_pool!(database, pool => {
        sqlx::query("UPDATE erasure SET swept = TRUE WHERE NOT swept AND at_ms < $1")
            .bind(limit_ms)
            .execute(pool)
            .await?;
    });
    Ok(())
}

async fn erase(database: &Database, contact: Contact) -> Result<u64, sqlx::Error> {
    let mut rows = 0;
    for statement in ERASE {
        loop {
            let erased = erase_some(database, statement, contact).await?;
            rows += erased;
            if erased == 0 {
                break;
            }
        }
    }
    Ok(rows)
}

async fn erase_some(
    database: &Database,
    statement: &str,
    contact: Contact,
) -> Result<u64, sqlx::Error> {
    let mut transaction = database.transaction().await?;
    let statement = statement.replace("{locking}", transaction.locking());
    overwrite(&mut transaction, true).await?;
    let erased = on_transaction!(&mut transaction, connection => {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(contact.portal_id)
            .bind(contact.id)
            .bind(CHUNK)
            .execute(connection)
            .await?
            .rows_affected()
    });
    overwrite(&mut transaction, false).await?;
    transaction.commit().await?;
    Ok(erased)
}

/// SQLite leaves in the file what pages held that are no longer used, unless it is told to write
/// over it. Elsewhere that would be a waste: such pages are given back.
async fn overwrite(transaction: &mut Transaction, on: bool) -> Result<(), sqlx::Error> {
    let Transaction::Sqlite(transaction, _) = transaction else { return Ok(()) };
    let pragma = if on { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = FAST" };
    sqlx::raw_sql(pragma).execute(&mut **transaction).await?;
    Ok(())
}
