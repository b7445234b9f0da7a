//! The message that carries one event from the receiver through every retry to its end.
//!
//! Neutral to the broker: how a message becomes AMQP properties is `broker`'s business. The
//! body is the event's bytes exactly as its sender sent them; everything else is rebuilt on every
//! publish and never copied from what a broker delivered.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::metrics::label;
use crate::trace::TraceContext;

/// The longest error text a dead letter carries, in bytes.
pub const MAX_ERROR_BYTES: usize = 1024;

/// Who published a message again, and where that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfJob {
    /// The job's number.
    pub id: u64,
    /// The attempt it was published as: a later one tells that an earlier one has failed.
    pub attempt: u32,
}

/// One event on its way, with what the workers need to know about its journey so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event.
    pub event: Event,
    /// Attempts that were spent before this one: 0 for a fresh event.
    pub attempt: u32,
    /// The one target this message is for; `None` while it is for every target that wants it.
    pub target: Option<String>,
    /// When the receiver took the event in, ms since the Unix epoch.
    pub received_ms: i64,
    /// Raised by a forced replay, so that completed work is done again; 0 at first.
    pub generation: u32,
    /// W3C trace context of the receipt that brought the event, as it came: see
    /// [`Self::trace_context`].
    pub traceparent: Option<Arc<str>>,
    /// The job that published it again (a bulk retry, a replay), so that it learns what became of it.
    pub job: Option<OfJob>,
    /// What it has waited for, for want of room, over all attempts.
    pub waiting: Option<Waiting>,
    /// Why the event was given up; only on dead letters.
    pub death: Option<Death>,
}

/// Before the name of a service among [`Waiting::places`]: the run waits for it and for nothing else.
pub const SHUT: char = '!';

/// Before [`Waiting::paused_ms`]. It stands among the places, where an older build leaves it as it is.
const PAUSED: char = '~';

/// How long a run has waited for room, and where it has had its place in line. As a text: the time and
/// the places, each with a space before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// All waits together, in ms: no clock is needed to tell, and what passes between attempts is none.
    pub waited_ms: u64,
    /// How long it has waited beside that for somebody who resumes what it is for.
    pub paused_ms: u64,
    /// The limits at which its turn has come, or does when it comes back.
    pub places: BTreeSet<String>,
}

impl Waiting {
    /// The same after one more wait.
    #[must_use]
    pub fn and(mut self, wait: Duration, places: impl IntoIterator<Item = String>) -> Self {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.waited_ms = self.waited_ms.saturating_add(wait_ms);
        // What it waited for before is over.
        self.places.retain(|place| !place.starts_with(SHUT));
        self.places.extend(places);
        self
    }

    /// The same after one more wait, for somebody who resumes what the run is for.
    #[must_use]
    pub fn and_pause(self, wait: Duration, places: impl IntoIterator<Item = String>) -> Self {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let paused_ms = self.paused_ms.saturating_add(wait_ms);
        Self { paused_ms, ..self.and(Duration::ZERO, places) }
    }

    /// For how long it has waited, for whatever.
    pub fn all(&self) -> Duration {
        Duration::from_millis(self.waited_ms.saturating_add(self.paused_ms))
    }

    /// The services that it waits for, if it waits for nothing else.
    pub fn shut(&self) -> impl Iterator<Item = &str> {
        self.places.iter().filter_map(|place| place.strip_prefix(SHUT))
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.waited_ms)?;
        if self.paused_ms > 0 {
            write!(f, " {PAUSED}{}", self.paused_ms)?;
        }
        self.places.iter().try_for_each(|place| write!(f, " {place}"))
    }
}

impl FromStr for Waiting {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(' ');
        let waited_ms = parts.next().and_then(|waited| waited.parse().ok()).ok_or(())?;
        let paused = |part: &str| part.strip_prefix(PAUSED)?.parse::<u64>().ok();
        let (mut paused_ms, mut places) = (0, BTreeSet::new());
        for part in parts {
            match paused(part) {
                Some(ms) => paused_ms = ms,
                None => drop(places.insert(part.to_owned())),
            }
        }
        Ok(Self { waited_ms, paused_ms, places })
    }
}

impl Message {
    /// An event that sets out: for every target, no attempt spent.
    #[must_use]
    pub fn fresh(event: Event, received_ms: i64) -> Self {
        Self {
            event,
            attempt: 0,
            target: None,
            received_ms,
            generation: 0,
            traceparent: None,
            job: None,
            waiting: None,
            death: None,
        }
    }

    /// What [`Self::traceparent`] says, if it keeps W3C's rules.
    #[must_use]
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.traceparent.as_deref()?.parse().ok()
    }

    /// The same event as the next attempt of one target.
    #[must_use]
    pub fn next_attempt(&self, target: Option<&str>) -> Self {
        let attempt = self.attempt.saturating_add(1);
        Self { attempt, ..self.same_attempt(target) }
    }

    /// The same event and attempt, for one target.
    #[must_use]
    pub fn same_attempt(&self, target: Option<&str>) -> Self {
        Self {
            target: target.map_or_else(|| self.target.clone(), |target| Some(target.to_owned())),
            death: None,
            ..self.clone()
        }
    }

    /// The same event as a dead letter.
    #[must_use]
    pub fn dead(self, death: Death) -> Self {
        Self { death: Some(death), waiting: None, ..self }
    }
}

/// Why an event was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The class of the end.
    pub reason: DeathReason,
    /// A stable code for filters and alerts, e.g. `HUBSPOT_401`.
    pub code: String,
    /// What happened, for a person; at most [`MAX_ERROR_BYTES`].
    pub error: String,
    /// When it was given up, ms since the Unix epoch.
    pub dead_ms: i64,
    /// The handler's steps that had succeeded: a retry does not run them again.
    pub steps: Vec<String>,
}

impl Death {
    /// A death now, its error text cut to [`MAX_ERROR_BYTES`].
    #[must_use]
    pub fn new(reason: DeathReason, code: &str, error: &str, dead_ms: i64) -> Self {
        let mut error = error.to_owned();
        error.truncate(error.floor_char_boundary(MAX_ERROR_BYTES));
        Self { reason, code: code.to_owned(), error, dead_ms, steps: Vec::new() }
    }

    /// The same with the steps that had succeeded.
    #[must_use]
    pub fn after(self, steps: Vec<String>) -> Self {
        Self { steps, ..self }
    }

    /// The steps as one text, as headers and tables have them: at most [`MAX_ERROR_BYTES`], whole
    /// names only.
    #[must_use]
    pub fn steps_text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let name = step.replace(',', " ");
            if text.len() + name.len() + 1 > MAX_ERROR_BYTES {
                break;
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&name);
        }
        text
    }

    /// What [`Self::steps_text`] stands for.
    #[must_use]
    pub fn steps_of(text: &str) -> Vec<String> {
        text.split(',').filter(|step| !step.is_empty()).map(str::to_owned).collect()
    }
}

label! {
    /// The closed set of ends that are not success.
    pub enum DeathReason {
        /// The bytes cannot be read as an event.
        Unreadable = "unreadable",
        /// A failure that trying again cannot mend.
        Permanent = "permanent",
        /// Every attempt failed.
        Exhausted = "exhausted",
        /// The run took its worker process down, again and again.
        Crashed = "crashed",
    }
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeathReason {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_pause_is_waited_and_not_counted_also_by_way_of_an_older_build() {
        let second = Duration::from_secs(1);
        let waiting = Waiting::default().and(second, ["erp".to_owned()]);
        assert_eq!(waiting.to_string(), "1000 erp");
        let waiting = waiting.and_pause(15 * second, ["tenant/acme".to_owned()]);
        assert_eq!(waiting.to_string(), "1000 ~15000 erp tenant/acme");
        assert_eq!(waiting.to_string().parse(), Ok(waiting.clone()));
        let again = waiting.and_pause(second, []).and(second, []);
        assert_eq!((again.waited_ms, again.all()), (2_000, 18 * second));
        // To an older build it is a place among others.
        let kept: Waiting = "3000 @erp erp ~15000".parse().unwrap();
        assert_eq!((kept.waited_ms, kept.paused_ms, kept.places.len()), (3_000, 15_000, 2));
    }
}
