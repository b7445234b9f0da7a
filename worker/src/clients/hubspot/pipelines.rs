//! What is known of portals' pipelines: their stages' labels.

use std::collections::HashMap;
use std::sync::Arc;

use super::kept::Kept;

/// Labels by a stage's id, of all pipelines of one kind of record.
pub(super) type ByStage = Arc<HashMap<String, String>>;

/// Of which records the pipelines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipelines {
    Deals,
    Tickets,
}

/// What is known of portals' stages.
#[derive(Debug)]
pub(super) struct Stages {
    deals: Kept<ByStage>,
    tickets: Kept<ByStage>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { deals: Kept::new("deal stages"), tickets: Kept::new("ticket stages") }
    }
}

impl Stages {
    pub(super) fn of(&self, pipelines: Pipelines) -> &Kept<ByStage> {
        match pipelines {
            Pipelines::Deals => &self.deals,
            Pipelines::Tickets => &self.tickets,
        }
    }
}
