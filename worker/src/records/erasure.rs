//! Erasure: when HubSpot deletes a contact for privacy, what the contact's events say goes out of the
//! records. The rows stay, with ids, times and codes; bytes, errors and answers go.
//!
//! A tombstone is committed before anything is erased, and it is kept for good: letters have no age
//! limit. Contacts that were merged into the erased one are erased with it: what their events say is
//! about the same person. Whoever writes such content looks for tombstones before, and once more behind the commit:
//! of the one that erases and the one that writes, whichever commits last sees the other. For who
//! dies before that second look there is [`sweep`].

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shared::clock::now_ms;
use shared::origin::Origin;
use shared::senders::hubspot::HubSpotEvent;
use sqlx::QueryBuilder;

use super::contact::{Contact, merged_of};
use super::database::{Database, Transaction, on_pool, on_transaction};
use super::handle::Records;

/// Rows of one statement: their bytes can be many.
const CHUNK: i64 = 200;
/// So long after an erasure it is repeated by every sweep; longer than a commit may take.
const SWEPT_AFTER_MS: i64 = 3600 * 1000;

/// Tombstones of some contacts, by origin and id: as a join, for which SQLite uses the index.
const TOMBSTONES: [&str; 2] = [
    "SELECT origin, object_id AS id FROM (VALUES",
    ") AS wanted JOIN erasure ON origin = wanted.column1 AND object_id = wanted.column2",
];

/// What erases some rows: of each table the rows of one contact that still have content, chosen in
/// order, so that two who erase the same wait for one another and not in a ring.
const ERASE: [&str; 2] = [
    "WITH chosen AS MATERIALIZED (SELECT day, id FROM event_log \
     WHERE origin = $1 AND contact_id = $2 AND (body IS NOT NULL OR error IS NOT NULL OR answer IS NOT NULL) \
     ORDER BY day, id LIMIT $3 {locking}) \
     UPDATE event_log SET body = NULL, error = NULL, answer = NULL \
     WHERE (day, id) IN (SELECT day, id FROM chosen)",
    "WITH chosen AS MATERIALIZED (SELECT id FROM dead_letter \
     WHERE origin = $1 AND contact_id = $2 AND (body IS NOT NULL OR error <> '') \
     ORDER BY id LIMIT $3 {locking}) \
     UPDATE dead_letter SET body = NULL, error = '' WHERE id IN (SELECT id FROM chosen)",
];

impl Records {
    /// Erases what the records have of a contact's events, and of the contacts that were merged into
    /// it, now and for good: what comes in later comes in without content. Tells how many rows had
    /// any.
    pub async fn erase_contact(&self, origin: &Origin, contact_id: u64) -> anyhow::Result<u64> {
        let database = self.ready().await?;
        Ok(erase_all(database, contact(origin, contact_id)).await?)
    }

    /// Whether a contact was erased for privacy.
    pub async fn is_erased(&self, origin: &Origin, contact_id: u64) -> anyhow::Result<bool> {
        let wanted = BTreeSet::from([contact(origin, contact_id)]);
        Ok(!erased(self.ready().await?, &wanted).await?.is_empty())
    }
}

fn contact(origin: &Origin, id: u64) -> Contact {
    Contact { origin: origin.clone(), id: id.cast_signed() }
}

/// The tombstone comes first: a merge into the contact that is logged behind it is found by whoever
/// logs it ([`catch_up_merged`]), and one that was logged before it is found here. What says who was
/// merged is erased last of all, so that whoever tries again finds it too.
async fn erase_all(database: &Database, contact: Contact) -> Result<u64, sqlx::Error> {
    bury(database, &contact).await?;
    erase_chain(database, contact).await
}

/// The same without a tombstone of the contact's own, which is there.
async fn erase_chain(database: &Database, contact: Contact) -> Result<u64, sqlx::Error> {
    let mut known = BTreeSet::from([contact.clone()]);
    let mut chain = vec![contact];
    let mut place = 0;
    while let Some(survivor) = chain.get(place).cloned() {
        for merged in merged_into(database, &survivor).await? {
            if known.insert(merged.clone()) {
                bury(database, &merged).await?;
                chain.push(merged);
            }
        }
        place += 1;
    }
    let mut rows = 0;
    for contact in chain.into_iter().rev() {
        rows += erase(database, &contact).await?;
    }
    Ok(rows)
}

/// The contacts that were merged into this one, as far as the log still has the merges.
async fn merged_into(
    database: &Database,
    survivor: &Contact,
) -> Result<BTreeSet<Contact>, sqlx::Error> {
    let bodies: Vec<Vec<u8>> = on_pool!(database, pool => {
        sqlx::query_scalar(
            "SELECT body FROM event_log WHERE origin = $1 AND contact_id = $2 \
             AND type IN ('contact.merge', 'object.merge') AND body IS NOT NULL",
        )
        .bind(survivor.origin.to_string())
        .bind(survivor.id)
        .fetch_all(pool)
        .await?
    });
    let events = bodies.iter().filter_map(|body| HubSpotEvent::parse(body).ok());
    let merged = events.flat_map(|event| merged_of(&event));
    Ok(merged.map(|id| Contact { id, ..survivor.clone() }).collect())
}

async fn bury(database: &Database, contact: &Contact) -> Result<(), sqlx::Error> {
    on_pool!(database, pool => {
        sqlx::query(
            "INSERT INTO erasure (origin, object_id, at_ms, swept) VALUES ($1, $2, $3, FALSE) \
             ON CONFLICT (origin, object_id) DO UPDATE SET at_ms = excluded.at_ms, \
             swept = FALSE",
        )
        .bind(contact.origin.to_string())
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
            select.push(if place == 0 { " (" } else { ", (" }).push_bind(contact.origin.to_string());
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
        erase(database, &contact).await?;
    }
    Ok(())
}

/// Erases those that were merged into a contact that is erased: of merges that came to be logged
/// behind its erasure, which could not know them.
pub(super) async fn catch_up_merged(
    database: &Database,
    merges: &BTreeMap<Contact, BTreeSet<i64>>,
) -> Result<(), sqlx::Error> {
    let survivors = merges.keys().cloned().collect();
    for survivor in erased(database, &survivors).await? {
        for id in merges.get(&survivor).into_iter().flatten() {
            erase_all(database, Contact { id: *id, ..survivor.clone() }).await?;
        }
    }
    Ok(())
}

/// Repeats what was erased lately, for those who were merged into it as well: whoever erased may have
/// died behind the first tombstone. Those that are there stay as they are, else no sweep were the last.
pub(super) async fn sweep(database: &Database) -> Result<(), sqlx::Error> {
    let limit_ms = now_ms() - SWEPT_AFTER_MS;
    let contacts: Vec<Contact> = on_pool!(database, pool => {
        sqlx::query_as("SELECT origin, object_id AS id FROM erasure WHERE NOT swept")
            .fetch_all(pool)
            .await?
    });
    if contacts.is_empty() {
        return Ok(());
    }
    let mut rows = 0;
    for contact in contacts {
        rows += erase_chain(database, contact).await?;
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

async fn erase(database: &Database, contact: &Contact) -> Result<u64, sqlx::Error> {
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
    contact: &Contact,
) -> Result<u64, sqlx::Error> {
    let mut transaction = database.transaction().await?;
    let statement = statement.replace("{locking}", transaction.locking());
    overwrite(&mut transaction, true).await?;
    let erased = on_transaction!(&mut transaction, connection => {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(contact.origin.to_string())
            .bind(contact.id)
            .bind(CHUNK)
            .execute(connection)
            .await
            .map(|done| done.rows_affected())
    });
    // In any case: the connection is used again.
    overwrite(&mut transaction, false).await?;
    let erased = erased?;
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
