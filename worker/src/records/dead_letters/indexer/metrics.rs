//! What is measured of taking dead letters into the records.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::records::dead_letters::retention::Expired;
use crate::records::dead_letters::state::State;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, Default)]
pub(super) struct IndexMetrics {
    pub(super) indexed: Counter,
    pub(super) failures: Counter,
    pub(super) problems: Counter,
    pub(super) unrouted: Counter,
    deleted: Family<StateLabels, Counter>,
    problems_deleted: Counter,
}

impl IndexMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "dead_letters_indexed",
            "Dead letters taken into the records",
            metrics.indexed.clone(),
        );
        registry.register(
            "dead_letter_index_failures",
            "Times that dead letters could not be taken into the records; they stay in their queue",
            metrics.failures.clone(),
        );
        registry.register(
            "unrouted_events",
            "Events that no queue took, as they were taken out of the queue for such",
            metrics.unrouted.clone(),
        );
        registry.register(
            "dead_letter_problems",
            "Problems that were new, or had no letter any more, when a dead letter came",
            metrics.problems.clone(),
        );
        registry.register(
            "dead_letters_deleted",
            "Dead letters deleted because they had been over for too long, by the state they were in",
            metrics.deleted.clone(),
        );
        registry.register(
            "problems_deleted",
            "Problems deleted because no letter was left of them",
            metrics.problems_deleted.clone(),
        );
        metrics.expired(Expired::default());
        metrics
    }

    pub(super) fn expired(&self, expired: Expired) {
        let letters = [
            (State::Discarded, expired.discarded),
            (State::Resolved, expired.resolved),
            (State::DiedAgain, expired.died_again),
        ];
        for (state, count) in letters {
            let labels = StateLabels { state: state.as_str() };
            self.deleted.get_or_create(&labels).inc_by(count);
        }
        self.problems_deleted.inc_by(expired.problems);
    }
}
