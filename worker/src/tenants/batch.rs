//! Whether a destination gets several events in one request, and how many.

use std::time::Duration;

use toml::de::DeValue;

use super::section::Section;
use super::value::{number, text};

const LONGEST: Duration = Duration::from_secs(5);

/// How events gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// In one request at the most: 2 to 1000.
    pub(crate) events: u16,
    /// For so long the first one waits for others at the most: 1 ms to 5 s.
    pub(crate) wait: Duration,
}

impl Batch {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let table = section.table("batch")?;
        table.only(&["events", "wait"]);
        let events = table.required("events", "100", |value| number(value, &(2..=1000)));
        let wait = table.required("wait", "\"200ms\"", wait);
        Some(Self { events: events?, wait: wait? })
    }
}

fn wait(value: &DeValue<'_>) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text(value)?).ok();
    let wait = wait.filter(|wait| (Duration::from_millis(1)..=LONGEST).contains(wait));
    wait.ok_or_else(|| "must be a time from 1ms to 5s, such as \"200ms\" or \"1s\"".to_owned())
}
