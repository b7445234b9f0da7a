//! What became of a test, and what a worker would make of it.

use std::time::Duration;

use humantime::format_duration;
use serde::Serialize;

use crate::destination::Meaning;
use crate::error::{Failure, HandlerError};
use crate::forward::Sent;
use crate::run::LONGEST_HOLD;
use crate::service::Service;

/// It.
#[derive(Serialize)]
pub(super) struct Outcome {
    /// Of an answer over HTTP.
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) meaning: Means,
    /// The same in a sentence.
    pub(super) says: String,
    /// What went wrong, if anything did.
    pub(super) error: Option<String>,
    /// The beginning of what was answered.
    pub(super) answer: String,
}

/// What a worker would do with an event that fares so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Means {
    Done,
    Retried,
    DeadLetter,
    Held,
    Paused,
}

impl Outcome {
    pub(super) fn of(sent: Result<Sent, HandlerError>) -> Self {
        match sent {
            Ok(sent) => Self::answered(sent),
            Err(error) => Self::unanswered(&error),
        }
    }

    fn answered(sent: Sent) -> Self {
        let Sent { meaning, status, code, message, beginning, .. } = sent;
        let (meaning, says) = match meaning {
            Meaning::Done => (Means::Done, "done".to_owned()),
            Meaning::Transient { retry_after } => (Means::Retried, retried(retry_after)),
            Meaning::Permanent => (Means::DeadLetter, dead_letter()),
            Meaning::Held { wait } => {
                let wait = format_duration(wait.min(LONGEST_HOLD));
                let says = format!("held: an event would wait for {wait}, and all others with it");
                (Means::Held, says)
            }
            Meaning::Gone => {
                let says = "paused: all events would wait until somebody resumes it; of a file one would ask every 15 minutes";
                (Means::Paused, says.to_owned())
            }
        };
        let error = (meaning != Means::Done).then_some(message);
        let code = Some(code.into_owned()).filter(|code| !code.is_empty());
        Self { status, code, meaning, says, error, answer: beginning }
    }

    fn unanswered(error: &HandlerError) -> Self {
        let (meaning, says) = match error.kind {
            Failure::Transient { retry_after } => {
                // A request that was cut off, or a row.
                let may_have = if error.code == Service::Destination.code("TIMEOUT") {
                    "; it may have arrived all the same"
                } else {
                    ""
                };
                (Means::Retried, retried(retry_after) + may_have)
            }
            _ => (Means::DeadLetter, dead_letter()),
        };
        let (code, answer) = (Some(error.code.to_string()), String::new());
        Self { status: None, code, meaning, says, error: Some(error.message.clone()), answer }
    }
}

fn retried(retry_after: Option<Duration>) -> String {
    let after = retry_after
        .map(|wait| format!(", after {} at the earliest", format_duration(wait)))
        .unwrap_or_default();
    format!("an event would be tried again on schedule{after}")
}

fn dead_letter() -> String {
    "permanent: an event would become a dead letter".to_owned()
}
