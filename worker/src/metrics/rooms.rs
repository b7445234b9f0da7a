//! Requests that asked for room at a limit.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use shared::metrics::label;

label! {
    /// What a budget answered.
    pub(super) enum BudgetResult {
        Granted = "granted",
        Spent = "spent",
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    result: BudgetResult,
}

#[derive(Clone, Debug)]
pub(super) struct Rooms {
    asked: Family<BudgetLabels, Counter>,
}

impl Rooms {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { asked: Family::default() };
        registry.register(
            "budget_requests",
            "Requests that asked for room at a limit, such as HubSpot's for a portal or a channel's pace",
            metrics.asked.clone(),
        );
        // There from the start, so that the first of each is seen as an increase.
        for result in BudgetResult::ALL {
            let _ = metrics.asked.get_or_create(&BudgetLabels { result });
        }
        metrics
    }

    pub(super) fn asked_for(&self, is_granted: bool) {
        let result = if is_granted { BudgetResult::Granted } else { BudgetResult::Spent };
        self.asked.get_or_create(&BudgetLabels { result }).inc();
    }
}
