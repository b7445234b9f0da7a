//! What owners write under a lease, each inside one transaction; said again it is answered the same.

use std::sync::Arc;

use shared::store::Turn;

use super::claims::{expiry, forget_steps, hash, is_all, json, tokens};
use crate::ledger::lease::Steps;
use crate::ledger::{Release, Write, Written};

const IS_LONG: &str = "SELECT EXISTS (SELECT * FROM claim WHERE hash = unhex(?) AND token = ? \
    AND state = 'S' AND expires_ms > ? AND lease_until_ms >= ?)";
const EXTEND: &str = "UPDATE claim SET lease_until_ms = ?1, expires_ms = ?2 \
    WHERE hash = unhex(?3) AND token = ?4 AND state = 'S' AND expires_ms > ?5";
/// In the place that the step has, or behind the claim's last one.
const REMEMBER: &str = "INSERT INTO step (id, name, json) SELECT coalesce(\
    (SELECT step.id FROM step \
    WHERE step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 AND step.name = ?1), \
    (SELECT max(step.id) + 1 FROM step \
    WHERE step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575), claim.id << 20), ?1, ?2 \
    FROM claim WHERE hash = unhex(?3) AND token = ?4 AND state = 'S' AND expires_ms > ?5 \
    ON CONFLICT (id) DO UPDATE SET json = excluded.json WHERE step.name = excluded.name";
/// For all of `[hash, token]`: no two entries ever have the same token.
const COMPLETE: &str = "UPDATE claim SET state = 'C' \
    WHERE hash IN (SELECT unhex(value ->> 0) FROM json_each(?1)) \
    AND token IN (SELECT value ->> 1 FROM json_each(?1)) \
    AND state IN ('S', 'C') AND expires_ms > ?2";
const COMPLETED: &str = "SELECT json_group_array(token) FROM claim \
    WHERE hash IN (SELECT unhex(value ->> 0) FROM json_each(?1)) \
    AND token IN (SELECT value ->> 1 FROM json_each(?1)) AND state = 'C' AND expires_ms > ?2";
const RELEASE: &str = "UPDATE claim SET state = 'R', lowest = max(lowest, ifnull(?1, 0)), \
    abandoned = ifnull(?6, abandoned), expires_ms = ?2 \
    WHERE hash = unhex(?3) AND token = ?4 AND state = 'S' AND expires_ms > ?5";
const IS_MISSING: &str =
    "SELECT NOT EXISTS (SELECT * FROM claim WHERE hash = unhex(?) AND expires_ms > ?)";
const RESTORE: &str = "INSERT INTO claim \
    (hash, key, state, token, lowest, fence, abandoned, lease_until_ms, expires_ms) \
    VALUES (unhex(?9), ?1, 'S', ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE \
    SET state = 'S', token = excluded.token, lowest = excluded.lowest, fence = excluded.fence, \
    abandoned = excluded.abandoned, lease_until_ms = excluded.lease_until_ms, \
    expires_ms = excluded.expires_ms WHERE claim.expires_ms <= ?8";
const IS_RELEASED: &str = "SELECT EXISTS (SELECT * FROM claim \
    WHERE hash = unhex(?) AND token = ? AND state = 'R' AND expires_ms > ?)";

/// Who writes under a lease.
pub(super) struct Owner {
    pub(super) key: String,
    pub(super) token: String,
    pub(super) retention_ms: i64,
}

/// Who is done.
#[derive(Clone)]
pub(super) struct Completion {
    pub(super) owner: Arc<Owner>,
    pub(super) has_steps: bool,
}

/// What an owner knows of its entry.
pub(super) struct Known {
    pub(super) owner: Arc<Owner>,
    pub(super) attempt: i64,
    pub(super) fence: i64,
    pub(super) abandoned: i64,
    pub(super) lease_ms: i64,
    pub(super) steps: Steps,
}

/// Any write but a completion.
pub(super) struct Writing {
    pub(super) owner: Arc<Owner>,
    pub(super) write: Write,
    /// By how much a lease is extended.
    pub(super) lease_ms: i64,
    pub(super) steps: Arc<Steps>,
}

impl Writing {
    pub(super) async fn carry_out(self, turn: &mut Turn) -> Result<Written, sqlx::Error> {
        match self.write {
            Write::Extend => extend(turn, &self.owner, self.lease_ms).await,
            Write::Release(next) => release(turn, &self.owner, next, &self.steps).await,
            _ => remember(turn, &self.owner, &self.steps).await,
        }
    }
}

/// A lease that ran out but that nobody took is still its owner's. One of which two thirds are left stays as it is: nobody
/// else is told of it, and nothing needs to be written.
async fn extend(turn: &mut Turn, owner: &Owner, lease_ms: i64) -> Result<Written, sqlx::Error> {
    let now_ms = turn.now_ms();
    let is_long: bool = sqlx::query_scalar(IS_LONG)
        .bind(hash(&owner.key))
        .bind(&owner.token)
        .bind(now_ms)
        .bind(now_ms.saturating_add(lease_ms / 3 * 2))
        .fetch_one(&mut turn.connection)
        .await?;
    if is_long {
        return Ok(Written::Done);
    }
    let done = sqlx::query(EXTEND)
        .bind(now_ms.saturating_add(lease_ms))
        .bind(expiry(now_ms, owner.retention_ms))
        .bind(hash(&owner.key))
        .bind(&owner.token)
        .bind(now_ms)
        .execute(&mut turn.connection)
        .await?;
    written(turn, &owner.key, done.rows_affected() == 1).await
}

async fn remember(turn: &mut Turn, owner: &Owner, steps: &Steps) -> Result<Written, sqlx::Error> {
    let mut is_owner = true;
    for (name, json) in steps {
        let done = sqlx::query(REMEMBER)
            .bind(name)
            .bind(json)
            .bind(hash(&owner.key))
            .bind(&owner.token)
            .bind(turn.now_ms())
            .execute(&mut turn.connection)
            .await?;
        is_owner &= done.rows_affected() == 1;
    }
    written(turn, &owner.key, is_owner).await
}

/// Done also when asked again. Steps go: they may hold what need not be remembered for days.
pub(super) async fn complete(
    turn: &mut Turn,
    completions: Vec<Completion>,
) -> Result<Vec<Written>, sqlx::Error> {
    let owners: Vec<_> = completions
        .iter()
        .map(|Completion { owner, .. }| (hash(&owner.key), &owner.token))
        .collect();
    let (owners, now_ms) = (json(&owners)?, turn.now_ms());
    let complete = sqlx::query(COMPLETE).bind(&owners).bind(now_ms);
    let done = complete.execute(&mut turn.connection).await?;
    let completed = if is_all(done.rows_affected(), completions.len()) {
        None
    } else {
        Some(tokens(sqlx::query_scalar(COMPLETED).bind(owners).bind(now_ms), turn).await?)
    };
    let is_owner = |completion: &Completion| {
        completed.as_ref().is_none_or(|completed| completed.contains(&completion.owner.token))
    };
    let with_steps: Vec<String> = completions
        .iter()
        .filter(|completion| completion.has_steps && is_owner(completion))
        .map(|completion| hash(&completion.owner.key))
        .collect();
    if !with_steps.is_empty() {
        forget_steps(turn, &with_steps).await?;
    }
    let mut answers = Vec::with_capacity(completions.len());
    for completion in &completions {
        answers.push(written(turn, &completion.owner.key, is_owner(completion)).await?);
    }
    Ok(answers)
}

/// Done also when asked again. `steps` are written with it.
async fn release(
    turn: &mut Turn,
    owner: &Owner,
    release: Release,
    steps: &Steps,
) -> Result<Written, sqlx::Error> {
    let now_ms = turn.now_ms();
    remember(turn, owner, steps).await?;
    let done = sqlx::query(RELEASE)
        .bind(release.lowest().map(i64::from))
        .bind(expiry(now_ms, owner.retention_ms))
        .bind(hash(&owner.key))
        .bind(&owner.token)
        .bind(now_ms)
        .bind(release.abandoned().map(i64::from))
        .execute(&mut turn.connection)
        .await?;
    let is_owner = done.rows_affected() == 1
        || sqlx::query_scalar(IS_RELEASED)
            .bind(hash(&owner.key))
            .bind(&owner.token)
            .bind(now_ms)
            .fetch_one(&mut turn.connection)
            .await?;
    written(turn, &owner.key, is_owner).await
}

/// True if anything was put back; nothing is while somebody else has the entry.
pub(super) async fn restore(turn: &mut Turn, known: &Known) -> Result<bool, sqlx::Error> {
    let (now_ms, owner) = (turn.now_ms(), &known.owner);
    let done = sqlx::query(RESTORE)
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(known.attempt)
        .bind(known.fence)
        .bind(known.abandoned)
        .bind(now_ms.saturating_add(known.lease_ms))
        .bind(expiry(now_ms, owner.retention_ms))
        .bind(now_ms)
        .bind(hash(&owner.key))
        .execute(&mut turn.connection)
        .await?;
    if done.rows_affected() == 1 {
        forget_steps(turn, &[hash(&owner.key)]).await?;
        remember(turn, owner, &known.steps).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// What became of a write: the entry may be missing if nothing was done.
async fn written(turn: &mut Turn, key: &str, is_done: bool) -> Result<Written, sqlx::Error> {
    if is_done {
        return Ok(Written::Done);
    }
    let is_missing: bool = sqlx::query_scalar(IS_MISSING)
        .bind(hash(key))
        .bind(turn.now_ms())
        .fetch_one(&mut turn.connection)
        .await?;
    Ok(if is_missing { Written::Missing } else { Written::Refused })
}
