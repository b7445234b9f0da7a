//! The settings of `worker standalone`: those of both programs but for the servers, and where
//! the data is.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use receiver::settings::EndpointSettings;
use secrecy::SecretString;
use shared::settings::{
    LogSettings, TraceSettings, distinct_listeners, parse_duration, parse_listener,
};

use super::console::ConsoleSettings;
use super::oauth::client_secret;
use super::processing::ProcessingSettings;
use super::records::RecordsSettings;

/// Everything `worker standalone` can be told.
#[derive(Args, Clone, Debug)]
pub struct StandaloneSettings {
    /// Directory of the data file, made if it is missing; one process at a time
    #[arg(
        long,
        visible_alias = "data-dir",
        env = "DATA_DIR",
        value_name = "DIR",
        default_value = "hubline-data"
    )]
    pub data: PathBuf,
    /// Where HubSpot's deliveries come in
    #[arg(long, env, default_value = "0.0.0.0:8080", value_parser = parse_listener)]
    pub listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and /rejections are served; keep it private
    #[arg(long, env, default_value = "127.0.0.1:9090", value_parser = parse_listener)]
    pub admin_listen: SocketAddr,
    /// Records: beside the data file unless told otherwise.
    #[command(flatten)]
    pub records: RecordsSettings,
    /// The console.
    #[command(flatten)]
    pub console: ConsoleSettings,
    /// What is taken in, and how.
    #[command(flatten)]
    pub endpoint: EndpointSettings,
    /// How events are processed.
    #[command(flatten)]
    pub processing: ProcessingSettings,
    /// How long requests in flight, and then running handlers, may take to finish on SIGTERM
    #[arg(long, env, default_value = "35s", value_parser = parse_duration)]
    pub shutdown_grace: Duration,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// Traces.
    #[command(flatten)]
    pub trace: TraceSettings,
}

impl StandaloneSettings {
    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.endpoint.check()?;
        self.records.check()?;
        self.processing.check()?;
        self.processing.check_times(self.shutdown_grace)?;
        self.processing.check_log(self.records.log_retention)?;
        self.console.check()?;
        self.console.alerts.channel(&self.processing.integrations.slack)?;
        self.trace.check()?;
        self.processing.app.check(self.client_secret()?.as_ref(), true)?;
        self.console.install.check(&self.processing.app)?;
        let mut listeners = vec![
            ("LISTEN", self.listen),
            ("ADMIN_LISTEN", self.admin_listen),
            ("CONSOLE_LISTEN", self.console.console_listen),
        ];
        listeners.extend(self.console.install.oauth_listen.map(|listen| ("OAUTH_LISTEN", listen)));
        distinct_listeners(&listeners)
    }

    /// The app's secret, which its tokens are asked for with too.
    pub(crate) fn client_secret(&self) -> anyhow::Result<Option<SecretString>> {
        let (value, file) =
            (&self.endpoint.hubspot_client_secret, &self.endpoint.hubspot_client_secret_file);
        client_secret(value.as_ref(), file.as_ref())
    }
}
