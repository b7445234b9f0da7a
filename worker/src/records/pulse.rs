//! Whether the records' database answers, found out by asking, for whoever watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::registry::Registry;
use shared::metrics::probe;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::handle::Records;
use super::log::Lateness;

const EVERY: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(5);

impl Records {
    /// Keeps `hubline_records_up` in `registry` until the handle is dropped. A log that is late says
    /// that the database is not up, whatever it answers.
    pub(crate) fn watch(
        &self,
        registry: &mut Registry,
        lateness: Option<Lateness>,
    ) -> AbortOnDropHandle<()> {
        let answers = Arc::new(AtomicBool::new(false));
        let (seen, records) = (Arc::clone(&answers), self.clone());
        probe(
            registry,
            "records_up",
            "1 while the records' database answers, and takes what is written",
            move || {
                let is_late = lateness.as_ref().is_some_and(|late| late.borrow().is_some());
                f64::from(u8::from(seen.load(Ordering::Relaxed) && !is_late))
            },
        );
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let asking = records.ping();
                let is_up = matches!(timeout(PATIENCE, asking).await, Ok(Ok(())));
                answers.store(is_up, Ordering::Relaxed);
                tokio::time::sleep(EVERY).await;
            }
        }))
    }
}
