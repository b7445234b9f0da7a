//! A destination: where events go, and what it can take.

use std::collections::BTreeSet;

use super::batch::Batch;
use super::known::Known;
use super::rate::{Rate, concurrency};
use super::secret_form::SecretForm;
use super::secret_ref::SecretRef;
use super::section::Section;
use super::sink::Sink;
use super::state::State;
use super::statuses::statuses;
use super::timeouts::Timeouts;

const KEYS: [&str; 18] = [
    "tenant",
    "url",
    "slack",
    "postgres",
    "method",
    "sign",
    "secret",
    "previous_secret",
    "headers",
    "connect_timeout",
    "first_byte_timeout",
    "timeout",
    "rate",
    "concurrency",
    "batch",
    "transient_statuses",
    "permanent_statuses",
    "state",
];

/// A destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Destination {
    pub(crate) name: String,
    /// Whose it is; `None` if all share it.
    pub(crate) tenant: Option<String>,
    pub(crate) sink: Sink,
    pub(crate) timeouts: Timeouts,
    pub(crate) rate: Option<Rate>,
    /// 1 to 1000.
    pub(crate) concurrency: Option<u16>,
    /// Of an endpoint: how events gather, if they do.
    pub(crate) batch: Option<Batch>,
    /// Statuses after which it is tried again, though usually it would not be: 400 to 499.
    pub(crate) transient_statuses: BTreeSet<u16>,
    /// Statuses after which it is not tried again, though usually it would be: 400 to 499.
    pub(crate) permanent_statuses: BTreeSet<u16>,
    pub(crate) state: State,
}

impl Destination {
    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> Vec<&SecretRef> {
        self.sink.secrets()
    }

    /// The form of the secret that is made here for it, if one is.
    pub(crate) fn generated(&self) -> Option<SecretForm> {
        self.sink.endpoint()?.sign.generated()
    }

    pub(crate) fn read<'t>(name: &str, section: &Section<'t>, known: &Known<'t>) -> Option<Self> {
        section.only(&KEYS);
        let tenant = known.tenant(section);
        let timeouts = Timeouts::read(section);
        let rate = Rate::read(section);
        let concurrency = concurrency(section);
        let batch = Batch::read(section);
        let transient_statuses = statuses(section, "transient_statuses");
        let permanent_statuses = statuses(section, "permanent_statuses");
        if let Some(both) = transient_statuses.intersection(&permanent_statuses).next() {
            let message = format!("{both} is in transient_statuses as well: remove one of them");
            section.fault("permanent_statuses", message);
        }
        let state = State::read(section);
        let sink = Sink::read(section)?;
        Some(Self {
            name: name.to_owned(),
            tenant,
            sink,
            timeouts,
            rate,
            concurrency,
            batch,
            transient_statuses,
            permanent_statuses,
            state,
        })
    }
}
