//! Where records are kept: the event log and the dead letters.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use shared::settings::{parse_duration, secret};

/// The records' database.
#[derive(Args, Clone, Debug)]
pub struct RecordsSettings {
    /// Records' database: `postgres://user:password@host/database`, or `sqlite:FILE` on a local
    /// disk; without it no records are kept
    #[arg(long, env, hide_env_values = true)]
    pub database_url: Option<SecretString>,
    /// File that holds DATABASE_URL
    #[arg(long, env, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// How long the event log is kept, in whole days; no longer than it is remembered what is
    /// completed (eight days and the retry schedule)
    #[arg(long, env, default_value = "7d", value_parser = parse_duration)]
    pub log_retention: Duration,
    /// How long discarded dead letters can be restored; then they are deleted
    #[arg(long, env, default_value = "7d", value_parser = parse_duration)]
    pub discarded_retention: Duration,
    /// How long dead letters are kept whose retry has ended, and problems that no letter is left of
    #[arg(long, env, default_value = "30d", value_parser = parse_duration)]
    pub resolved_retention: Duration,
    /// Properties whose values are not shown to people, separated by commas, e.g. `email,phone`
    #[arg(long, env, value_name = "NAMES", value_delimiter = ',')]
    pub redact_properties: Vec<String>,
}

impl RecordsSettings {
    /// The database's address, if there is one.
    pub fn url(&self) -> anyhow::Result<Option<SecretString>> {
        let url =
            secret("DATABASE_URL", self.database_url.as_ref(), self.database_url_file.as_deref())?;
        if let Some(url) = &url {
            let scheme = url.expose_secret().split(':').next().unwrap_or_default();
            anyhow::ensure!(
                matches!(scheme, "postgres" | "postgresql" | "sqlite"),
                "DATABASE_URL is not understood: write it as postgres://user:password@host/database or sqlite:/path/to/records.db"
            );
        }
        Ok(url)
    }

    /// Checks what can be checked before anything is started.
    pub fn check(&self) -> anyhow::Result<()> {
        self.url()?;
        anyhow::ensure!(
            self.log_retention >= Duration::from_secs(24 * 3600),
            "LOG_RETENTION must be at least 1d"
        );
        Ok(())
    }
}
