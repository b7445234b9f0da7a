//! What goes along into the records of a cluster: whom to erase, who did what, what people wrote about
//! problems, and jobs. Whatever is there already is left as it is, so that it can be done again.
//!
//! Carries no letter: those go through the broker. Carries no event log.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::Serialize;
use shared::clock::now_ms;
use sqlx::{FromRow, QueryBuilder};

use super::database::{Database, on_pool, on_transaction};
use super::dead_letters::{fingerprint, keyed};
use super::{Key, Purpose, Records};

/// Rows of one statement.
const PAGE: i64 = 500;
/// How much there is, or was, to be carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Carried {
    /// Contacts that were erased for privacy.
    pub(crate) erased: u64,
    /// Lines of the audit.
    pub(crate) audit: u64,
    /// Problems that somebody wrote a note on.
    pub(crate) notes: u64,
    /// Jobs.
    pub(crate) jobs: u64,
}

impl Carried {
    /// Whether there is nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(FromRow)]
struct Tombstone {
    origin: String,
    object_id: i64,
}

#[derive(FromRow)]
struct Act {
    id: i64,
    at_ms: i64,
    who: String,
    action: String,
    filter: String,
    count: i64,
}

#[derive(FromRow)]
struct Noted {
    fingerprint: String,
    rule: i32,
    code: String,
    target: String,
    first_ms: i64,
    last_ms: i64,
    note: String,
}

#[derive(FromRow)]
struct Job {
    id: i64,
    kind: String,
    who: String,
    scope: String,
    filter: String,
    cutoff_ms: i64,
    generation: i64,
    rate: i64,
    state: String,
    reason: String,
    planned: i64,
    planned_more: bool,
    published: i64,
    succeeded: i64,
    died: i64,
    skipped: i64,
    created_ms: i64,
    state_ms: i64,
}

impl Records {
    /// How much there is to be carried.
    pub(crate) async fn to_carry(&self) -> anyhow::Result<Carried> {
        let database = self.ready().await?;
        let counts: (i64, i64, i64, i64) = on_pool!(database, pool => {
            sqlx::query_as(
                "SELECT (SELECT count(*) FROM erasure), (SELECT count(*) FROM audit), \
                 (SELECT count(*) FROM problem WHERE note IS NOT NULL), (SELECT count(*) FROM job)",
            )
            .fetch_one(pool)
            .await?
        });
        let [erased, audit, notes, jobs] =
            [counts.0, counts.1, counts.2, counts.3].map(i64::cast_unsigned);
        Ok(Carried { erased, audit, notes, jobs })
    }

    /// Carries whom to erase into `to`, where it is looked for before anything about them is written.
    pub(crate) async fn carry_erased(&self, to: &Self) -> anyhow::Result<u64> {
        // Letters that come there later are of the problems that they were of here.
        self.carry_keys(to).await?;
        let (from, to) = (self.ready().await?, to.ready().await?);
        // What is written there about them is younger than their erasing here.
        // Before every contact.
        let mut after = (String::new(), i64::MIN);
        let (mut carried, now_ms) = (0, now_ms());
        loop {
            let page: Vec<Tombstone> = on_pool!(from, pool => {
                sqlx::query_as(
                    "SELECT origin, object_id FROM erasure \
                     WHERE (origin, object_id) > ($1, $2) ORDER BY origin, object_id LIMIT $3",
                )
                .bind(&after.0)
                .bind(after.1)
                .bind(PAGE)
                .fetch_all(pool)
                .await?
            });
            let Some(last) = page.last() else { return Ok(carried) };
            after = (last.origin.clone(), last.object_id);
            carried += page.len() as u64;
            on_pool!(to, pool => {
                let mut upsert =
                    QueryBuilder::new("INSERT INTO erasure (origin, object_id, at_ms, swept) ");
                upsert.push_values(&page, |mut row, tombstone| {
                    row.push_bind(&tombstone.origin)
                        .push_bind(tombstone.object_id)
                        .push_bind(now_ms)
                        .push("FALSE");
                });
                // What is there about them already is swept.
                upsert.push(
                    " ON CONFLICT (origin, object_id) DO UPDATE SET swept = FALSE, \
                     at_ms = CASE WHEN excluded.at_ms > erasure.at_ms \
                     THEN excluded.at_ms ELSE erasure.at_ms END",
                );
                upsert.build().persistent(false).execute(pool).await?;
            });
        }
    }

    /// Carries all else into `to`; tells how much of it was not there.
    pub(crate) async fn carry_rest(&self, to: &Self) -> anyhow::Result<Carried> {
        let rekeyed = Rekeyed::between(self, to).await?;
        let (from, to) = (self.ready().await?, to.ready().await?);
        let (audit, notes, jobs) =
            (audit(from, to).await?, notes(from, to, &rekeyed).await?, jobs(from, to).await?);
        Ok(Carried { erased: 0, audit, notes, jobs })
    }
}

/// The acts keep their order, and get numbers of the other records'.
async fn audit(from: &Database, to: &Database) -> Result<u64, sqlx::Error> {
    let (mut after, mut carried) = (i64::MIN, 0);
    loop {
        let page: Vec<Act> = on_pool!(from, pool => {
            sqlx::query_as(
                "SELECT id, at_ms, who, action, filter, count FROM audit WHERE id > $1 \
                 ORDER BY id LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(pool)
            .await?
        });
        let Some(last) = page.last() else { return Ok(carried) };
        after = last.id;
        carried += on_pool!(to, pool => {
            let mut insert = QueryBuilder::new(
                "INSERT INTO audit (at_ms, who, action, filter, count) \
                 SELECT column2, column3, column4, column5, column6 FROM (",
            );
            insert.push_values(&page, |mut row, act| {
                row.push_bind(act.id)
                    .push_bind(act.at_ms)
                    .push_bind(&act.who)
                    .push_bind(&act.action)
                    .push_bind(&act.filter)
                    .push_bind(act.count);
            });
            insert.push(
                ") AS act WHERE NOT EXISTS (SELECT 1 FROM audit WHERE audit.at_ms = act.column2 \
                 AND audit.who = act.column3 AND audit.action = act.column4 \
                 AND audit.filter = act.column5 AND audit.count = act.column6) ORDER BY column1",
            );
            insert.build().persistent(false).execute(pool).await?.rows_affected()
        });
    }
}

/// What problems are called in records that had made a key of their own before.
struct Rekeyed(Option<Arc<Key>>);

impl Rekeyed {
    async fn between(from: &Records, to: &Records) -> anyhow::Result<Self> {
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
async fn notes(from: &Database, to: &Database, rekeyed: &Rekeyed) -> Result<u64, sqlx::Error> {
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

/// Jobs get numbers of the other records'. One that was not over cannot go on: its letters have other
/// numbers there, and its events are in another log.
async fn jobs(from: &Database, to: &Database) -> Result<u64, sqlx::Error> {
    let jobs: Vec<Job> = on_pool!(from, pool => {
        sqlx::query_as(
            "SELECT id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned, \
             planned_more, published, succeeded, died, skipped, created_ms, state_ms FROM job ORDER BY id",
        )
        .fetch_all(pool)
        .await?
    });
    let mut carried = 0;
    for job in jobs {
        let is_over = matches!(&*job.state, "done" | "cancelled");
        let mut reason = format!("was job {} of the standalone", job.id);
        if !is_over {
            reason += ", and not over when that was moved: plan it anew";
        }
        if !job.reason.is_empty() {
            reason = format!("{reason}; {}", job.reason);
        }
        carried += on_pool!(to, pool => {
            // Generations are each job's own.
            sqlx::query(
                "INSERT INTO job (kind, who, scope, filter, cutoff_ms, generation, rate, state, \
                 reason, planned, planned_more, published, succeeded, died, skipped, recent, \
                 failing, trusted, created_ms, state_ms, place_ms, place_id, owner, owned_until_ms, runs) \
                 SELECT $1, $2, $3, $4, $5, \
                 (SELECT CASE WHEN count(*) = 0 THEN $6 \
                  ELSE (SELECT min(generation) FROM job) - 1 END FROM job WHERE generation = $6), \
                 $7, $8, $9, $10, $17, $11, $12, $13, $14, '', 0, FALSE, $15, $16, 0, 0, '', 0, $18 \
                 WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND who = $2 AND scope = $3 \
                  AND created_ms = $15)",
            )
            .bind(&job.kind)
            .bind(&job.who)
            .bind(&job.scope)
            .bind(&job.filter)
            .bind(job.cutoff_ms)
            .bind(job.generation)
            .bind(job.rate)
            .bind(if is_over { &*job.state } else { "cancelled" })
            .bind(reason)
            .bind(job.planned)
            .bind(job.published)
            .bind(job.succeeded)
            .bind(job.died)
            .bind(job.skipped)
            .bind(job.created_ms)
            .bind(job.state_ms)
            .bind(job.planned_more)
            // What was still on its way there comes as nobody's: no more of it will be told here.
            .bind(job.succeeded + job.died + job.skipped)
            .execute(pool)
            .await?
            .rows_affected()
        });
    }
    Ok(carried)
}
