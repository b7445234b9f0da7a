//! How many events in how long, and how many at once.

use std::time::Duration;

use toml::de::DeValue;

use crate::limits::Limit;

use super::section::Section;
use super::value::{number, text};

/// The highest count of a rate.
const MAX_COUNT: u32 = 1_000_000;

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// 1 to 1,000,000.
    pub(crate) count: u32,
    /// A second, a minute or an hour.
    pub(crate) per: Duration,
}

/// The most that a limit counts in one window: it keeps each.
const MAX_COUNTED: u32 = 1000;

impl Rate {
    /// The limit of this rate under a key: a high one is counted in a shorter window.
    pub(crate) fn limit(self, key: impl std::fmt::Display) -> Limit {
        let parts = self.count.div_ceil(MAX_COUNTED);
        Limit::of(self.count / parts, self.per / parts, key)
    }

    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        section.optional("rate", of)
    }
}

/// How many may run at once.
pub(crate) fn concurrency(section: &Section<'_>) -> Option<u16> {
    section.optional("concurrency", |value| number(value, &(1..=1000)))
}

fn of(value: &DeValue<'_>) -> Result<Rate, String> {
    let must = || {
        format!(
            "must be a number from 1 to {MAX_COUNT} and a unit: \"50/s\", \"1000/m\" or \"5000/h\""
        )
    };
    let (count, unit) = text(value)?.split_once('/').ok_or_else(must)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(must()),
    };
    // `parse` would take a sign.
    let is_number = count.bytes().all(|digit| digit.is_ascii_digit());
    let count = count.parse().ok().filter(|count| is_number && (1..=MAX_COUNT).contains(count));
    Ok(Rate { count: count.ok_or_else(must)?, per: Duration::from_secs(seconds) })
}
