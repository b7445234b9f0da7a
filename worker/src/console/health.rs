//! How things are: queues, what became of events lately, which parts are up, and whom receivers
//! turned away. Asked when somebody looks, and not for everybody who does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::admin::Readiness;
use shared::broker::{Broker, QueueDepth};
use shared::clock::now_ms;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::sources::Sources;
use crate::alerts::{Board, Shown};
use crate::records::Records;
use crate::settings::ConsoleSettings;

mod receivers;

use receivers::Receivers;
pub(super) use receivers::{ReceiverHealth, Refused};

/// What was found out is shown for so long.
const FRESH: Duration = Duration::from_secs(3);
/// Whoever does not answer within this is shown as such.
const PATIENCE: Duration = Duration::from_secs(4);
/// What counts as lately.
const LATELY_MS: i64 = 5 * 60 * 1000;

/// How things were at one moment.
pub(super) struct Health {
    pub(super) at_ms: i64,
    pub(super) queues: Result<Vec<QueueDepth>, String>,
    /// Ends of runs since `since_ms`, by verdict.
    pub(super) outcomes: Result<Vec<(String, i64)>, String>,
    pub(super) since_ms: i64,
    /// Of this process.
    pub(super) parts: BTreeMap<&'static str, String>,
    pub(super) receivers: Vec<ReceiverHealth>,
    pub(super) alerts: Shown,
}

/// Asks them all.
pub(super) struct Watch {
    records: Records,
    broker: Broker,
    parts: Option<Arc<dyn Fn() -> Readiness + Send + Sync>>,
    receivers: Receivers,
    alerts: Board,
    last: Mutex<Option<(Instant, Arc<Health>)>>,
}

impl Watch {
    pub(super) fn new(settings: &ConsoleSettings, sources: Sources) -> anyhow::Result<Self> {
        let Sources { records, broker, receivers, parts, alerts, .. } = sources;
        let own = receivers.iter().map(ToString::to_string);
        let mut addresses: Vec<String> =
            own.chain(settings.console_receivers.iter().cloned()).collect();
        addresses.sort();
        addresses.dedup();
        let receivers = Receivers::new(addresses)?;
        Ok(Self { records, broker, parts, receivers, alerts, last: Mutex::default() })
    }

    /// How things are, or were a moment ago. Whoever comes meanwhile waits for the same answer.
    pub(super) async fn look(&self) -> Arc<Health> {
        let mut last = self.last.lock().await;
        if let Some((at, health)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(health);
        }
        let health = Arc::new(self.ask().await);
        *last = Some((Instant::now(), Arc::clone(&health)));
        health
    }

    async fn ask(&self) -> Health {
        let at_ms = now_ms();
        let since_ms = at_ms - LATELY_MS;
        let (queues, outcomes, receivers) = tokio::join!(
            in_time(self.broker.depths()),
            in_time(self.records.outcomes(since_ms)),
            self.receivers.ask(),
        );
        let parts = self.parts.as_ref().map(|parts| parts().checks).unwrap_or_default();
        Health { at_ms, queues, outcomes, since_ms, parts, receivers, alerts: self.alerts.shown() }
    }
}

/// What it gives, or why there is nothing, in a few words.
async fn in_time<T>(work: impl Future<Output = anyhow::Result<T>>) -> Result<T, String> {
    match timeout(PATIENCE, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
