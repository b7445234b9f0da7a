//! A destination: where events are sent, how they are signed, and what it can take.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;

use super::address::Address;
use super::batch::Batch;
use super::headers::{HeaderText, headers};
use super::known::Known;
use super::rate::{Rate, concurrency};
use super::secret_ref::SecretRef;
use super::section::Section;
use super::sign::Sign;
use super::state::State;
use super::statuses::statuses;
use super::timeouts::Timeouts;
use super::value::choice;

const KEYS: [&str; 16] = [
    "tenant",
    "url",
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
    pub(crate) url: Address,
    /// POST, PUT or PATCH.
    pub(crate) method: Method,
    /// With it the keys `secret` and `previous_secret`.
    pub(crate) sign: Sign,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, HeaderText>,
    pub(crate) timeouts: Timeouts,
    pub(crate) rate: Option<Rate>,
    /// 1 to 1000.
    pub(crate) concurrency: Option<u16>,
    /// Whether events gather.
    pub(crate) batch: Option<Batch>,
    /// Statuses after which it is tried again, though usually it would not be: 400 to 499.
    pub(crate) transient_statuses: BTreeSet<u16>,
    /// Statuses after which it is not tried again, though usually it would be: 400 to 499.
    pub(crate) permanent_statuses: BTreeSet<u16>,
    pub(crate) state: State,
}

impl Destination {
    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let signing = self.sign.secret().into_iter().chain(self.sign.previous_secret());
        let headers = self.headers.values().filter_map(|text| match text {
            HeaderText::Plain(_) => None,
            HeaderText::Secret(reference) => Some(reference),
        });
        signing.chain(headers)
    }

    pub(crate) fn read<'t>(name: &str, section: &Section<'t>, known: &Known<'t>) -> Option<Self> {
        section.only(&KEYS);
        let tenant = known.tenant(section);
        let methods = [("POST", Method::POST), ("PUT", Method::PUT), ("PATCH", Method::PATCH)];
        let method = section.optional("method", |value| choice(value, &methods));
        let headers = headers(section);
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
        let sign = Sign::read(section);
        let url = section.required("url", "\"https://host/path\"", Address::of);
        Some(Self {
            name: name.to_owned(),
            tenant,
            url: url?,
            method: method.unwrap_or(Method::POST),
            sign: sign?,
            headers,
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
