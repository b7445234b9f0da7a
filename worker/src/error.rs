//! How a handler says that it failed, which is also how it says what is to happen next.
//!
//! `?` on any error is transient: the event is tried again on schedule. That trying again
//! cannot help is written out with [`HandlerError::permanent`].

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A handler's failure: a stable code for filters and alerts, words for a person, and what the
/// failure means for the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerError {
    /// What is to happen next.
    pub kind: Failure,
    /// A stable code in capitals, e.g. `ERP_TIMEOUT`.
    pub code: Cow<'static, str>,
    /// What happened; must hold no secrets.
    pub message: String,
    /// The limits at which it waits for its turn; of a run that has ended, all where it has a place by now.
    pub(crate) places: Vec<String>,
    /// Whether it waits for somebody who resumes what it is for: that may take any time.
    pub(crate) is_pause: bool,
    /// The beginning of what the other side answered, for people who look into the event log.
    pub(crate) answer: Option<Box<str>>,
}

/// What a failure means for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Try again on schedule, or after the wait the other side asked for.
    Transient {
        /// What a `Retry-After` said.
        retry_after: Option<Duration>,
    },
    /// Trying again cannot help: to the dead letters.
    Permanent,
    /// Not tried for want of room (a budget is spent): again after the wait, no attempt spent.
    Deferred {
        /// When there is room again.
        wait: Duration,
    },
    /// Not done, since what it works with is off: ends as `skipped`, and can be run later.
    Skipped,
    /// There is nothing to do: the record is no longer there, or not what it was. Ends as `gone`.
    Gone {
        /// Whether it may only not be there yet: then it is looked for as long as attempts last.
        may_turn_up: bool,
    },
    /// Another worker has taken the event over: whatever this run still does is void.
    LeaseLost,
}

impl HandlerError {
    /// A failure that may pass.
    pub fn transient(code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        Self::new(Failure::Transient { retry_after: None }, code, message)
    }

    /// A failure that may pass, not before `wait` is over, however long that is. On RabbitMQ the
    /// next attempt comes a tenth and one shortest delay later at the most.
    pub fn retry_after(
        wait: Duration,
        code: impl Into<Cow<'static, str>>,
        message: impl fmt::Display,
    ) -> Self {
        Self::new(Failure::Transient { retry_after: Some(wait) }, code, message)
    }

    /// A failure that trying again cannot mend.
    pub fn permanent(code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        Self::new(Failure::Permanent, code, message)
    }

    /// Not now: there is no room before `wait` is over. Spends no attempt, and waits as
    /// [`Self::retry_after`] does.
    pub fn deferred(
        wait: Duration,
        code: impl Into<Cow<'static, str>>,
        message: impl fmt::Display,
    ) -> Self {
        Self::new(Failure::Deferred { wait }, code, message)
    }

    /// The same, for its turn at these limits.
    pub(crate) fn in_line_at(self, places: Vec<String>) -> Self {
        Self { places, ..self }
    }

    /// The same, until somebody resumes what it is for.
    pub(crate) fn pausing(self) -> Self {
        Self { is_pause: true, ..self }
    }

    /// The same, with the beginning of what the other side answered; must hold no secrets.
    pub(crate) fn answered(self, beginning: &str) -> Self {
        Self { answer: Some(beginning).filter(|it| !it.is_empty()).map(Box::from), ..self }
    }

    /// Whether the run only waits.
    pub(crate) fn is_deferred(&self) -> bool {
        matches!(self.kind, Failure::Deferred { .. })
    }

    /// There is nothing to do as long as what the handler works with is off. The event is not
    /// remembered as done: `worker replay` runs it once it is on.
    pub fn skipped(code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        Self::new(Failure::Skipped, code, message)
    }

    /// There is nothing to do, since the record is no longer there. That is an end, and no failure. The
    /// event is not remembered as done: `worker replay` runs it, should the record be there after all.
    pub fn gone(code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        Self::new(Failure::Gone { may_turn_up: false }, code, message)
    }

    /// The record is not there, and may only not be there yet: tried again on schedule, and `gone`
    /// if it has not turned up by then.
    pub fn not_there_yet(code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        Self::new(Failure::Gone { may_turn_up: true }, code, message)
    }

    pub(crate) fn lease_lost() -> Self {
        Self::new(Failure::LeaseLost, "LEASE_LOST", "another worker has taken the event over")
    }

    fn new(kind: Failure, code: impl Into<Cow<'static, str>>, message: impl fmt::Display) -> Self {
        let (code, message) = (code.into(), message.to_string());
        Self { kind, code, message, places: Vec::new(), is_pause: false, answer: None }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// `?` in a handler: transient, code `HANDLER_ERROR`, the message with its causes.
/// (`HandlerError` is itself no `std::error::Error`, so that this can cover every one.)
impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            cause = inner.source();
        }
        Self::transient("HANDLER_ERROR", message)
    }
}
