//! Calls to the ledger, and what its server forgot.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shared::metrics::{label, latency};

label! {
    /// A call to the ledger.
    pub(crate) enum Operation {
        Claim = "claim",
        Extend = "extend",
        Step = "step",
        Complete = "complete",
        Release = "release",
        Restore = "restore",
        Budget = "budget",
        Pause = "pause",
        Order = "order",
        Gate = "gate",
        Look = "look",
        Delayed = "delayed",
        Share = "share",
    }
}

label! {
    /// How a call to the ledger ended.
    pub(super) enum LedgerResult {
        Ok = "ok",
        Unavailable = "unavailable",
    }
}

label! {
    /// What a ledger's server had confirmed and then did not know: an entry that its owner has written
    /// anew, what scripts had written (completions and steps), or everything.
    pub(crate) enum Forgotten {
        Entry = "entry",
        Scripts = "scripts",
        Everything = "everything",
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LedgerLabels {
    operation: Operation,
    result: LedgerResult,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ForgottenLabels {
    what: Forgotten,
}

#[derive(Clone, Debug)]
pub(super) struct LedgerMetrics {
    /// By operation and result: found once, and not by their labels with each call.
    calls: [[Counter; LedgerResult::ALL.len()]; Operation::ALL.len()],
    seconds: Histogram,
    forgotten: Family<ForgottenLabels, Counter>,
}

impl LedgerMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let calls = Family::<LedgerLabels, Counter>::default();
        // There from the start, so that the first of each is seen as an increase.
        let counted = Operation::ALL.map(|operation| {
            LedgerResult::ALL
                .map(|result| calls.get_or_create_owned(&LedgerLabels { operation, result }))
        });
        let metrics = Self { calls: counted, seconds: latency(), forgotten: Family::default() };
        registry.register("ledger_calls", "Calls to the ledger, by operation and result", calls);
        registry.register(
            "ledger_seconds",
            "Duration of calls to the ledger",
            metrics.seconds.clone(),
        );
        registry.register(
            "ledger_forgotten",
            "Times that Redis was found to have forgotten what it had confirmed: an entry (which its owner has written anew), what scripts write (completions, steps), or everything",
            metrics.forgotten.clone(),
        );
        for what in Forgotten::ALL {
            let _ = metrics.forgotten.get_or_create(&ForgottenLabels { what });
        }
        metrics
    }

    pub(super) fn forgot(&self, what: Forgotten) {
        self.forgotten.get_or_create(&ForgottenLabels { what }).inc();
    }

    pub(super) fn call(&self, operation: Operation, is_answered: bool, elapsed: Duration) {
        let result = if is_answered { LedgerResult::Ok } else { LedgerResult::Unavailable };
        self.calls[operation as usize][result as usize].inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }
}
