//! The worker's settings: how they are called, what they default to, and which of them must fit
//! each other.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use shared::retry::RetrySchedule;
use shared::settings::{BrokerSettings, LogSettings, parse_duration};

pub mod integrations;

use integrations::IntegrationSettings;

/// Everything `worker run` can be told.
#[derive(Args, Clone, Debug)]
pub struct WorkerSettings {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// Redis' address; `rediss://` is not offered, keep Redis on a private network
    #[arg(long, env, hide_env_values = true, default_value = "redis://127.0.0.1:6379/0")]
    pub redis_url: SecretString,
    /// File that holds REDIS_URL
    #[arg(long, env, value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env, default_value = "127.0.0.1:9091")]
    pub admin_listen: SocketAddr,
    /// Deliveries worked on at once, and prefetched per work queue
    #[arg(long, env, default_value = "400", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub concurrency: u16,
    /// Runs that one portal may have at once, so that others go on when its runs hang; 0: three
    /// quarters of CONCURRENCY
    #[arg(long, env, default_value = "0")]
    pub portal_concurrency: u16,
    /// Longest run of a handler
    #[arg(long, env, default_value = "30s", value_parser = parse_duration)]
    pub handler_timeout: Duration,
    /// How long a claim holds when its worker dies; must be longer than HANDLER_TIMEOUT
    #[arg(long, env, default_value = "1min", value_parser = parse_duration)]
    pub lease: Duration,
    /// How long running handlers may take to finish on SIGTERM
    #[arg(long, env, default_value = "35s", value_parser = parse_duration)]
    pub shutdown_grace: Duration,
    /// Wait after the first failed attempt
    #[arg(long, env, default_value = "1s", value_parser = parse_duration)]
    pub retry_initial: Duration,
    /// How many times longer each further wait is
    #[arg(long, env, default_value = "5")]
    pub retry_multiplier: f64,
    /// Longest wait
    #[arg(long, env, default_value = "6h", value_parser = parse_duration)]
    pub retry_max: Duration,
    /// Attempts before an event goes to the dead letters
    #[arg(long, env, default_value = "10")]
    pub retry_attempts: u32,
    /// Count runs by portal too: one time series for each portal
    #[arg(long, env, default_value = "false", action = clap::ArgAction::Set)]
    pub metrics_by_portal: bool,
    /// HubSpot, Slack, ERP, onboarding.
    #[command(flatten)]
    pub integrations: IntegrationSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
}

/// HubSpot comes again for a day, and an operator may replay the log of a week: what was
/// completed must still be known then.
const REMEMBERED: Duration = Duration::from_secs(8 * 24 * 3600);

/// Under RabbitMQ's default consumer timeout of 30 minutes.
const LONGEST_RUN: Duration = Duration::from_secs(25 * 60);

impl WorkerSettings {
    /// Redis' address, from the file if one is named.
    pub fn redis_url(&self) -> anyhow::Result<SecretString> {
        let url = crate::ledger::redis_address(&self.redis_url, self.redis_url_file.as_deref())?;
        crate::ledger::check_redis_url(&url)?;
        Ok(url)
    }

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

    /// How long the ledger remembers.
    pub fn retention(&self) -> anyhow::Result<Duration> {
        Ok(REMEMBERED + self.schedule()?.span())
    }

    /// The share of runs that one portal may have at once.
    pub fn portal_cap(&self) -> usize {
        match self.portal_concurrency {
            0 => (usize::from(self.concurrency) * 3).div_ceil(4),
            cap => usize::from(cap),
        }
    }

    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.broker.url()?;
        self.redis_url()?;
        self.schedule()?;
        anyhow::ensure!(
            self.handler_timeout >= Duration::from_millis(1),
            "HANDLER_TIMEOUT must be at least 1ms"
        );
        anyhow::ensure!(
            self.handler_timeout <= LONGEST_RUN,
            "HANDLER_TIMEOUT must be at most {}: RabbitMQ takes a delivery back that is not acked within 30 minutes",
            humantime(LONGEST_RUN),
        );
        anyhow::ensure!(
            self.lease > self.handler_timeout,
            "LEASE ({}) must be longer than HANDLER_TIMEOUT ({}), or a run that is still going could be started a second time",
            humantime(self.lease),
            humantime(self.handler_timeout),
        );
        self.integrations.check()
    }
}

fn humantime(duration: Duration) -> String {
    shared::retry::delay_name(duration)
}
