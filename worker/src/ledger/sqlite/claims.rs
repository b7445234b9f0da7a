//! Claims, each inside one transaction.
//!
//! An entry is a row of `claim`: `S` while a run has it, `R` when it was given back, `C` when it
//! is done. `token` is the last owner's, or whose who found that it had died, `lowest` the lowest live
//! attempt, `fence` grows with every run and is no smaller than the time at which the run began,
//! `abandoned` is what is held against the event. An entry that has expired counts as absent,
//! whether it was deleted yet or not. Steps live as long as their entry.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shared::store::Turn;
use sqlx::Sqlite;
use sqlx::query::QueryScalar;
use sqlx::sqlite::SqliteArguments;

use crate::ledger::{Claim, Lease};

/// For all of `[hash, key, token, attempt, fence, lease_until_ms, expires_ms]`; without the `WHERE`, `ON`
/// would be taken for a join's.
const BEGIN: &str = "INSERT INTO claim \
    (hash, key, state, token, lowest, fence, abandoned, lease_until_ms, expires_ms) \
    SELECT unhex(value ->> 0), value ->> 1, 'S', value ->> 2, value ->> 3, value ->> 4, 0, value ->> 5, \
    value ->> 6 FROM json_each(?) WHERE true ON CONFLICT (hash) DO NOTHING";
/// The tokens of those that just began.
const BEGUN: &str = "SELECT json_group_array(token) FROM claim \
    WHERE hash IN (SELECT unhex(value ->> 0) FROM json_each(?1)) AND state = 'S' AND fence = ?2";
const TAKE: &str = "UPDATE claim SET state = 'S', token = ?2, lowest = ?3, fence = ?4, \
    abandoned = ?5, lease_until_ms = ?6, expires_ms = ?7 WHERE hash = unhex(?1)";
/// In its dead owner's place.
const SET_APART: &str = "UPDATE claim SET state = 'R', token = ?2, lowest = ?3, abandoned = ?4, \
    expires_ms = ?5 WHERE hash = unhex(?1)";
const FIND: &str = "SELECT state, token, lowest, fence, abandoned, lease_until_ms, expires_ms FROM claim \
    WHERE hash = unhex(?)";
const STEPS: &str = "SELECT step.name, step.json FROM claim CROSS JOIN step \
    ON step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 WHERE claim.hash = unhex(?)";
const FORGET: &str = "DELETE FROM step WHERE id IN (SELECT step.id FROM claim CROSS JOIN step \
    ON step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 \
    WHERE claim.hash IN (SELECT unhex(value) FROM json_each(?)))";

/// Who asks for an entry.
pub(super) struct Claimant {
    pub(super) key: String,
    pub(super) token: String,
    pub(super) attempt: i64,
    /// The counts of abandoned runs with which it is not to be claimed.
    pub(super) apart: &'static [u32],
    pub(super) lease_ms: i64,
    pub(super) retention_ms: i64,
}

/// Nearly every event is claimed once: one statement for all of these.
pub(super) async fn claim(
    turn: &mut Turn,
    claimants: Vec<Arc<Claimant>>,
) -> Result<Vec<Claim>, sqlx::Error> {
    let now_ms = turn.now_ms();
    let rows: Vec<_> = claimants
        .iter()
        .map(|claimant| {
            let lease_until_ms = now_ms.saturating_add(claimant.lease_ms);
            let expires_ms = expiry(now_ms, claimant.retention_ms);
            let Claimant { key, token, attempt, .. } = &**claimant;
            (hash(key), key, token, attempt, now_ms, lease_until_ms, expires_ms)
        })
        .collect();
    let rows = json(&rows)?;
    let written = sqlx::query(BEGIN).bind(&rows).execute(&mut turn.connection).await?;
    // Row by row is asked for only if somebody was there before.
    let begun = if is_all(written.rows_affected(), claimants.len()) {
        None
    } else {
        Some(tokens(sqlx::query_scalar(BEGUN).bind(rows).bind(now_ms), turn).await?)
    };
    let mut claims = Vec::with_capacity(claimants.len());
    for claimant in claimants {
        let is_new = begun.as_ref().is_none_or(|begun| begun.contains(&claimant.token));
        claims.push(if is_new {
            started(turn, &claimant, (now_ms, 0), false).await?
        } else {
            claim_again(turn, &claimant).await?
        });
    }
    Ok(claims)
}

/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for. What is
/// not to be claimed is given back, by the token of who asked: said again it is answered the same.
async fn claim_again(turn: &mut Turn, claimant: &Claimant) -> Result<Claim, sqlx::Error> {
    let (state, owner, lowest, fence, abandoned, lease_until_ms, expires_ms) =
        sqlx::query_as::<_, (String, String, i64, i64, i64, i64, i64)>(FIND)
            .bind(hash(&claimant.key))
            .fetch_one(&mut turn.connection)
            .await?;
    let now_ms = turn.now_ms();
    let next = now_ms.max(fence + 1);
    if expires_ms <= now_ms {
        forget_steps(turn, &[hash(&claimant.key)]).await?;
        take(turn, claimant, (next, 0)).await?;
        return started(turn, claimant, (next, 0), false).await;
    }
    let left_ms = lease_until_ms.saturating_sub(now_ms);
    let is_owner = owner == claimant.token;
    let is_own_run = is_owner && state == "S";
    let apart =
        |abandoned: i64| claimant.apart.iter().copied().find(|it| i64::from(*it) == abandoned);
    let run = match state.as_str() {
        "C" => return Ok(Claim::Completed),
        "R" if is_owner && apart(abandoned).is_none() => return Ok(Claim::Held(Duration::ZERO)),
        _ if claimant.attempt < lowest => return Ok(Claim::Stale),
        _ if is_own_run => (fence, abandoned),
        "S" if left_ms > 0 => return Ok(Claim::Held(duration(left_ms))),
        "S" => (next, abandoned + 1),
        _ => (next, abandoned),
    };
    if !is_own_run && let Some(count) = apart(run.1) {
        if state == "S" {
            set_apart(turn, claimant, run.1).await?;
        }
        return Ok(Claim::Apart(count));
    }
    take(turn, claimant, run).await?;
    started(turn, claimant, run, true).await
}

/// Gives the entry back in its dead owner's place, who has no say in it any more.
async fn set_apart(
    turn: &mut Turn,
    claimant: &Claimant,
    abandoned: i64,
) -> Result<(), sqlx::Error> {
    let expires_ms = expiry(turn.now_ms(), claimant.retention_ms);
    sqlx::query(SET_APART)
        .bind(hash(&claimant.key))
        .bind(&claimant.token)
        .bind(claimant.attempt)
        .bind(abandoned)
        .bind(expires_ms)
        .execute(&mut turn.connection)
        .await?;
    Ok(())
}

/// Puts the claimant into the entry, with this fence and count of abandoned runs.
async fn take(
    turn: &mut Turn,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
) -> Result<(), sqlx::Error> {
    let now_ms = turn.now_ms();
    sqlx::query(TAKE)
        .bind(hash(&claimant.key))
        .bind(&claimant.token)
        .bind(claimant.attempt)
        .bind(fence)
        .bind(abandoned)
        .bind(now_ms.saturating_add(claimant.lease_ms))
        .bind(expiry(now_ms, claimant.retention_ms))
        .execute(&mut turn.connection)
        .await?;
    Ok(())
}

async fn started(
    turn: &mut Turn,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
    may_have_steps: bool,
) -> Result<Claim, sqlx::Error> {
    let steps: Vec<(String, String)> = if may_have_steps {
        sqlx::query_as(STEPS).bind(hash(&claimant.key)).fetch_all(&mut turn.connection).await?
    } else {
        Vec::new()
    };
    Ok(Claim::Started(Lease::new(
        claimant.key.clone(),
        claimant.token.clone(),
        u32::try_from(claimant.attempt).unwrap_or(u32::MAX),
        fence.cast_unsigned(),
        u32::try_from(abandoned).unwrap_or(u32::MAX),
        steps,
    )))
}

/// Forgets the steps of the entries with these hashes.
pub(super) async fn forget_steps(turn: &mut Turn, hashes: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(json(hashes)?).execute(&mut turn.connection).await?;
    Ok(())
}

/// What an entry is found by: 16 bytes, in hexadecimal.
pub(super) fn hash(key: &str) -> String {
    let digest = Sha256::digest(key);
    data_encoding::HEXLOWER.encode(&digest[..16])
}

/// When an entry expires that changes now, ms since the Unix epoch: at the next full 1024th of the retention,
/// so that most changes leave its place in the index of those times alone.
pub(super) fn expiry(now_ms: i64, retention_ms: i64) -> i64 {
    let step_ms = (retention_ms / 1024).max(1);
    let due_ms = now_ms.saturating_add(retention_ms);
    due_ms.saturating_add(step_ms - 1) / step_ms * step_ms
}

/// Whether a statement for so many entries wrote each of them.
pub(super) fn is_all(written: u64, asked: usize) -> bool {
    usize::try_from(written) == Ok(asked)
}

/// Tokens of entries, which a statement gives as one JSON array: a row for each takes longer.
pub(super) async fn tokens(
    query: QueryScalar<'_, Sqlite, String, SqliteArguments>,
    turn: &mut Turn,
) -> Result<HashSet<String>, sqlx::Error> {
    let tokens = query.fetch_one(&mut turn.connection).await?;
    serde_json::from_str(&tokens).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
