//! Where records are kept: the event log and the dead letters.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use shared::settings::{parse_duration, secret};

use crate::records::dead_letters::Retention;
use crate::records::redaction::Redaction;
use crate::records::{FILE, Records};

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

    /// The records, if there is a database for them; else the start-up log says so.
    pub(crate) fn open(&self) -> anyhow::Result<Option<Records>> {
        let records = self.url()?.map(|url| Records::new(&url)).transpose()?;
        if records.is_none() {
            tracing::info!("records are off: DATABASE_URL is not set, no event log is kept");
        }
        Ok(records)
    }

    /// The records for a command that reads them: those of a standalone's `directory`, if there is
    /// one and nothing else is named.
    pub(crate) fn open_for_reading(&self, directory: Option<&Path>) -> anyhow::Result<Records> {
        match (self.url()?, directory) {
            (Some(url), _) => Records::new(&url),
            (None, Some(directory)) => {
                anyhow::ensure!(
                    directory.join(FILE).is_file(),
                    "there are no records in {}: is it the data directory of a standalone?",
                    directory.display()
                );
                Ok(Records::in_directory(directory))
            }
            (None, None) => {
                anyhow::bail!(
                    "there is no standalone in hubline-data or /var/lib/hubline: set DATABASE_URL, \
                     or give the directory of a standalone as --data"
                )
            }
        }
    }

    /// How long letters are kept that are over.
    pub fn retention(&self) -> Retention {
        Retention { discarded: self.discarded_retention, resolved: self.resolved_retention }
    }

    /// What people are not shown.
    pub fn redaction(&self) -> Redaction {
        Redaction::new(&self.redact_properties)
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
