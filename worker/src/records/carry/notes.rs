//! What people wrote about problems, and what these are called where they go.

use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::records::database::{Database, on_pool, on_transaction};
use crate::records::dead_letters::fingerprint::{fingerprint, keyed};
use crate::records::handle::Records;
use crate::records::key::{Key, Purpose};
use crate::records::row::from_row;

from_row! {
    struct Noted {
        fingerprint: String,
        rule: i32,
        code: String,
        target: String,
        first_ms: i64,
        last_ms: i64,
        note: String,
    }
}

/// What problems are called in records that had made a key of their own before.
pub(super) struct Rekeyed(Option<Arc<Key>>);

impl Rekeyed {
    pub(super) async fn between(from: &Records, to: &Records) -> anyhow::Result<Self> {
        let (here, there) = (from.key(Purpose::Problems).await?, to.key(Purpose::Problems).await?);
        let is_same = here.expose_secret() == there.expose_secret();
        Ok(Self((!is_same).then_some(there)))
    }

    /// As one of the problem's letters tells; a problem without any keeps its name.
    async fn fingerprint(&self, from: &Database, known: String) -> Result<String, sqlx::Error> {
        let Some(key) = &self.0 else { return Ok(known) };
        let letter: Option<(String, String, String)> = on_pool!(from, pool => {
            sqlx::query_as(
                "SELECT target, code, error FROM dead_letter \
                 WHERE fingerprint = $1 AND body IS NOT NULL LIMIT 1",
            )
            .bind(&known)
            .fetch_optional(pool)
            .await?
        });
        Ok(letter.map_or(known, |(target, code, error)| {
            keyed(key, &fingerprint(&target, &code, &error))
        }))
    }
}

/// A problem that the other records do not know yet is made for its note; where they have another
/// note, both stand there.
pub(super) async fn notes(
    from: &Database,
    to: &Database,
    rekeyed: &Rekeyed,
) -> Result<u64, sqlx::Error> {
    let notes: Vec<Noted> = on_pool!(from, pool => {
        sqlx::query_as(
            "SELECT fingerprint, rule, code, target, first_ms, last_ms, note FROM problem \
             WHERE note IS NOT NULL ORDER BY fingerprint",
        )
        .fetch_all(pool)
        .await?
    });
    let mut carried = 0;
    for mut note in notes {
        note.fingerprint = rekeyed.fingerprint(from, note.fingerprint).await?;
        let mut transaction = to.transaction().await?;
        let locking = transaction.locking();
        let select = format!("SELECT note FROM problem WHERE fingerprint = $1{locking}");
        on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "INSERT INTO problem (fingerprint, rule, code, target, dead, requested, retried, \
                 resolved, died_again, discarded, first_ms, last_ms) \
                 VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, 0, $5, $6) \
                 ON CONFLICT (fingerprint) DO NOTHING",
            )
            .bind(&note.fingerprint)
            .bind(note.rule)
            .bind(&note.code)
            .bind(&note.target)
            .bind(note.first_ms)
            .bind(note.last_ms)
            .execute(&mut *connection)
            .await?;
            let there: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .bind(&note.fingerprint)
                .fetch_one(&mut *connection)
                .await?;
            let both = match there {
                Some(there) if there.contains(&note.note) => continue,
                Some(there) => format!("{there}\n{}", note.note),
                None => note.note,
            };
            sqlx::query("UPDATE problem SET note = $1 WHERE fingerprint = $2")
                .bind(both)
                .bind(&note.fingerprint)
                .execute(connection)
                .await?;
        });
        transaction.commit().await?;
        carried += 1;
    }
    Ok(carried)
}
