//! What is measured of a listener's connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why a connection was closed before its time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Close {
    SlowHead,
    SlowRequest,
    Idle,
    Lingered,
    GaveWay,
}

impl Close {
    const ALL: [Self; 5] =
        [Self::SlowHead, Self::SlowRequest, Self::Idle, Self::Lingered, Self::GaveWay];

    fn code(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::SlowRequest => "slow_request",
            Self::Idle => "idle",
            Self::Lingered => "lingered",
            Self::GaveWay => "gave_way",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CloseLabels {
    reason: &'static str,
}

/// The connections of one listener.
#[derive(Clone, Debug)]
pub struct ListenerMetrics {
    open: Gauge,
    closed: Family<CloseLabels, Counter>,
}

impl ListenerMetrics {
    /// New metrics, registered.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { open: Gauge::default(), closed: Family::default() };
        registry.register("connections", "Connections that are open", metrics.open.clone());
        registry.register(
            "connections_closed",
            "Connections closed because they lasted too long or had to give way, by reason",
            metrics.closed.clone(),
        );
        for why in Close::ALL {
            let _ = metrics.closed.get_or_create(&CloseLabels { reason: why.code() });
        }
        metrics
    }

    pub(super) fn open(&self, connections: usize) {
        self.open.set(i64::try_from(connections).unwrap_or(i64::MAX));
    }

    pub(super) fn closed(&self, why: Close) {
        self.closed.get_or_create(&CloseLabels { reason: why.code() }).inc();
    }
}
