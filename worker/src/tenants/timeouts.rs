//! How long a destination may take.

use std::time::Duration;

use toml::de::DeValue;

use super::section::Section;
use super::value::text;

const LONGEST: Duration = Duration::from_secs(60);

/// The keys of the limits, each with its default, the shortest first.
const LIMITS: [(&str, Duration); 3] = [
    ("connect_timeout", Duration::from_secs(5)),
    ("first_byte_timeout", Duration::from_secs(10)),
    ("timeout", Duration::from_secs(10)),
];

/// Each from the request's beginning, none longer than the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// Until there is a connection.
    pub(crate) connect: Duration,
    /// Until the answer begins.
    pub(crate) first_byte: Duration,
    /// Until the answer is there.
    pub(crate) whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let [(_, connect), (_, first_byte), (_, whole)] = LIMITS;
        Self { connect, first_byte, whole }
    }
}

impl Timeouts {
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let read = |(key, default)| {
            if section.has(key) { section.optional(key, of) } else { Some(default) }
        };
        let limits = LIMITS.map(read);
        for (index, pair) in limits.windows(2).enumerate() {
            if let [Some(shorter), Some(longer)] = pair
                && shorter > longer
            {
                let [key, next] = [LIMITS[index].0, LIMITS[index + 1].0];
                let told = |key, limit: &Duration| {
                    let default = if section.has(key) { "" } else { ", its default" };
                    format!("{key} ({}{default})", humantime::format_duration(*limit))
                };
                let [shorter, longer] = [told(key, shorter), told(next, longer)];
                // What is written there can be changed there.
                let at = if section.has(key) { key } else { next };
                section.fault(at, format!("{shorter} must not be longer than {longer}: set both"));
            }
        }
        // A limit that is none is noted, and nobody gets to see these.
        let [connect, first_byte, whole] = limits.map(Option::unwrap_or_default);
        Self { connect, first_byte, whole }
    }
}

fn of(value: &DeValue<'_>) -> Result<Duration, String> {
    let limit = humantime::parse_duration(text(value)?).ok();
    let limit = limit.filter(|limit| !limit.is_zero() && *limit <= LONGEST);
    limit.ok_or_else(|| {
        "must be a time of up to 60s, such as \"500ms\", \"5s\" or \"1m\"".to_owned()
    })
}
