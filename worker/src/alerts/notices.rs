//! Posts to Slack what opened and what is over, in order. A Slack that is away is tried again; what
//! could not be posted for an hour is given up, and said in the log.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::states::{Change, Open};
use crate::clients::slack::{Message, Slack};
use crate::error::Failure;
use shared::retry::Reconnect;

/// How long a notice is tried.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Notices that may wait: more says nothing more.
const WAITING: usize = 200;

/// Takes what is to be posted.
#[derive(Debug)]
pub(crate) struct Notices {
    changes: mpsc::Sender<Change>,
    _posting: AbortOnDropHandle<()>,
}

impl Notices {
    /// Starts posting to the channel of `slack`.
    pub(crate) fn start(slack: Slack) -> Self {
        let (changes, waiting) = mpsc::channel(WAITING);
        let posting = AbortOnDropHandle::new(tokio::spawn(post_all(slack, waiting)));
        Self { changes, _posting: posting }
    }

    /// Takes changes; never waits.
    pub(super) fn tell(&self, changes: Vec<Change>) {
        for change in changes {
            if self.changes.try_send(change).is_err() {
                tracing::error!("a notice of an alert is given up: too many wait for Slack");
            }
        }
    }
}

async fn post_all(slack: Slack, mut waiting: mpsc::Receiver<Change>) {
    while let Some(change) = waiting.recv().await {
        let (message, started) = (message(&change), Instant::now());
        let mut reconnect = Reconnect::default();
        while let Err(error) = slack.post(&message).await {
            let code = error.code.as_ref();
            if error.kind == Failure::Permanent || started.elapsed() > PATIENCE {
                tracing::error!(error.code = code, "a notice of an alert is given up");
                break;
            }
            tracing::warn!(error.code = code, "a notice of an alert waits for Slack");
            let asked = match error.kind {
                Failure::Transient { retry_after } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            sleep(reconnect.next_delay().max(asked).min(PATIENCE)).await;
        }
    }
}

fn message(change: &Change) -> Message {
    let (headline, alert) = match change {
        Change::Opened(alert) => (format!("Alert ({})", alert.severity), alert),
        Change::Resolved(alert) => ("Resolved".to_owned(), alert),
    };
    let Open { name, summary, .. } = alert;
    let message = Message::new(&headline, name).fact("What", Some(summary));
    message.fact("Runbook", Some(&alert.runbook()))
}
