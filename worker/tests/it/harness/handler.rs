//! The one handler that most tests register, in this process and in children.

use std::future::Future;

use shared::event::Event;
use worker::{Context, HandlerResult, Registry};

/// Its name, and with that the target in messages and claims.
pub(crate) const TARGET: &str = "probed";

/// Registers `run` for every event, with a context and an event of its own.
pub(crate) fn probed<F, R>(registry: &mut Registry, run: F)
where
    F: Fn(Context, Event) -> R + Send + Sync + 'static,
    R: Future<Output = HandlerResult> + Send + 'static,
{
    let run = move |cx: &Context, event: &Event| run(cx.clone(), event.clone());
    registry.add(TARGET, |_| true, run).unwrap();
}
