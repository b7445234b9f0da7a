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

/// The most that a limit counts in one window: as many as HubSpot delivers at once. It keeps each, and all of
/// them are read whenever anybody asks there, by a Redis that answers one after the other.
const MAX_COUNTED: u32 = 100;
/// No window is shorter.
const SHORTEST: Duration = Duration::from_millis(1);

impl Rate {
    /// The limit of this rate under a key: a high one is counted in a shorter window.
    pub(crate) fn limit(self, key: impl std::fmt::Display) -> Limit {
        let most = self.per.as_millis() / SHORTEST.as_millis();
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let parts = self.count.div_ceil(MAX_COUNTED).min(most);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_rate_is_counted_in_windows_that_are_short_and_none_is_nothing() {
        let limit = |count, seconds| {
            let limit = Rate { count, per: Duration::from_secs(seconds) }.limit("tenant/acme");
            (limit.size, limit.window.as_micros())
        };
        assert_eq!(limit(50, 1), (Some(50), 1_000_000));
        assert_eq!(limit(100, 60), (Some(100), 60_000_000));
        assert_eq!(limit(1000, 60), (Some(100), 6_000_000));
        assert_eq!(limit(5000, 3600), (Some(100), 72_000_000));
        assert_eq!(limit(100_000, 1), (Some(100), 1_000));
        assert_eq!(limit(1_000_000, 1), (Some(1000), 1_000));
    }
}
