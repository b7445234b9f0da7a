//! What a user fills: the one list of handlers by name, and which events each wants.
//!
//! What it comes to is looked up in [`crate::router`].

use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::event::Event;
use shared::senders::hubspot::HubSpotEvent;

use crate::context::Context;
use crate::error::HandlerError;
pub use crate::target::HandlerResult;
use crate::target::{Target, Wants, Work};

/// An `async fn(&Context, &E) -> HandlerResult`, for every lifetime of its arguments: `E` is [`Event`] or
/// a sender's typed view of one. Only the compiler needs this name.
pub trait HandlerFn<'a, E>: Send + Sync {
    /// The future the function returns.
    type Future: Future<Output = HandlerResult> + Send + 'a;
    /// Calls it.
    fn call(&self, cx: &'a Context, event: &'a E) -> Self::Future;
}

impl<'a, E, F, R> HandlerFn<'a, E> for F
where
    E: 'a,
    F: Fn(&'a Context, &'a E) -> R + Send + Sync,
    R: Future<Output = HandlerResult> + Send + 'a,
{
    type Future = R;

    fn call(&self, cx: &'a Context, event: &'a E) -> R {
        self(cx, event)
    }
}

/// What runs `run` with the facts of an event. A message that names its handler may be for one that does
/// not want it: what is no event of HubSpot's will never be one.
fn hubspot<F>(
    run: F,
) -> impl for<'a> Fn(&'a Context, &'a Event) -> BoxFuture<'a, HandlerResult> + Send + Sync
where
    F: for<'a> HandlerFn<'a, HubSpotEvent>,
{
    move |cx, event| match event.hubspot() {
        Ok(event) => Box::pin(run.call(cx, event)),
        Err(error) => {
            let error = HandlerError::permanent("UNREADABLE", error.to_string());
            Box::pin(ready(Err(error)))
        }
    }
}

/// A registration that cannot stand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Claims and dead letters are kept under the name: two handlers cannot share it.
    #[error("two handlers are named `{0}`: give each its own name")]
    Duplicate(String),
    /// The name becomes part of keys, headers and metric labels.
    #[error("`{0}` is not a handler name: use 1 to 64 lower-case letters, digits and `_`")]
    Name(String),
}

/// Every handler of a worker.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    targets: Vec<Target>,
}

impl Registry {
    /// A registry without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `run` under `name` for the events that `wants` says yes to. Both may be called at
    /// any time and in parallel.
    pub fn add<W, F>(&mut self, name: &str, wants: W, run: F) -> Result<&mut Self, RegistryError>
    where
        W: Fn(&Event) -> bool + Send + Sync + 'static,
        F: for<'a> HandlerFn<'a, Event> + 'static,
    {
        self.insert(name, Arc::new(wants), Arc::new(move |cx, event| Box::pin(run.call(cx, event))))
    }

    /// The same for events of HubSpot's, which are given as the facts in them. They are read once, however
    /// many handlers ask.
    pub fn hubspot<W, F>(
        &mut self,
        name: &str,
        wants: W,
        run: F,
    ) -> Result<&mut Self, RegistryError>
    where
        W: Fn(&HubSpotEvent) -> bool + Send + Sync + 'static,
        F: for<'a> HandlerFn<'a, HubSpotEvent> + 'static,
    {
        let wants = move |event: &Event| event.hubspot().is_ok_and(&wants);
        self.insert(name, Arc::new(wants), Arc::new(hubspot(run)))
    }

    fn insert(
        &mut self,
        name: &str,
        wants: Arc<Wants>,
        work: Arc<Work>,
    ) -> Result<&mut Self, RegistryError> {
        let target =
            Target::new(name, wants, work).ok_or_else(|| RegistryError::Name(name.to_owned()))?;
        if self.names().any(|known| **known == *name) {
            return Err(RegistryError::Duplicate(name.to_owned()));
        }
        self.targets.push(target);
        Ok(self)
    }

    /// Every handler's name, in order of registration.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.targets.iter().map(Target::name)
    }

    pub(crate) fn into_targets(self) -> Vec<Target> {
        self.targets
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    async fn nothing(_: &Context, _: &Event) -> HandlerResult {
        Ok(())
    }

    #[test]
    fn a_name_is_given_once_and_in_plain_letters() {
        let mut registry = Registry::new();
        registry.add("on_deal_closed", |_| true, nothing).unwrap();
        let again = registry.add("on_deal_closed", |_| false, nothing).unwrap_err();
        assert_eq!(again, RegistryError::Duplicate("on_deal_closed".to_owned()));
        for odd in ["on deal{closed}", "", &"a".repeat(65)] {
            let error = registry.add(odd, |_| true, nothing).unwrap_err();
            assert_eq!(error, RegistryError::Name(odd.to_owned()));
        }
        assert_eq!(registry.names().map(|name| &**name).collect::<Vec<_>>(), ["on_deal_closed"]);
    }
}
