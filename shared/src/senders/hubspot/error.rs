//! Why an event's bytes could not be read as an event.
//!
//! Names fields and kinds of JSON value only; refuses to repeat what the payload says, because
//! these texts end up in logs, dead letters and consoles.

use super::field::MAX_MERGED_IDS;
use super::value_kind::ValueKind;
use crate::event::MAX_TOPIC_BYTES;

/// Why an event is unreadable. No variant carries a value of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Some byte is not UTF-8, which JSON must be.
    #[error("the event is not UTF-8")]
    NotUtf8,
    /// Not one complete JSON value.
    #[error("the event is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault.
        column: usize,
    },
    /// JSON, but not an object.
    #[error("the event is {0}, not an object")]
    NotAnObject(ValueKind),
    /// A field without which no event can be handled is absent, null or empty.
    #[error("the event has no {0}")]
    Missing(&'static str),
    /// A field that identifies the event holds a JSON value of a kind it never has.
    #[error("{field} is {found}, where {expected} belongs")]
    WrongKind {
        /// The field's name.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What is there.
        found: ValueKind,
    },
    /// A field that must be a whole number, in digits or as a string of digits, is not.
    #[error("{0} is not a whole number of at most 64 bits")]
    NotANumber(&'static str),
    /// The subscription type does not fit the message property that carries it.
    #[error("the subscription type is longer than {MAX_TOPIC_BYTES} bytes")]
    TypeTooLong,
    /// More merged records than HubSpot could have merged.
    #[error("mergedObjectIds has more than {MAX_MERGED_IDS} values")]
    TooManyMergedIds,
    /// Nothing in it tells it from another event of the same kind.
    #[error(
        "the event has neither an eventId nor an occurredAt together with an objectId, \
         a fromObjectId and toObjectId, or a primaryObjectId"
    )]
    Unidentifiable,
}

impl From<serde_json::Error> for EventError {
    /// Keeps the place of the fault; serde's own text can quote the payload.
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}
