//! What handlers report while they run, and waiting for it.

use std::sync::Arc;

use shared::senders::hubspot::HubSpotEvent;
use tokio::sync::watch;
use tokio::time::Instant;
use worker::Context;

use super::within;

/// One run of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) identity: String,
    pub(crate) object_id: u64,
    pub(crate) attempt: u32,
    pub(crate) at: Instant,
}

/// A log of runs that a test can wait on.
#[derive(Clone)]
pub(crate) struct Probe(Arc<watch::Sender<Vec<Run>>>);

impl Probe {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::channel(Vec::new()).0))
    }

    /// Notes a run; gives back how many of this event there were before.
    pub(crate) fn note(&self, cx: &Context, event: &HubSpotEvent) -> usize {
        let run = Run {
            identity: event.identity.to_string(),
            object_id: event.object_id.unwrap_or_default(),
            attempt: cx.attempt(),
            at: Instant::now(),
        };
        let mut before = 0;
        self.0.send_modify(|runs| {
            before = runs.iter().filter(|earlier| earlier.identity == run.identity).count();
            runs.push(run);
        });
        before
    }

    /// Waits until there are `count` runs.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Run> {
        let mut runs = self.0.subscribe();
        within("runs of the handler", runs.wait_for(|runs| runs.len() >= count))
            .await
            .unwrap()
            .clone()
    }

    /// The runs so far.
    pub(crate) fn runs(&self) -> Vec<Run> {
        self.0.borrow().clone()
    }
}
