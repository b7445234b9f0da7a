//! The settings of `worker run`: how they are called and what they default to. What other ways to
//! run Hubline need as well has a group of its own.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use shared::settings::{
    BrokerSettings, LogSettings, TraceSettings, parse_duration, parse_listener,
};

pub mod access;
pub mod alerts;
pub mod console;
pub mod console_url;
pub mod integrations;
pub mod oauth;
pub mod processing;
pub mod records;
pub mod redis;
pub mod retry;
pub mod secrets_key;
pub mod slack;
pub mod standalone;
pub mod tenants;

mod address;
pub(crate) mod tenant_tokens;

pub use alerts::AlertSettings;
pub use console::{ConsoleProgramSettings, ConsoleSettings};
pub use console_url::ConsoleUrl;
pub use oauth::{ActingSettings, AppSettings, ClientSecretSettings, InstallSettings};
pub use processing::ProcessingSettings;
pub use records::RecordsSettings;
pub use redis::RedisSettings;
pub use retry::RetrySettings;
pub use secrets_key::SecretsKeySettings;
pub use slack::SlackSettings;
pub use standalone::StandaloneSettings;
pub use tenants::{TenantSettings, UnknownTenant};

/// Everything `worker run` can be told.
#[derive(Args, Clone, Debug)]
pub struct WorkerSettings {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisSettings,
    /// Records.
    #[command(flatten)]
    pub records: RecordsSettings,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env, default_value = "127.0.0.1:9091", value_parser = parse_listener)]
    pub admin_listen: SocketAddr,
    /// How events are processed.
    #[command(flatten)]
    pub processing: ProcessingSettings,
    /// The app's secret.
    #[command(flatten)]
    pub client_secret: ClientSecretSettings,
    /// How long running handlers may take to finish on SIGTERM
    #[arg(long, env, default_value = "35s", value_parser = parse_duration)]
    pub shutdown_grace: Duration,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// Traces.
    #[command(flatten)]
    pub trace: TraceSettings,
}

impl WorkerSettings {
    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.broker.hosts()?;
        self.redis.url()?;
        self.trace.check()?;
        self.records.check()?;
        self.processing.check()?;
        let client_secret = self.client_secret.secret()?;
        self.processing.app.check(client_secret.as_ref(), self.records.url()?.is_some())?;
        self.processing.check_times(self.shutdown_grace)?;
        self.processing.check_log(self.records.log_retention)
    }
}
