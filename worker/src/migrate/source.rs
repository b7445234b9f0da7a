//! The data directory that is moved: held for this process alone while it is open.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::broker::{Backlog, Embedded, Exported, Link};
use shared::store::{self, NotWritten, Store};

use super::error::MigrateError;
use crate::ledger::{self, Entry};
use crate::records::dead_letters::DeadLetters;
use crate::records::{Carried, FILE, Records};

/// How long the data file may take to close.
const CLOSE: Duration = Duration::from_secs(5);

/// An open data directory.
#[derive(Debug)]
pub(crate) struct Source {
    embedded: Arc<Embedded>,
    /// The records beside the data file, if there are any.
    records: Option<Records>,
    letters: Option<DeadLetters>,
}

/// What there is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) backlog: Backlog,
    pub(crate) entries: u64,
    /// Dead letters in the records that somebody still has to do with.
    pub(crate) letters: u64,
    /// What else of the records goes along.
    pub(crate) records: Carried,
}

impl Inventory {
    /// All messages.
    pub(crate) fn messages(&self) -> u64 {
        let Backlog { work, bulk, waiting, dead } = self.backlog;
        work + bulk + waiting + dead
    }
}

impl Source {
    /// Refuses a directory without a data file, in which [`Source::open`] would make one.
    pub(crate) fn check(directory: &Path) -> anyhow::Result<()> {
        let file = directory.join(store::FILE);
        anyhow::ensure!(
            file.is_file(),
            "there is no data file {}: --from takes the data directory of `worker standalone`",
            file.display()
        );
        Ok(())
    }

    /// Opens `directory`. Fails if another process has it open.
    pub(crate) async fn open(directory: &Path) -> anyhow::Result<Self> {
        let store = Store::open(directory).await?;
        let records = directory.join(FILE).is_file().then(|| Records::in_directory(directory));
        let letters = records.clone().map(DeadLetters::new);
        Ok(Self { embedded: Embedded::new(Arc::new(store)), records, letters })
    }

    pub(crate) async fn inventory(&self) -> Result<Inventory, MigrateError> {
        let entries = ledger::count_entries(self.embedded.store()).await?;
        let letters = match &self.letters {
            Some(letters) => letters.count_open().await.map_err(MigrateError::Records)?,
            None => 0,
        };
        let records = match &self.records {
            Some(records) => records.to_carry().await.map_err(MigrateError::Records)?,
            None => Carried::default(),
        };
        Ok(Inventory { backlog: self.embedded.backlog().await?, entries, letters, records })
    }

    /// The records beside the data file, if there are any.
    pub(super) fn records(&self) -> Option<&Records> {
        self.records.as_ref()
    }

    /// The dead letters in the records, if there are records.
    pub(super) fn letters(&self) -> Option<&DeadLetters> {
        self.letters.as_ref()
    }

    /// The next entries of the ledger behind the one with the number `after`, which becomes that of the last.
    pub(super) async fn entries(
        &self,
        after: &mut i64,
        limit: u32,
    ) -> Result<Vec<Entry>, MigrateError> {
        Ok(ledger::entries(self.embedded.store(), after, limit).await?)
    }

    /// The next messages.
    pub(super) async fn messages(&self, limit: u32) -> Result<Vec<Exported>, MigrateError> {
        self.embedded.export(limit).await.map_err(|error| self.failed(error))
    }

    /// Deletes messages, for good.
    pub(super) async fn forget(&self, ids: Vec<i64>) -> Result<(), MigrateError> {
        self.embedded.forget(ids).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: NotWritten) -> MigrateError {
        MigrateError::Write(match self.embedded.store().link() {
            Link::Down(reason) => reason.to_string(),
            Link::Connecting | Link::Up => error.to_string(),
        })
    }

    /// Closes the file, which leaves all of it in one.
    pub(crate) async fn close(self) {
        let closed = self.embedded.store().closed();
        if let Some(records) = &self.records {
            records.close().await;
        }
        drop(self);
        let _ = tokio::time::timeout(CLOSE, closed).await;
    }
}
