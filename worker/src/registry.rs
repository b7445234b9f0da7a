//! The one list of what can run: handlers by name, and which events each wants.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::event::Event;
use shared::senders::hubspot::HubSpotEvent;

use crate::context::Context;
use crate::error::HandlerError;

/// What a handler gives back.
pub type HandlerResult = Result<(), HandlerError>;

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

type Run = dyn for<'a> Fn(&'a Context, &'a Event) -> BoxFuture<'a, HandlerResult> + Send + Sync;

type Wants = dyn Fn(&Event) -> bool + Send + Sync;

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

/// A named handler and the events it wants.
#[derive(Clone)]
pub struct Handler {
    name: &'static str,
    wants: Arc<Wants>,
    run: Arc<Run>,
}

impl Handler {
    /// The name in claims, headers, metrics and dead letters.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn run<'a>(
        &self,
        cx: &'a Context,
        event: &'a Event,
    ) -> BoxFuture<'a, HandlerResult> {
        (self.run)(cx, event)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handler").field(&self.name).finish()
    }
}

/// A registration that cannot stand.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegistryError {
    /// Claims and dead letters are kept under the name: two handlers cannot share it.
    #[error("two handlers are named `{0}`: give each its own name")]
    Duplicate(&'static str),
    /// The name becomes part of keys, headers and metric labels.
    #[error("`{0}` is not a handler name: use 1 to 64 lower-case letters, digits and `_`")]
    Name(&'static str),
}

/// Every handler of a worker.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    handlers: Vec<Handler>,
}

impl Registry {
    /// A registry without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `run` under `name` for the events that `wants` says yes to. Both may be called at
    /// any time and in parallel.
    pub fn add<W, F>(
        &mut self,
        name: &'static str,
        wants: W,
        run: F,
    ) -> Result<&mut Self, RegistryError>
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
        name: &'static str,
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
        name: &'static str,
        wants: Arc<Wants>,
        run: Arc<Run>,
    ) -> Result<&mut Self, RegistryError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(RegistryError::Name(name));
        }
        if self.get(name).is_some() {
            return Err(RegistryError::Duplicate(name));
        }
        self.handlers.push(Handler { name, wants, run });
        Ok(self)
    }

    /// The handler of that name.
    pub fn get(&self, name: &str) -> Option<&Handler> {
        self.handlers.iter().find(|handler| handler.name == name)
    }

    /// The handlers that want `event`.
    pub fn wanting(&self, event: &Event) -> impl Iterator<Item = &Handler> {
        self.handlers.iter().filter(|handler| (handler.wants)(event))
    }

    /// Every handler's name, in order of registration.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.handlers.iter().map(Handler::name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use bytes::Bytes;
    use shared::senders::Sender;

    use super::*;

    async fn nothing(_: &Context, _: &Event) -> HandlerResult {
        Ok(())
    }

    async fn facts(_: &Context, _: &HubSpotEvent) -> HandlerResult {
        Ok(())
    }

    #[test]
    fn a_name_is_given_once_and_in_plain_letters() {
        let mut registry = Registry::new();
        registry.add("on_deal_closed", |_| true, nothing).unwrap();
        let again = registry.add("on_deal_closed", |_| false, nothing).unwrap_err();
        assert_eq!(again, RegistryError::Duplicate("on_deal_closed"));
        let odd = registry.add("on deal{closed}", |_| true, nothing).unwrap_err();
        assert_eq!(odd, RegistryError::Name("on deal{closed}"));
        assert_eq!(registry.names().collect::<Vec<_>>(), ["on_deal_closed"]);
    }

    #[test]
    fn an_event_goes_to_every_handler_that_wants_it() {
        let mut registry = Registry::new();
        registry
            .hubspot("deals", |event| event.subscription_type.starts_with("deal."), facts)
            .unwrap();
        registry.add("all", |_| true, nothing).unwrap();
        registry.add("none", |_| false, nothing).unwrap();
        let body = br#"{"eventId":1,"portalId":2,"subscriptionType":"deal.creation","objectId":3}"#;
        let event = Sender::HubSpot.identify(&Bytes::from_static(body)).unwrap();
        let wanting = |event| registry.wanting(event).map(Handler::name).collect::<Vec<_>>();
        assert_eq!(wanting(&event), ["deals", "all"]);
        let odd = Event::unreadable(Sender::HubSpot, Bytes::from_static(b"{}"));
        assert_eq!(wanting(&odd), ["all"]);
    }
}
