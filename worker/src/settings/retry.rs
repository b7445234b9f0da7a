//! How often an event is tried, and how long it waits in between.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::time::Duration;

use clap::Args;
use shared::retry::RetrySchedule;
use shared::settings::parse_duration;

/// The retry schedule, which on RabbitMQ is also a set of queues.
#[derive(Args, Clone, Debug)]
pub struct RetrySettings {
    /// Wait after the first failed attempt
    #[arg(long, env, default_value = "1s", value_parser = parse_duration)]
    pub retry_initial: Duration,
    /// How many times longer each further wait is
    #[arg(long, env, default_value = "5")]
    pub retry_multiplier: f64,
    /// Longest of these waits; what an API asks for may be longer
    #[arg(long, env, default_value = "6h", value_parser = parse_duration)]
    pub retry_max: Duration,
    /// Attempts before an event goes to the dead letters
    #[arg(long, env, default_value = "10")]
    pub retry_attempts: u32,
}

impl RetrySettings {
    /// The retry schedule.
    pub fn schedule(&self) -> anyhow::Result<RetrySchedule> {
        let schedule = RetrySchedule::new(
            self.retry_initial,
            self.retry_multiplier,
            self.retry_max,
            self.retry_attempts,
        )?;
        Ok(schedule)
    }
}
