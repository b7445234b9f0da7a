//! The records of one database, as everybody has them who reads or writes them: connected, and with their
//! tables, when they are first used.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::clock::now_ms;
use tokio::sync::OnceCell;

use super::database::{self, Database};
use super::key::Keys;
use super::{clock, partitions, schema};

/// The file of the records in a data directory.
pub(crate) const FILE: &str = "records.db";

/// The records' database, which is whose tables are made when it is first used.
#[derive(Clone, Debug)]
pub struct Records {
    database: Database,
    is_made: Arc<OnceCell<()>>,
    pub(super) keys: Arc<Keys>,
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
        Self { database, is_made: Arc::default(), keys: Arc::default() }
    }

    /// The database, connected and with its tables; an error if that cannot be had now.
    pub(crate) async fn ready(&self) -> anyhow::Result<&Database> {
        let prepare = async || {
            let database = self.database.clone();
            // In a task of its own: whoever waits may be cut off, and a server goes on
            // with what was begun for as long as the connection lives.
            let preparing = tokio::spawn(async move {
                schema::make(&database).await?;
                partitions::make(&database, clock::day_of(now_ms())).await?;
                anyhow::Ok(())
            });
            preparing.await?
        };
        self.is_made.get_or_try_init(prepare).await?;
        Ok(&self.database)
    }

    /// Whether the database answers, and has its tables.
    pub(crate) async fn ping(&self) -> anyhow::Result<()> {
        self.ready().await?.ping().await
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}
