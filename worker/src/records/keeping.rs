//! What a worker's process does for the records beside its work: writes the event log, and looks
//! after its days.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::admin::Readiness;
use tokio_util::task::AbortOnDropHandle;

use super::database;
use super::handle::Records;
use super::log::{FLUSH, Log, Writer};

/// Runs until closed.
#[derive(Debug)]
pub(crate) struct Keeping {
    records: Records,
    log: Log,
    writer: Writer,
    days: AbortOnDropHandle<()>,
    _pulse: AbortOnDropHandle<()>,
}

impl Keeping {
    /// The longest that [`Self::close`] takes.
    pub(crate) const CLOSE: Duration = FLUSH.saturating_add(database::CLOSE);

    /// Starts in the background; a database that is not there yet is waited for. What is measured
    /// goes into `registry`.
    pub(crate) fn start(records: Records, retention: Duration, registry: &mut Registry) -> Self {
        let (log, writer) = Writer::start(records.clone(), registry);
        let days = records.look_after_days(retention);
        let pulse = records.watch(registry, Some(writer.lateness.clone()));
        Self { records, log, writer, days, _pulse: pulse }
    }

    /// Takes what is to be logged.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    /// The records that are kept.
    pub(crate) fn records(&self) -> Records {
        self.records.clone()
    }

    /// What an admin listener says of the records: late is no reason not to be ready.
    pub(crate) fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        let lateness = self.writer.lateness.clone();
        Arc::new(move || {
            let state = match &*lateness.borrow() {
                None => "up".to_owned(),
                Some(error) => format!("late: {error}"),
            };
            Readiness { ready: true, checks: [("records", state)].into() }
        })
    }

    /// Writes what waits, if the database lets it, and ends.
    pub(crate) async fn close(self) {
        drop((self.log, self.days));
        self.writer.close().await;
        self.records.close().await;
    }
}
