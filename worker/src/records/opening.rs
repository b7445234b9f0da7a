//! The records, and what goes with them, as the settings say.

use std::path::Path;

use super::dead_letters::retention::Retention;
use super::handle::{FILE, Records};
use super::redaction::Redaction;
use crate::settings::records::RecordsSettings;

impl Records {
    /// Those that a program keeps, if there is a database for them; else the start-up log says so.
    pub(crate) fn open(settings: &RecordsSettings) -> anyhow::Result<Option<Self>> {
        let records = settings.url()?.map(|url| Self::new(&url)).transpose()?;
        if records.is_none() {
            tracing::info!("records are off: DATABASE_URL is not set, no event log is kept");
        }
        Ok(records)
    }

    /// Those for a command that reads them: of a standalone's `directory`, if there is one and nothing
    /// else is named.
    pub(crate) fn open_for_reading(
        settings: &RecordsSettings,
        directory: Option<&Path>,
    ) -> anyhow::Result<Self> {
        match (settings.url()?, directory) {
            (Some(url), _) => Self::new(&url),
            (None, Some(directory)) => {
                anyhow::ensure!(
                    directory.join(FILE).is_file(),
                    "there are no records in {}: is it the data directory of a standalone?",
                    directory.display()
                );
                Ok(Self::in_directory(directory))
            }
            (None, None) => {
                anyhow::bail!(
                    "there is no standalone in hubline-data or /var/lib/hubline: set DATABASE_URL, \
                     or give the directory of a standalone as --data"
                )
            }
        }
    }
}

impl From<&RecordsSettings> for Retention {
    fn from(settings: &RecordsSettings) -> Self {
        Self { discarded: settings.discarded_retention, resolved: settings.resolved_retention }
    }
}

impl From<&RecordsSettings> for Redaction {
    fn from(settings: &RecordsSettings) -> Self {
        Self::new(&settings.redact_properties)
    }
}
