//! What a user fills: the one list of handlers by name, and which events each wants.
//!
//! What it comes to is looked up in [`crate::router`].

use std::sync::Arc;

use shared::event::Event;

use crate::context::Context;
pub use crate::target::HandlerResult;
use crate::target::{Target, Work};

/// An `async fn(&Context, &Event) -> HandlerResult`, for every lifetime of its arguments. Only
/// the compiler needs this name.
pub trait HandlerFn<'a>: Send + Sync {
    /// The future the function returns.
    type Future: Future<Output = HandlerResult> + Send + 'a;
    /// Calls it.
    fn call(&self, cx: &'a Context, event: &'a Event) -> Self::Future;
}

impl<'a, F, R> HandlerFn<'a> for F
where
    F: Fn(&'a Context, &'a Event) -> R + Send + Sync,
    R: Future<Output = HandlerResult> + Send + 'a,
{
    type Future = R;

    fn call(&self, cx: &'a Context, event: &'a Event) -> R {
        self(cx, event)
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
        F: for<'a> HandlerFn<'a> + 'static,
    {
        let work: Arc<Work> = Arc::new(move |cx, event| Box::pin(run.call(cx, event)));
        let target = Target::new(name, Arc::new(wants), work)
            .ok_or_else(|| RegistryError::Name(name.to_owned()))?;
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
