//! A target: what an event is run for, by name, and which events it wants.
//!
//! Owns the name's rules. Whether it is a handler that is compiled in or anything else makes no difference
//! here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use futures_util::future::BoxFuture;
use shared::event::Event;

use crate::context::Context;
use crate::error::HandlerError;
use crate::metrics::Counts;

/// What a handler gives back.
pub type HandlerResult = Result<(), HandlerError>;

pub(crate) type Work =
    dyn for<'a> Fn(&'a Context, &'a Event) -> BoxFuture<'a, HandlerResult> + Send + Sync;

pub(crate) type Wants = dyn Fn(&Event) -> bool + Send + Sync;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// The name that claims and dead letters have a route under. Whose it is belongs to that, so that nothing of one
/// tenant's is ever another's; a route of everybody's has no tenant.
pub(crate) fn route_name(tenant: Option<&str>, route: &str) -> String {
    format!("route/{}/{route}", tenant.unwrap_or("*"))
}

/// A named target and the events it wants.
#[derive(Clone)]
pub(crate) struct Target {
    name: Arc<str>,
    /// What it is counted as.
    label: Arc<str>,
    wants: Arc<Wants>,
    work: Arc<Work>,
    /// Properties of the event's record that it asks for, if it does.
    reads: BTreeSet<String>,
    /// Of the worker that runs it, from its first run on.
    counts: OnceLock<Counts>,
}

impl Target {
    /// `None` if the name is none: 1 to 64 lower-case letters, digits and `_`.
    pub(crate) fn new(name: &str, wants: Arc<Wants>, work: Arc<Work>) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed);
        is_name.then(|| {
            let name: Arc<str> = name.into();
            let (label, reads) = (Arc::clone(&name), BTreeSet::new());
            Self { label, name, wants, work, reads, counts: OnceLock::new() }
        })
    }

    /// A tenant's route, under a name that no handler can have. Routes may be thousands, and are counted
    /// together.
    pub(crate) fn route(name: &str, wants: Arc<Wants>, work: Arc<Work>) -> Self {
        let (name, reads) = (name.into(), BTreeSet::new());
        Self { name, label: routes(), wants, work, reads, counts: OnceLock::new() }
    }

    /// The same, which asks for these properties of the event's record.
    pub(crate) fn reading(self, reads: BTreeSet<String>) -> Self {
        Self { reads, ..self }
    }

    /// The properties of the event's record that it asks for, if it asks for any.
    pub(crate) fn reads(&self) -> Option<&BTreeSet<String>> {
        (!self.reads.is_empty()).then_some(&self.reads)
    }

    /// The name in claims, headers and dead letters.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The name in metrics.
    pub(crate) fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// What is counted of its runs; `find` looks for it the first time.
    pub(crate) fn counts(&self, find: impl FnOnce(&Arc<str>) -> Counts) -> &Counts {
        self.counts.get_or_init(|| find(&self.label))
    }

    /// Whether it is to be run for `event`.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        (self.wants)(event)
    }

    pub(crate) fn run<'a>(
        &self,
        cx: &'a Context,
        event: &'a Event,
    ) -> BoxFuture<'a, HandlerResult> {
        (self.work)(cx, event)
    }
}

/// What all routes are counted as.
pub(crate) fn routes() -> Arc<str> {
    static ROUTES: LazyLock<Arc<str>> = LazyLock::new(|| "routes".into());
    Arc::clone(&ROUTES)
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}
