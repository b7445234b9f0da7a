//! The ledger's transitions, each inside one transaction.
//!
//! An entry is a row of `claim`: `S` while a run has it, `R` when it was given back, `C` when it
//! is done. `token` is the last owner's, `lowest` the lowest live attempt. An entry that has
//! expired counts as absent, whether it was deleted yet or not. Steps live as long as their
//! entry.

use std::time::Duration;

use shared::store::Turn;

use crate::ledger::{Budget, Claim, Lease, Release};

/// Requests are counted for so long.
pub(super) const WINDOW_MS: i64 = 10_000;

const BEGIN: &str = "INSERT INTO claim \
    (key, state, token, lowest, fence, abandoned, lease_until_ms, expires_ms) \
    VALUES (?1, 'S', ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO NOTHING";
const TAKE: &str = "UPDATE claim SET state = 'S', token = ?2, lowest = ?3, fence = ?4, \
    abandoned = ?5, lease_until_ms = ?6, expires_ms = ?7 WHERE key = ?1";
const FIND: &str = "SELECT state, token, lowest, fence, abandoned, lease_until_ms, expires_ms FROM claim \
    WHERE key = ?";
const EXTEND: &str = "UPDATE claim SET lease_until_ms = ?1, expires_ms = ?2 \
    WHERE key = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5";
const REMEMBER: &str = "INSERT INTO step (key, name, json) \
    SELECT key, ?1, ?2 FROM claim WHERE key = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5 \
    ON CONFLICT (key, name) DO UPDATE SET json = excluded.json";
const COMPLETE: &str = "UPDATE claim SET state = 'C' \
    WHERE key = ? AND token = ? AND state IN ('S', 'C') AND expires_ms > ?";
const RELEASE: &str = "UPDATE claim SET state = 'R', lowest = max(lowest, ifnull(?1, 0)), \
    abandoned = iif(?1 IS NULL, abandoned, 0), expires_ms = ?2 \
    WHERE key = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5";
const IS_RELEASED: &str = "SELECT EXISTS (SELECT * FROM claim \
    WHERE key = ? AND token = ? AND state = 'R' AND expires_ms > ?)";

/// Who asks for an entry.
pub(super) struct Claimant {
    pub(super) key: String,
    pub(super) token: String,
    pub(super) attempt: i64,
    pub(super) lease_ms: i64,
    pub(super) retention_ms: i64,
}

/// Who writes under a lease.
pub(super) struct Owner {
    pub(super) key: String,
    pub(super) token: String,
    pub(super) retention_ms: i64,
}

/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for.
pub(super) async fn claim(turn: &mut Turn, claimant: &Claimant) -> Result<Claim, sqlx::Error> {
    // Nearly every event is claimed once.
    if put(turn, BEGIN, claimant, (1, 0)).await? {
        return started(turn, claimant, (1, 0), false).await;
    }
    let (state, owner, lowest, fence, abandoned, lease_until_ms, expires_ms) =
        sqlx::query_as::<_, (String, String, i64, i64, i64, i64, i64)>(FIND)
            .bind(&claimant.key)
            .fetch_one(&mut turn.connection)
            .await?;
    if expires_ms <= turn.now_ms() {
        forget_steps(turn, &claimant.key).await?;
        put(turn, TAKE, claimant, (1, 0)).await?;
        return started(turn, claimant, (1, 0), false).await;
    }
    let left_ms = lease_until_ms.saturating_sub(turn.now_ms());
    let is_owner = owner == claimant.token;
    let run = match state.as_str() {
        "C" => return Ok(Claim::Completed),
        "R" if is_owner => return Ok(Claim::Held(Duration::ZERO)),
        _ if claimant.attempt < lowest => return Ok(Claim::Stale),
        "S" if is_owner => (fence, abandoned),
        "S" if left_ms > 0 => return Ok(Claim::Held(duration(left_ms))),
        "S" => (fence + 1, abandoned + 1),
        _ => (fence + 1, abandoned),
    };
    put(turn, TAKE, claimant, run).await?;
    started(turn, claimant, run, true).await
}

/// Writes an entry with this fence and count of abandoned runs.
async fn put(
    turn: &mut Turn,
    statement: &'static str,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
) -> Result<bool, sqlx::Error> {
    let now_ms = turn.now_ms();
    let done = sqlx::query(statement)
        .bind(&claimant.key)
        .bind(&claimant.token)
        .bind(claimant.attempt)
        .bind(fence)
        .bind(abandoned)
        .bind(now_ms.saturating_add(claimant.lease_ms))
        .bind(now_ms.saturating_add(claimant.retention_ms))
        .execute(&mut turn.connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

async fn started(
    turn: &mut Turn,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
    may_have_steps: bool,
) -> Result<Claim, sqlx::Error> {
    let steps: Vec<(String, String)> = if may_have_steps {
        sqlx::query_as("SELECT name, json FROM step WHERE key = ?")
            .bind(&claimant.key)
            .fetch_all(&mut turn.connection)
            .await?
    } else {
        Vec::new()
    };
    Ok(Claim::Started(Lease::new(
        claimant.key.clone(),
        claimant.token.clone(),
        fence.cast_unsigned(),
        u32::try_from(abandoned).unwrap_or(u32::MAX),
        steps.into_iter().collect(),
    )))
}

/// True if still the owner. A lease that ran out but that nobody took is still its owner's.
pub(super) async fn extend(
    turn: &mut Turn,
    owner: &Owner,
    lease_ms: i64,
) -> Result<bool, sqlx::Error> {
    let now_ms = turn.now_ms();
    let done = sqlx::query(EXTEND)
        .bind(now_ms.saturating_add(lease_ms))
        .bind(now_ms.saturating_add(owner.retention_ms))
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(now_ms)
        .execute(&mut turn.connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// True if still the owner.
pub(super) async fn remember(
    turn: &mut Turn,
    owner: &Owner,
    step: &str,
    json: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(REMEMBER)
        .bind(step)
        .bind(json)
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(turn.now_ms())
        .execute(&mut turn.connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// True if the owner, also when asked again. Steps go: they may hold what need not be remembered
/// for days.
pub(super) async fn complete(
    turn: &mut Turn,
    owner: &Owner,
    has_steps: bool,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(COMPLETE)
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(turn.now_ms())
        .execute(&mut turn.connection)
        .await?;
    let is_owner = done.rows_affected() == 1;
    if is_owner && has_steps {
        forget_steps(turn, &owner.key).await?;
    }
    Ok(is_owner)
}

/// True if the owner, also when asked again. A run that came to its end clears the count of
/// abandoned ones.
pub(super) async fn release(
    turn: &mut Turn,
    owner: &Owner,
    release: Release,
) -> Result<bool, sqlx::Error> {
    let now_ms = turn.now_ms();
    let next = match release {
        Release::Same => None,
        Release::Next(attempt) => Some(i64::from(attempt)),
    };
    let done = sqlx::query(RELEASE)
        .bind(next)
        .bind(now_ms.saturating_add(owner.retention_ms))
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(now_ms)
        .execute(&mut turn.connection)
        .await?;
    if done.rows_affected() == 1 {
        return Ok(true);
    }
    sqlx::query_scalar(IS_RELEASED)
        .bind(&owner.key)
        .bind(&owner.token)
        .bind(now_ms)
        .fetch_one(&mut turn.connection)
        .await
}

/// Every granted request is remembered for the window, so no window ever sees more than the
/// limit: a bucket that refills would let nearly twice as many through.
pub(super) async fn spend(
    turn: &mut Turn,
    portal_id: u64,
    limit: u32,
    token: u64,
) -> Result<Budget, sqlx::Error> {
    let (budget, token, now_ms) = (portal_id.to_string(), format!("{token:016x}"), turn.now_ms());
    sqlx::query("DELETE FROM spent WHERE budget = ? AND at_ms <= ?")
        .bind(&budget)
        .bind(now_ms - WINDOW_MS)
        .execute(&mut turn.connection)
        .await?;
    let (count, is_counted, oldest_ms): (i64, bool, Option<i64>) = sqlx::query_as(
        "SELECT count(*), ifnull(max(token = ?2), 0), min(at_ms) FROM spent WHERE budget = ?1",
    )
    .bind(&budget)
    .bind(&token)
    .fetch_one(&mut turn.connection)
    .await?;
    if is_counted {
        return Ok(Budget::Granted);
    }
    if count < i64::from(limit) {
        sqlx::query("INSERT INTO spent (budget, token, at_ms) VALUES (?, ?, ?)")
            .bind(&budget)
            .bind(&token)
            .bind(now_ms)
            .execute(&mut turn.connection)
            .await?;
        return Ok(Budget::Granted);
    }
    Ok(Budget::Spent(duration((oldest_ms.unwrap_or(now_ms) + WINDOW_MS - now_ms).max(1))))
}

async fn forget_steps(turn: &mut Turn, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM step WHERE key = ?").bind(key).execute(&mut turn.connection).await?;
    Ok(())
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
