//! Claims, each inside one transaction.
//!
//! An entry is a row of `claim`: `S` while a run has it, `R` when it was given back, `C` when it
//! is done. `token` is the last owner's, or whose who found that it had died, `lowest` the lowest live
//! attempt, `fence` grows with every run and is no smaller than the time at which the run began,
//! `abandoned` is what is held against the event. An entry that has expired counts as absent,
//! whether it was deleted yet or not. Steps live as long as their entry.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Row, params};
use sha2::{Digest as _, Sha256};
use shared::store::Turn;

use crate::ledger::{Claim, Lease};

const BEGIN: &str = "INSERT INTO claim \
    (hash, key, state, token, lowest, fence, abandoned, lease_until_ms, expires_ms) \
    VALUES (?, ?, 'S', ?, ?, ?, 0, ?, ?) ON CONFLICT (hash) DO NOTHING";
const TAKE: &str = "UPDATE claim SET state = 'S', token = ?2, lowest = ?3, fence = ?4, \
    abandoned = ?5, lease_until_ms = ?6, expires_ms = ?7 WHERE hash = ?1";
/// In its dead owner's place.
const SET_APART: &str = "UPDATE claim SET state = 'R', token = ?2, lowest = ?3, abandoned = ?4, \
    expires_ms = ?5 WHERE hash = ?1";
const FIND: &str = "SELECT state, token, lowest, fence, abandoned, lease_until_ms, expires_ms FROM claim \
    WHERE hash = ?";
const STEPS: &str = "SELECT step.name, step.json FROM claim CROSS JOIN step \
    ON step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 WHERE claim.hash = ?";
const FORGET: &str = "DELETE FROM step WHERE id IN (SELECT step.id FROM claim CROSS JOIN step \
    ON step.id BETWEEN claim.id << 20 AND (claim.id << 20) + 1048575 WHERE claim.hash = ?)";

/// What an entry is found by.
pub(super) type Hash = [u8; 16];

/// An entry as somebody else has left it.
struct Found {
    state: String,
    token: String,
    lowest: i64,
    fence: i64,
    abandoned: i64,
    lease_until_ms: i64,
    expires_ms: i64,
}

impl Found {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            state: row.get(0)?,
            token: row.get(1)?,
            lowest: row.get(2)?,
            fence: row.get(3)?,
            abandoned: row.get(4)?,
            lease_until_ms: row.get(5)?,
            expires_ms: row.get(6)?,
        })
    }
}

/// Who asks for an entry.
pub(super) struct Claimant {
    pub(super) key: String,
    pub(super) hash: Hash,
    pub(super) token: String,
    pub(super) attempt: i64,
    /// The counts of abandoned runs with which it is not to be claimed.
    pub(super) apart: &'static [u32],
    pub(super) lease_ms: i64,
    pub(super) retention_ms: i64,
}

/// Nearly every event is claimed once: what is there is read only if something is.
pub(super) fn claim(
    turn: &mut Turn,
    claimants: &[Arc<Claimant>],
) -> Result<Vec<Claim>, rusqlite::Error> {
    let claims = claimants.iter().map(|claimant| {
        if begin(turn, claimant)? {
            return started(turn, claimant, (turn.now_ms(), 0), false);
        }
        claim_again(turn, claimant)
    });
    claims.collect()
}

/// Makes the entry; false if it is there.
fn begin(turn: &Turn, claimant: &Claimant) -> Result<bool, rusqlite::Error> {
    let now_ms = turn.now_ms();
    let made = turn.connection.prepare_cached(BEGIN)?.execute(params![
        claimant.hash,
        claimant.key,
        claimant.token,
        claimant.attempt,
        now_ms,
        now_ms.saturating_add(claimant.lease_ms),
        expiry(now_ms, claimant.retention_ms),
    ])?;
    Ok(made == 1)
}

/// Claiming again with the token one holds already answers the same as the first time; with one
/// that was given back it claims nothing: that is an old call come late, which nobody waits for. What is
/// not to be claimed is given back, by the token of who asked: said again it is answered the same.
fn claim_again(turn: &Turn, claimant: &Claimant) -> Result<Claim, rusqlite::Error> {
    let mut find = turn.connection.prepare_cached(FIND)?;
    let Found { state, token: owner, lowest, fence, abandoned, lease_until_ms, expires_ms } =
        find.query_row([claimant.hash], Found::read)?;
    let now_ms = turn.now_ms();
    let next = now_ms.max(fence + 1);
    if expires_ms <= now_ms {
        forget_steps(turn, &claimant.hash)?;
        take(turn, claimant, (next, 0))?;
        return started(turn, claimant, (next, 0), false);
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
            set_apart(turn, claimant, run.1)?;
        }
        return Ok(Claim::Apart(count));
    }
    take(turn, claimant, run)?;
    started(turn, claimant, run, true)
}

/// Gives the entry back in its dead owner's place, who has no say in it any more.
fn set_apart(turn: &Turn, claimant: &Claimant, abandoned: i64) -> Result<(), rusqlite::Error> {
    let expires_ms = expiry(turn.now_ms(), claimant.retention_ms);
    let Claimant { hash, token, attempt, .. } = claimant;
    let mut set_apart = turn.connection.prepare_cached(SET_APART)?;
    set_apart.execute(params![hash, token, attempt, abandoned, expires_ms])?;
    Ok(())
}

/// Puts the claimant into the entry, with this fence and count of abandoned runs.
fn take(
    turn: &Turn,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
) -> Result<(), rusqlite::Error> {
    let now_ms = turn.now_ms();
    turn.connection.prepare_cached(TAKE)?.execute(params![
        claimant.hash,
        claimant.token,
        claimant.attempt,
        fence,
        abandoned,
        now_ms.saturating_add(claimant.lease_ms),
        expiry(now_ms, claimant.retention_ms),
    ])?;
    Ok(())
}

fn started(
    turn: &Turn,
    claimant: &Claimant,
    (fence, abandoned): (i64, i64),
    may_have_steps: bool,
) -> Result<Claim, rusqlite::Error> {
    let steps = if may_have_steps {
        let mut select = turn.connection.prepare_cached(STEPS)?;
        let steps = select.query_map([claimant.hash], |row| Ok((row.get(0)?, row.get(1)?)))?;
        steps.collect::<Result<_, _>>()?
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

/// Forgets the steps of an entry.
pub(super) fn forget_steps(turn: &Turn, hash: &Hash) -> Result<(), rusqlite::Error> {
    turn.connection.prepare_cached(FORGET)?.execute([hash])?;
    Ok(())
}

/// Of an entry's key.
pub(super) fn hash(key: &str) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(&Sha256::digest(key)[..16]);
    hash
}

/// When an entry expires that changes now, ms since the Unix epoch: at the next full 1024th of the retention,
/// so that most changes leave its place in the index of those times alone.
pub(super) fn expiry(now_ms: i64, retention_ms: i64) -> i64 {
    let step_ms = (retention_ms / 1024).max(1);
    let due_ms = now_ms.saturating_add(retention_ms);
    due_ms.saturating_add(step_ms - 1) / step_ms * step_ms
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
