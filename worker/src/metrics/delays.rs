//! Messages that are sent to wait, by the delay of their queue.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use shared::retry::delay_name;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DelayLabels {
    delay: String,
}

impl DelayLabels {
    fn of(delay: Duration) -> Self {
        Self { delay: delay_name(delay) }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Delays {
    retries: Family<DelayLabels, Counter>,
    hops: Family<DelayLabels, Counter>,
}

impl Delays {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { retries: Family::default(), hops: Family::default() };
        registry.register(
            "retries",
            "Messages sent to wait, by the delay of the queue that is first",
            metrics.retries.clone(),
        );
        registry.register(
            "delay_hops",
            "Messages sent on before their wait was over, by the delay of the next queue",
            metrics.hops.clone(),
        );
        metrics
    }

    /// Makes all that can be counted of the queues of these delays be there.
    pub(super) fn expect(&self, delays: impl IntoIterator<Item = Duration>) {
        for labels in delays.into_iter().map(DelayLabels::of) {
            let _ = self.retries.get_or_create(&labels);
            let _ = self.hops.get_or_create(&labels);
        }
    }

    pub(super) fn delayed(&self, delay: Duration) {
        self.retries.get_or_create(&DelayLabels::of(delay)).inc();
    }

    pub(super) fn hopped(&self, delay: Duration) {
        self.hops.get_or_create(&DelayLabels::of(delay)).inc();
    }
}
