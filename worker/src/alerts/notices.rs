//! Posts to Slack what opens and what is over: one message for an alert, however many processes it is
//! about. What was told is compared with what is, so that a Slack that was away is told what is true
//! when it is back, and nothing that is over stays open there. What opened and was over meanwhile is
//! in the log.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::retry::Reconnect;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::states::Open;
use crate::clients::slack::{Message, Slack};
use crate::error::{Failure, HandlerError};

/// How long an alert must be over before that is told: one that comes and goes is told once.
pub(super) const QUIET: Duration = Duration::from_secs(120);
/// How often it is looked whether that time has come.
const LOOK: Duration = Duration::from_secs(10);
/// Summaries of one message.
const MAX_SUMMARIES: usize = 3;

/// Takes what is open.
#[derive(Debug)]
pub(crate) struct Notices {
    open: watch::Sender<Vec<Open>>,
    _posting: AbortOnDropHandle<()>,
}

impl Notices {
    /// Starts posting to the channel of `slack`; that something is over after it was so for `quiet`.
    pub(super) fn start(slack: Slack, quiet: Duration) -> Self {
        let (open, seen) = watch::channel(Vec::new());
        let posting = Posting { slack, quiet, told: BTreeMap::new() };
        let posting = AbortOnDropHandle::new(tokio::spawn(posting.run(seen)));
        Self { open, _posting: posting }
    }

    /// Takes all that is open now; never waits.
    pub(super) fn tell(&self, open: Vec<Open>) {
        self.open.send_replace(open);
    }
}

struct Posting {
    slack: Slack,
    quiet: Duration,
    /// Alerts that were told to be open, and since when they are over, if they are.
    told: BTreeMap<&'static str, Option<Instant>>,
}

enum Notice {
    Opened(&'static str, Message),
    Resolved(&'static str),
}

impl Posting {
    async fn run(mut self, mut seen: watch::Receiver<Vec<Open>>) {
        let mut reconnect = Reconnect::default();
        loop {
            let open = seen.borrow_and_update().clone();
            let Some(notice) = self.next(&open) else {
                let look = LOOK.min(self.quiet.max(Duration::from_millis(10)));
                if matches!(timeout(look, seen.changed()).await, Ok(Err(_))) {
                    return;
                }
                continue;
            };
            match self.post(&notice).await {
                Ok(()) => reconnect = Reconnect::default(),
                Err(error) if error.kind == Failure::Permanent => {
                    let code = error.code.as_ref();
                    tracing::error!(error.code = code, "slack refuses a notice of an alert");
                }
                Err(error) => {
                    let code = error.code.as_ref();
                    tracing::warn!(error.code = code, "a notice of an alert waits for slack");
                    let asked = match error.kind {
                        Failure::Transient { retry_after } => retry_after.unwrap_or_default(),
                        Failure::Deferred { wait } => wait,
                        _ => Duration::ZERO,
                    };
                    sleep(reconnect.next_delay().max(asked.min(self.quiet))).await;
                    continue;
                }
            }
            match notice {
                Notice::Opened(name, _) => drop(self.told.insert(name, None)),
                Notice::Resolved(name) => drop(self.told.remove(name)),
            }
        }
    }

    /// What Slack should know and does not.
    fn next(&mut self, open: &[Open]) -> Option<Notice> {
        for alert in open {
            match self.told.get_mut(alert.name) {
                Some(over) => *over = None,
                None => return Some(Notice::Opened(alert.name, opened(alert, open))),
            }
        }
        let now = Instant::now();
        for (name, over) in &mut self.told {
            let is_open = open.iter().any(|alert| alert.name == *name);
            if !is_open && now.duration_since(*over.get_or_insert(now)) >= self.quiet {
                return Some(Notice::Resolved(name));
            }
        }
        None
    }

    async fn post(&self, notice: &Notice) -> Result<(), HandlerError> {
        match notice {
            Notice::Opened(_, message) => self.slack.say(message).await,
            Notice::Resolved(name) => self.slack.say(&Message::new("Resolved", name)).await,
        }
    }
}

/// One message for all that is open of one name.
fn opened(first: &Open, open: &[Open]) -> Message {
    let all: Vec<&Open> = open.iter().filter(|alert| alert.name == first.name).collect();
    let headline = format!("Alert ({})", first.severity);
    let mut message = Message::new(&headline, first.name);
    for alert in all.iter().take(MAX_SUMMARIES) {
        message = message.fact("What", Some(&alert.summary));
    }
    if all.len() > MAX_SUMMARIES {
        let more = format!("{} more of the same", all.len() - MAX_SUMMARIES);
        message = message.fact("And", Some(&more));
    }
    let since = crate::when::exact(first.since_ms);
    message.fact("Since", Some(&since)).fact("Runbook", Some(&first.runbook()))
}
