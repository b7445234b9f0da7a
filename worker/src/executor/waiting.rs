//! Waiting for room has an end.

use std::time::Duration;

use shared::message::Message;

use super::Executor;
use crate::error::{Failure, HandlerError};
use crate::verdict::Outcome;

impl Executor {
    /// A run that has waited for room for too long waits no more.
    pub(super) fn end_of_waiting(&self, message: &Message, outcome: Outcome) -> Outcome {
        let waited_ms = message.waiting.as_ref().map_or(0, |waiting| waiting.waited_ms);
        let waited = Duration::from_millis(waited_ms);
        let is_too_long = |error: &HandlerError| match error.kind {
            // Not begun, if it cannot end in time.
            Failure::Deferred { wait } => waited.saturating_add(wait) > self.wait_max,
            _ => false,
        };
        match outcome {
            Outcome::Failed(error) if is_too_long(&error) => {
                let longest = humantime::format_duration(self.wait_max);
                let what = format!("no room within {longest} (WAIT_MAX): {error}");
                Outcome::Failed(HandlerError::permanent("WAITED_TOO_LONG", what))
            }
            other => other,
        }
    }
}
