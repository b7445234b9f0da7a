//! What was counted of the queues last, as gauges. Counts nothing itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::registry::Registry;

use super::queue::QueueDepth;
use crate::metrics::probe_by;

/// Shows what it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauges(Arc<Mutex<Vec<QueueDepth>>>);

impl Gauges {
    /// Puts `hubline_queue_messages` into `registry`: how many messages each queue has, by its name
    /// without `prefix`. What is not known has no value.
    pub(super) fn register(registry: &mut Registry, prefix: &str) -> Self {
        let gauges = Self::default();
        probe_by(
            registry,
            "queue_messages",
            "Messages in a queue; in a data file those in a worker's hand too, and `waiting` is for a retry",
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            gauges.values(prefix, |depth| depth.messages.map(|messages| messages as f64)),
        );
        gauges
    }

    /// Puts `hubline_queue_consumers` beside it.
    pub(super) fn register_consumers(&self, registry: &mut Registry, prefix: &str) {
        let values = self.values(prefix, |depth| depth.consumers.map(f64::from));
        probe_by(registry, "queue_consumers", "Consumers of a queue", values);
    }

    /// From here on this is known.
    pub(super) fn show(&self, depths: Vec<QueueDepth>) {
        *self.known() = depths;
    }

    fn known(&self) -> MutexGuard<'_, Vec<QueueDepth>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn values(
        &self,
        prefix: &str,
        of: fn(&QueueDepth) -> Option<f64>,
    ) -> impl Fn() -> Vec<([(&'static str, String); 1], f64)> + Send + Sync + use<> {
        let (gauges, prefix) = (self.clone(), prefix.to_owned());
        move || {
            let name = |depth: &QueueDepth| {
                depth.name.strip_prefix(&prefix).unwrap_or(&depth.name).to_owned()
            };
            let value = |depth| Some(([("queue", name(depth))], of(depth)?));
            gauges.known().iter().filter_map(value).collect()
        }
    }
}
