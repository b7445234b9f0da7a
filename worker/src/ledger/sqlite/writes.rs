//! What owners write under a lease, each inside one transaction; said again it is answered the same.

use std::sync::Arc;

use rusqlite::{ToSql, params};
use shared::store::Turn;

use super::claims::{Hash, expiry, forget_steps};
use crate::ledger::lease::Steps;
use crate::ledger::{Release, Write, Written};

const IS_LONG: &str = "SELECT EXISTS (SELECT * FROM claim WHERE hash = ? AND token = ? \
    AND state = 'S' AND expires_ms > ? AND lease_until_ms >= ?)";
const EXTEND: &str = "UPDATE claim SET lease_until_ms = ?1, expires_ms = ?2 \
    WHERE hash = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5";
/// In the place that the step has, or behind the claim's last one.
const REMEMBER: &str = "INSERT INTO step (id, name, json) SELECT coalesce(\
    (SELECT step.id FROM step \
    WHERE step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 AND step.name = ?1), \
    (SELECT max(step.id) + 1 FROM step \
    WHERE step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575), claim.id << 20), ?1, ?2 \
    FROM claim WHERE hash = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5 \
    ON CONFLICT (id) DO UPDATE SET json = excluded.json WHERE step.name = excluded.name";
const COMPLETE: &str = "UPDATE claim SET state = 'C' \
    WHERE hash = ? AND token = ? AND state IN ('S', 'C') AND expires_ms > ?";
const RELEASE: &str = "UPDATE claim SET state = 'R', lowest = max(lowest, ifnull(?1, 0)), \
    abandoned = ifnull(?6, abandoned), expires_ms = ?2 \
    WHERE hash = ?3 AND token = ?4 AND state = 'S' AND expires_ms > ?5";
const IS_MISSING: &str =
    "SELECT NOT EXISTS (SELECT * FROM claim WHERE hash = ? AND expires_ms > ?)";
const RESTORE: &str = "INSERT INTO claim \
    (hash, key, state, token, lowest, fence, abandoned, lease_until_ms, expires_ms) \
    VALUES (?9, ?1, 'S', ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE \
    SET state = 'S', token = excluded.token, lowest = excluded.lowest, fence = excluded.fence, \
    abandoned = excluded.abandoned, lease_until_ms = excluded.lease_until_ms, \
    expires_ms = excluded.expires_ms WHERE claim.expires_ms <= ?8";
const IS_RELEASED: &str = "SELECT EXISTS (SELECT * FROM claim \
    WHERE hash = ? AND token = ? AND state = 'R' AND expires_ms > ?)";

/// Who writes under a lease.
pub(super) struct Owner {
    pub(super) key: String,
    pub(super) hash: Hash,
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
    pub(super) fn carry_out(self, turn: &mut Turn) -> Result<Written, rusqlite::Error> {
        match self.write {
            Write::Extend => extend(turn, &self.owner, self.lease_ms),
            Write::Release(next) => release(turn, &self.owner, next, &self.steps),
            _ => remember(turn, &self.owner, &self.steps),
        }
    }
}

/// A lease that ran out but that nobody took is still its owner's. One of which two thirds are left stays as it is: nobody
/// else is told of it, and nothing needs to be written.
fn extend(turn: &Turn, owner: &Owner, lease_ms: i64) -> Result<Written, rusqlite::Error> {
    let (now_ms, Owner { hash, token, retention_ms, .. }) = (turn.now_ms(), owner);
    let long_ms = now_ms.saturating_add(lease_ms / 3 * 2);
    if is(turn, IS_LONG, params![hash, token, now_ms, long_ms])? {
        return Ok(Written::Done);
    }
    let lease_until_ms = now_ms.saturating_add(lease_ms);
    let values = params![lease_until_ms, expiry(now_ms, *retention_ms), hash, token, now_ms];
    let is_done = is_carried_out(turn, EXTEND, values)?;
    written(turn, owner, is_done)
}

fn remember(turn: &Turn, owner: &Owner, steps: &Steps) -> Result<Written, rusqlite::Error> {
    let mut is_owner = true;
    for (name, json) in steps {
        let values = params![name, json, owner.hash, owner.token, turn.now_ms()];
        is_owner &= is_carried_out(turn, REMEMBER, values)?;
    }
    written(turn, owner, is_owner)
}

/// Done also when asked again. Steps go: they may hold what need not be remembered for days.
pub(super) fn complete(
    turn: &mut Turn,
    completions: &[Completion],
) -> Result<Vec<Written>, rusqlite::Error> {
    let answers = completions.iter().map(|Completion { owner, has_steps }| {
        let values = params![owner.hash, owner.token, turn.now_ms()];
        let is_owner = is_carried_out(turn, COMPLETE, values)?;
        if is_owner && *has_steps {
            forget_steps(turn, &owner.hash)?;
        }
        written(turn, owner, is_owner)
    });
    answers.collect()
}

/// Done also when asked again. `steps` are written with it.
fn release(
    turn: &Turn,
    owner: &Owner,
    release: Release,
    steps: &Steps,
) -> Result<Written, rusqlite::Error> {
    let (now_ms, Owner { hash, token, retention_ms, .. }) = (turn.now_ms(), owner);
    remember(turn, owner, steps)?;
    let expires_ms = expiry(now_ms, *retention_ms);
    let (lowest, abandoned) = (release.lowest(), release.abandoned());
    let values = params![lowest, expires_ms, hash, token, now_ms, abandoned];
    let is_owner = is_carried_out(turn, RELEASE, values)?
        || is(turn, IS_RELEASED, params![hash, token, now_ms])?;
    written(turn, owner, is_owner)
}

/// True if anything was put back; nothing is while somebody else has the entry.
pub(super) fn restore(turn: &mut Turn, known: &Known) -> Result<bool, rusqlite::Error> {
    let (now_ms, owner) = (turn.now_ms(), &known.owner);
    let values = params![
        owner.key,
        owner.token,
        known.attempt,
        known.fence,
        known.abandoned,
        now_ms.saturating_add(known.lease_ms),
        expiry(now_ms, owner.retention_ms),
        now_ms,
        owner.hash,
    ];
    let is_back = is_carried_out(turn, RESTORE, values)?;
    if is_back {
        forget_steps(turn, &owner.hash)?;
        remember(turn, owner, &known.steps)?;
    }
    Ok(is_back)
}

/// What became of a write: the entry may be missing if nothing was done.
fn written(turn: &Turn, owner: &Owner, is_done: bool) -> Result<Written, rusqlite::Error> {
    if is_done {
        return Ok(Written::Done);
    }
    let is_missing = is(turn, IS_MISSING, params![owner.hash, turn.now_ms()])?;
    Ok(if is_missing { Written::Missing } else { Written::Refused })
}

/// Whether `statement` changed the entry.
fn is_carried_out(
    turn: &Turn,
    statement: &str,
    values: &[&dyn ToSql],
) -> Result<bool, rusqlite::Error> {
    Ok(turn.connection.prepare_cached(statement)?.execute(values)? == 1)
}

/// The answer to `question`.
fn is(turn: &Turn, question: &str, values: &[&dyn ToSql]) -> Result<bool, rusqlite::Error> {
    turn.connection.prepare_cached(question)?.query_row(values, |row| row.get(0))
}
