//! Where tenants are: in a file, or in the records.

use std::path::Path;

use clap::Args;

use super::reading::Reading;
use crate::commands::data::Data;
use crate::directory::{Directory, View};
use crate::records::Records;
use crate::sealed::Keys;
use crate::settings::RecordsSettings;

/// The records that are meant.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where the records are")]
pub(super) struct Stored {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    records: RecordsSettings,
}

impl Stored {
    /// Does something with them.
    pub(super) async fn with<T>(
        &self,
        act: impl AsyncFnOnce(Records) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.records.check()?;
        let data = self.data.told(&self.records)?;
        let records = Records::open_for_reading(&self.records, data.as_deref())?;
        let done = act(records.clone()).await;
        records.close().await;
        done
    }
}

/// A file, or the records.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct Whence {
    #[command(flatten)]
    pub(super) reading: Reading,
    #[command(flatten)]
    pub(super) stored: Stored,
}

impl Whence {
    /// What a file says: this one, or that of the settings; without either, the records.
    pub(in crate::commands) async fn read(&self, file: Option<&Path>) -> anyhow::Result<Directory> {
        if let Some(file) = file.or_else(|| self.reading.file().ok()) {
            return self.reading.read(file);
        }
        let sections = async |records: Records| records.tenant_sections().await;
        let sections = self.stored.with(sections).await?;
        self.reading.read_view(&View::of_records(&sections))
    }

    /// The same as workers have it, with the secrets that were made, which `keys` open.
    pub(super) async fn read_opened(&self, keys: Option<&Keys>) -> anyhow::Result<Directory> {
        if let Ok(file) = self.reading.file() {
            return self.reading.read_alone(file);
        }
        let read = async |records: Records| {
            Ok((records.tenant_sections().await?, records.kept_secrets().await?))
        };
        let (sections, kept) = self.stored.with(read).await?;
        self.reading.read_opened(&View::of_records(&sections).with(kept), keys)
    }
}
