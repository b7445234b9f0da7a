//! A tenant: whose events come from one origin, and how many at once.

use std::time::Duration;

use shared::origin::{NotAnOrigin, Origin};
use toml::de::DeValue;

use super::rate::{Rate, concurrency};
use super::section::Section;
use super::state::State;
use super::value::text;

const KEYS: [&str; 5] = ["origin", "name", "state", "rate", "concurrency"];
const MAX_DISPLAY_NAME_BYTES: usize = 200;
const DEFAULT_RATE: Rate = Rate { count: 1000, per: Duration::from_secs(60) };
const DEFAULT_CONCURRENCY: u16 = 20;

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tenant {
    /// The name that everything refers to.
    pub(crate) name: String,
    /// No other tenant has it.
    pub(crate) origin: Origin,
    /// The name for people, which the file calls `name`.
    pub(crate) display_name: Option<String>,
    pub(crate) state: State,
    pub(crate) rate: Rate,
    /// 1 to 1000.
    pub(crate) concurrency: u16,
}

impl Tenant {
    pub(crate) fn read(name: &str, section: &Section<'_>) -> Option<Self> {
        section.only(&KEYS);
        let display_name = section.optional("name", display_name);
        let state = State::read(section);
        let rate = Rate::read(section).unwrap_or(DEFAULT_RATE);
        let concurrency = concurrency(section).unwrap_or(DEFAULT_CONCURRENCY);
        let origin = section.required("origin", "\"hubspot/62515\"", |value| {
            let origin: Origin =
                text(value)?.parse().map_err(|error: NotAnOrigin| error.to_string())?;
            let is_sent = origin.portal_id().is_some_and(|id| Origin::hubspot(id) == origin);
            is_sent.then_some(origin).ok_or_else(|| {
                "must be hubspot/ and the account's number, such as \"hubspot/62515\"".to_owned()
            })
        })?;
        Some(Self { name: name.to_owned(), origin, display_name, state, rate, concurrency })
    }
}

fn display_name(value: &DeValue<'_>) -> Result<String, String> {
    let name = text(value)?;
    let is_name = (1..=MAX_DISPLAY_NAME_BYTES).contains(&name.len());
    is_name
        .then(|| name.to_owned())
        .ok_or_else(|| format!("must have 1 to {MAX_DISPLAY_NAME_BYTES} bytes"))
}
