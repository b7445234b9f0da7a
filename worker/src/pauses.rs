//! What is kept of a secret that is refused: until when nobody uses it, and who may try it then.
//!
//! Owns the rules, as a pure state: one run at a time tries, after waits that double. A script on Redis
//! does the same, word for word, by Redis' clock. It knows no secret: a pause has a name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After the first refusal nobody asks for so long, in ms. Short: APIs refuse a good token now and then.
pub(crate) const FIRST_MS: i64 = 1_000;
/// And never for longer than this, in ms.
pub(crate) const LONGEST_MS: i64 = 300_000;
/// Whoever comes while somebody tries comes back after this at the least, in ms.
pub(crate) const NEAR_MS: i64 = 1_000;
/// If nobody tries for so long, in ms, nobody needs it, and it is forgotten.
pub(crate) const KEPT_MS: i64 = 3_600_000;

/// What is asked of a pause, or said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// How it stands.
    Look,
    /// Somebody would use the secret, and has an answer within so long.
    Enter(Duration),
    /// The secret was refused; whether to one who tried it for all.
    Refused { is_try: bool },
    /// It was accepted.
    Accepted,
    /// Whoever tried it has no answer that tells either.
    Untold,
}

/// How a pause stands, after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseState {
    /// There is none.
    Open,
    /// One may try, and this is the one who does.
    Try,
    /// Nobody uses the secret for so long.
    Paused(Duration),
    /// The same, since now.
    Begun(Duration),
    /// It was there and is over.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pause {
    next_ms: i64,
    refusals: u32,
    /// Since when somebody tries.
    tried_ms: Option<i64>,
}

impl Pause {
    /// A try may tell nothing for as long as it takes: then who comes meanwhile waits as if it had told
    /// nothing when it began, rather than to ask again and again.
    fn wait_ms(&self, now_ms: i64) -> i64 {
        let wait_ms = self.next_ms - now_ms;
        match self.tried_ms {
            Some(since_ms) => {
                wait_ms.min(NEAR_MS).max(since_ms + last_wait_ms(self.refusals) - now_ms)
            }
            None => wait_ms,
        }
    }

    /// Nobody tries before the wait is over that so many refusals make.
    fn refused(refusals: u32, now_ms: i64) -> Self {
        Self { next_ms: now_ms + last_wait_ms(refusals), refusals, tried_ms: None }
    }
}

/// The wait after so many refusals.
fn last_wait_ms(refusals: u32) -> i64 {
    let doubled = FIRST_MS.saturating_mul(1_i64 << refusals.saturating_sub(1).min(30));
    doubled.min(LONGEST_MS)
}

/// What becomes of a pause by a word, and how it stands then.
fn hear(pause: Option<Pause>, word: Word, now_ms: i64) -> (Option<Pause>, PauseState) {
    let Some(known) = pause.filter(|pause| now_ms < pause.next_ms + KEPT_MS) else {
        let begun = Pause::refused(1, now_ms);
        return match word {
            Word::Refused { .. } => (Some(begun), PauseState::Begun(millis(begun.wait_ms(now_ms)))),
            Word::Look | Word::Enter(_) | Word::Accepted | Word::Untold => (None, PauseState::Open),
        };
    };
    let paused = |pause: Pause| (Some(pause), PauseState::Paused(millis(pause.wait_ms(now_ms))));
    match word {
        Word::Look if known.next_ms <= now_ms => (pause, PauseState::Try),
        Word::Enter(within) if known.next_ms <= now_ms => {
            let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
            let tried = Pause { next_ms: now_ms + within_ms, tried_ms: Some(now_ms), ..known };
            (Some(tried), PauseState::Try)
        }
        Word::Refused { is_try: true } => paused(Pause::refused(known.refusals + 1, now_ms)),
        // It was no refusal, and as good a reason to wait as the last one.
        Word::Untold if known.tried_ms.is_some() => paused(Pause::refused(known.refusals, now_ms)),
        // What was under way when it began says nothing new, nor does a try that others have told of.
        Word::Look | Word::Enter(_) | Word::Refused { is_try: false } | Word::Untold => {
            paused(known)
        }
        Word::Accepted => (None, PauseState::Ended),
    }
}

/// The pauses of one process, in its memory.
#[derive(Debug)]
pub(crate) struct Pauses {
    begun: Instant,
    pauses: Mutex<HashMap<String, Pause>>,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { begun: Instant::now(), pauses: Mutex::default() }
    }
}

impl Pauses {
    pub(crate) fn hear(&self, name: &str, word: Word) -> PauseState {
        let now_ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let (pause, standing) = hear(pauses.get(name).copied(), word, now_ms);
        match pause {
            Some(pause) => drop(pauses.insert(name.to_owned(), pause)),
            None => drop(pauses.remove(name)),
        }
        standing
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

#[cfg(test)]
mod tests;
