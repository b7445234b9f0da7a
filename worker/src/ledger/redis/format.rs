//! How an entry stands on Redis, and the number of that format; and those of the state of limits, and of
//! records' lines.
//!
//! An entry is a string: `2S:token:lowest:fence:abandoned:lease:retention` while a run has it,
//! `2R:token:lowest:fence:abandoned` when it was given back, `2C:token` when it is done. The `2` is the
//! format's number. `token` is the last owner's, or whose who found that it had died, `lowest` the lowest
//! live attempt, `fence` grows with every run and is no smaller than the time at which the run began,
//! `abandoned` is what is held against the event, times are ms. Every claim and
//! extension sets the entry to expire after `retention`, and so the time it has left tells how old the
//! lease is: no clock but Redis' has a say. Steps are a hash beside the entry.
//!
//! An entry of another number is not read: who claims it is told that it is held.
//!
//! The state of limits and services has its number in the names of its keys. What another build keeps there
//! is not seen: it matters for minutes, and each build counts for itself until then. It is the same with records'
//! lines.

use std::fmt::Display;

use crate::ledger::entry::{Entry, State};
use crate::limits::Of;

/// The number, raised with every change of keys, values or steps. `format/entries.txt` has samples of
/// it.
macro_rules! format_number {
    () => {
        "2"
    };
}
pub(super) use format_number;

/// The number of the state of limits and services, raised with every change of what stands there.
/// `format/state.txt` has samples of it.
const STATE_NUMBER: u32 = 3;

/// The same of the lines of records. `format/lines.txt` has samples of it.
const LINE_NUMBER: u32 = 1;

#[cfg(test)]
mod tests;

/// The key of a record's line.
pub(super) fn order_key(prefix: &str, record: &str) -> String {
    format!("{prefix}:order:{LINE_NUMBER}:{{{record}}}")
}

/// The key of a limit's state, or of a service's: what is beside it is called after it.
pub(super) fn state_key(prefix: &str, of: Of, limit: &str) -> String {
    let kind = match of {
        Of::Requests => "limit",
        Of::Calls => "gate",
    };
    format!("{prefix}:{kind}:{STATE_NUMBER}:{{{limit}}}")
}

/// The key of an entry. All that belongs to an event has one slot.
pub(super) fn key(prefix: &str, identity: &str, rest: impl Display) -> String {
    format!("{prefix}:run:{{{identity}}}:{rest}")
}

/// While a run has it.
pub(super) fn started(
    token: &str,
    lowest: u64,
    fence: u64,
    abandoned: u64,
    lease_ms: u64,
    retention_ms: u64,
) -> String {
    let number = format_number!();
    format!("{number}S:{token}:{lowest}:{fence}:{abandoned}:{lease_ms}:{retention_ms}")
}

/// An entry from elsewhere, which is kept for `left_ms`. The process that had a started one is dead: a
/// lease of nothing within a retention of all that is left is over from the first moment, so whoever
/// claims it next starts at once and counts an abandoned run.
pub(super) fn imported(entry: &Entry, left_ms: u64) -> String {
    let Entry { token, lowest, fence, abandoned, .. } = entry;
    let number = format_number!();
    match entry.state {
        State::Completed => format!("{number}C:{token}"),
        State::Released => format!("{number}R:{token}:{lowest}:{fence}:{abandoned}"),
        State::Started => started(token, *lowest, *fence, *abandoned, 0, left_ms),
    }
}

/// Whether it is done, as far as this format tells.
pub(super) fn is_completed(value: &str) -> bool {
    value.starts_with(concat!(format_number!(), "C:"))
}
