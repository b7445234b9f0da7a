//! Records: what became of every delivery, and the dead letters people work with. In PostgreSQL,
//! or in a SQLite file. Processing never waits for them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::{Origin, Sender};
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

mod alias;
mod carry;
mod clock;
mod conditions;
mod database;
pub mod dead_letters;
mod entry;
mod erasure;
mod history;
pub mod jobs;
mod keeping;
mod log;
mod partitions;
mod pulse;
pub mod redaction;
mod schema;
mod search;
mod secret;
mod sessions;
#[cfg(test)]
mod testing;

pub(crate) use alias::{Aliases, LETTERS as ALIAS_LETTERS};
pub(crate) use carry::Carried;
pub(crate) use entry::{Course, Entry};
pub use history::{Line, Question};
pub(crate) use keeping::Keeping;
pub(crate) use log::Log;
pub(crate) use search::{Found, PATIENCE as SEARCH_PATIENCE};
pub(crate) use secret::{Key, Purpose};

use database::Database;
pub(crate) use database::took_too_long;

/// The file of the records in a data directory.
pub(crate) const FILE: &str = "records.db";

/// The origin of what stands in a row with this portal.
pub(crate) fn origin_of(portal_id: i64) -> Origin {
    match portal_id.cast_unsigned() {
        0 => Origin::unknown(Sender::HubSpot),
        portal_id => Origin::hubspot(portal_id),
    }
}

/// The records' database, which is brought up to date when it is first used.
#[derive(Clone, Debug)]
pub struct Records {
    database: Database,
    migrated: Arc<OnceCell<()>>,
    keys: Arc<secret::Keys>,
}

impl Records {
    /// Connections to PostgreSQL of a process that only writes, such as a worker, at the most.
    pub const WRITING: u32 = database::WRITING;

    /// Those that it has besides if it shows people the records, such as a console.
    pub const READING: u32 = database::READING;

    /// The database at `url`. Connects to nothing yet.
    pub fn new(url: &SecretString) -> anyhow::Result<Self> {
        Ok(Self::on(Database::new(url)?))
    }

    /// The same, with another limit for what is read for people.
    pub fn with_limit(url: &SecretString, limit: Duration) -> anyhow::Result<Self> {
        Ok(Self::on(Database::with_limit(url, limit)?))
    }

    /// A SQLite file in a data directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self::on(Database::in_file(directory.join(FILE)))
    }

    fn on(database: Database) -> Self {
        Self { database, migrated: Arc::default(), keys: Arc::default() }
    }

    /// The database, connected and up to date; an error if that cannot be had now.
    pub(crate) async fn ready(&self) -> anyhow::Result<&Database> {
        let prepare = async || {
            let database = self.database.clone();
            // In a task of its own: whoever waits may be cut off, and a migration that is keeps its
            // lock on the server for as long as its connection lives.
            let preparing = tokio::spawn(async move {
                schema::migrate(&database).await?;
                partitions::make(&database, clock::day_of(now_ms())).await?;
                anyhow::Ok(())
            });
            preparing.await?
        };
        self.migrated.get_or_try_init(prepare).await?;
        Ok(&self.database)
    }

    /// Keeps the event log's days until the handle is dropped.
    pub(crate) fn look_after_days(&self, retention: Duration) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(partitions::keep(self.clone(), retention)))
    }

    /// Whether the database answers, brought up to date.
    pub(crate) async fn ping(&self) -> anyhow::Result<()> {
        self.ready().await?.ping().await
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}
