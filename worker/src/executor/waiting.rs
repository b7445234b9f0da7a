//! Waiting for room or for a service: no run, and it has an end. What people have paused waits for them.

use std::time::Duration;

use shared::broker::Lane;
use shared::message::Message;

use super::Executor;
use crate::error::{Failure, HandlerError};
use crate::turns;
use crate::verdict::Outcome;

impl Executor {
    /// A run that has waited for room for too long waits no more.
    pub(super) fn end_of_waiting(&self, message: &Message, outcome: Outcome) -> Outcome {
        let waited = waited(message);
        let is_too_long = |error: &HandlerError| match error.kind {
            // Not begun, if it cannot end in time.
            Failure::Deferred { .. } if error.is_pause => false,
            Failure::Deferred { wait } => waited.saturating_add(wait) > self.wait_max,
            _ => false,
        };
        match outcome {
            Outcome::Failed(error) if is_too_long(&error) => {
                let longest = humantime::format_duration(self.wait_max);
                let what = format!("no room within {longest} (WAIT_MAX): {error}");
                let answer = error.answer.as_deref().unwrap_or_default();
                Outcome::Failed(HandlerError::permanent("WAITED_TOO_LONG", what).answered(answer))
            }
            other => other,
        }
    }

    /// A run that waits for a service alone, and is not let through yet, waits on. One that would wait
    /// for too long ends in its run, which knows its steps.
    pub(super) async fn still_shut(&self, message: &Message, lane: Lane) -> Option<HandlerError> {
        let waiting = message.waiting.as_ref()?;
        let origin = message.event.origin.to_string();
        // Boxed: most runs have not waited.
        let asking = turns::still_shut(&self.ledger, &self.seats, &origin, lane, waiting);
        let (wait, key) = Box::pin(asking).await?;
        if waited(message).saturating_add(wait) > self.wait_max {
            return None;
        }
        let mut error =
            HandlerError::deferred(wait, "STILL_SHUT", format_args!("{key} is not called yet"));
        error.places = waiting.places.iter().cloned().collect();
        Some(error)
    }
}

/// For how long its run has waited, for whatever but people.
pub(super) fn waited(message: &Message) -> Duration {
    Duration::from_millis(message.waiting.as_ref().map_or(0, |waiting| waiting.waited_ms))
}
