//! A letter as a row of a list.

use super::super::parts::{Moment, Part};
use super::super::selection::{or_none, words_of};
use crate::records::dead_letters::{Letter, State};

/// What a row shows of an error, in characters.
const MAX_ERROR_CHARS: usize = 240;

/// A row.
pub(super) struct LetterRow {
    pub(super) id: i64,
    pub(super) died: Part<Moment>,
    pub(super) code: String,
    pub(super) error: String,
    pub(super) target: String,
    pub(super) origin: String,
    pub(super) subscription_type: String,
    pub(super) object: Option<u64>,
    pub(super) attempts: i64,
    pub(super) state: &'static str,
    /// For the style.
    pub(super) state_class: &'static str,
    /// When a discarded one is deleted.
    pub(super) deleted: Option<Part<Moment>>,
}

impl LetterRow {
    /// Discarded letters stay `retention_ms`.
    pub(super) fn new(letter: &Letter, retention_ms: i64, now_ms: i64) -> Self {
        let is_discarded = letter.state == State::Discarded;
        let deleted_ms = letter.state_ms.saturating_add(retention_ms);
        Self {
            id: letter.id,
            died: Moment::new(letter.died_ms, now_ms),
            code: or_none(&letter.code).to_owned(),
            error: start(error_of(letter)),
            target: or_none(&letter.target).to_owned(),
            origin: letter.origin.to_string(),
            subscription_type: or_none(&letter.subscription_type).to_owned(),
            object: letter.object_id.map(i64::cast_unsigned),
            attempts: letter.attempt,
            state: words_of(letter.state),
            state_class: letter.state.as_str(),
            deleted: is_discarded.then(|| Moment::new(deleted_ms, now_ms)),
        }
    }
}

/// What went wrong; nothing is known of it any more if the event was erased.
pub(super) fn error_of(letter: &Letter) -> &str {
    if letter.body_bytes.is_some() { &letter.error } else { "(erased)" }
}

/// One line of an error.
fn start(error: &str) -> String {
    let mut chars = error.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    let mut start: String = chars.by_ref().take(MAX_ERROR_CHARS).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start
}
