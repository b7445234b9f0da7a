//! Events on routes that keep the order of a record's events, and what they were told.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use shared::metrics::label;

label! {
    /// What an event was told that came to the line of its record.
    pub(crate) enum OrderTurn {
        Go = "go",
        Wait = "wait",
        Broken = "broken",
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OrderLabels {
    turn: OrderTurn,
}

#[derive(Clone, Debug)]
pub(super) struct Orders {
    turns: [Counter; OrderTurn::ALL.len()],
}

impl Orders {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let turns = Family::<OrderLabels, Counter>::default();
        // There from the start, so that the first of each is seen as an increase.
        let counted = OrderTurn::ALL.map(|turn| turns.get_or_create_owned(&OrderLabels { turn }));
        registry.register(
            "order_turns",
            "What events were told that came to the line of their record: to go, to wait, or that they are broken with one that failed",
            turns,
        );
        Self { turns: counted }
    }

    pub(super) fn told(&self, turn: OrderTurn) {
        self.turns[turn as usize].inc();
    }
}
