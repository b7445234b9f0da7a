//! The one handler that most tests register, in this process and in children.

use std::future::Future;

use shared::senders::hubspot::HubSpotEvent;
use worker::{Context, HandlerResult, Registry};

use super::Probe;

/// Its name, and with that the target in messages and claims.
pub(crate) const TARGET: &str = "probed";

/// Registers `run` for every event, with a context and an event of its own.
pub(crate) fn probed<F, R>(registry: &mut Registry, run: F)
where
    F: Fn(Context, HubSpotEvent) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send + 'static,
{
    let run = move |cx: &Context, event: &HubSpotEvent| run(cx.clone(), event.clone());
    registry.hubspot(TARGET, |_| true, run).unwrap();
}

/// Registers what notes every run in `probe` and succeeds.
pub(crate) fn noted(registry: &mut Registry, probe: &Probe) {
    let runs = probe.clone();
    probed(registry, move |cx, event| {
        runs.note(&cx, &event);
        async { Ok(()) }
    });
}
