//! Alerts without Prometheus: reads the metrics of Hubline's processes and of the broker, evaluates
//! the conditions of `k8s/monitoring/alerts.yaml`, and posts to Slack what opens and what is over.
//!
//! Owns when an alert is open. Decides nothing about events. What it knows is in memory: a process
//! that starts knows nothing of the time before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::clock::now_ms;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::clients::slack::Slack;
use crate::settings::{ConsoleSettings, SlackSettings};

mod exposition;
mod history;
mod notices;
mod rules;
#[cfg(test)]
mod scenarios;
mod sources;
mod states;
#[cfg(test)]
mod tests;

pub(crate) use rules::Severity;
pub(crate) use sources::Own;
pub(crate) use states::Open;

use history::History;
use notices::{Notices, QUIET};
use sources::Sources;
use states::States;

/// How often metrics are read, and conditions evaluated.
const EVERY: Duration = Duration::from_secs(30);
/// How long Slack may take to answer.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// What is open now, for whoever shows it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Shown>>);

/// What there is to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// Open alerts, the oldest first.
    pub(crate) open: Vec<Open>,
    /// Whether anything but this process is read.
    pub(crate) has_sources: bool,
}

impl Board {
    /// As of the last evaluation.
    pub(crate) fn shown(&self) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, shown: Shown) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// Evaluates until it is dropped.
#[derive(Debug)]
pub(crate) struct Alerts {
    _running: AbortOnDropHandle<()>,
}

impl Alerts {
    /// Starts evaluating what this process, its receivers and its other sources measure. What opens
    /// is shown on `board`, and posted if the settings name a channel.
    pub(crate) fn start(
        settings: &ConsoleSettings,
        slack: &SlackSettings,
        own: Own,
        board: Board,
    ) -> anyhow::Result<Self> {
        let others = settings.console_receivers.iter().chain(&settings.alerts.alert_sources);
        let sources = Sources::new(own, others.cloned().collect())?;
        let notices = match settings.alerts.channel(slack)? {
            Some((channel, access)) => {
                let slack = Slack::open(access, &channel, POST_TIMEOUT)?;
                tracing::info!(channel, "alerts are posted to Slack");
                Some(Notices::start(slack, QUIET))
            }
            None => None,
        };
        let running = run(sources, board, notices, EVERY);
        Ok(Self { _running: AbortOnDropHandle::new(tokio::spawn(running)) })
    }
}

async fn run(mut sources: Sources, board: Board, notices: Option<Notices>, every: Duration) {
    let (mut history, mut states) = (History::default(), States::default());
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut at_ms, mut read) = (i64::MIN, Instant::now());
    loop {
        ticks.tick().await;
        at_ms = later(now_ms(), at_ms, read.elapsed());
        read = Instant::now();
        sources.read(&mut history, at_ms).await;
        let changes = states.advance(&mut history, at_ms);
        for change in &changes {
            change.log();
        }
        // Whoever reads of it in Slack and looks at the page finds it there.
        board.show(Shown { open: states.open(), has_sources: sources.has_others() });
        if let Some(notices) = &notices {
            notices.tell(states.open());
        }
    }
}

/// The time by a clock that may be set back, so long after a reading of it: never before that, since
/// what was read goes by the order of time.
fn later(now_ms: i64, read_ms: i64, passed: Duration) -> i64 {
    let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    now_ms.max(read_ms.saturating_add(passed))
}
