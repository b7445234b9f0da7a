//! The databases that records can be in, each test with one of its own.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

/// What a test's records are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseEngine {
    /// A schema of the test's own.
    Postgres,
    /// A file of the test's own.
    Sqlite,
}

/// Runs each case, an async function that takes a [`DatabaseEngine`], on each of them:
/// `on_every_database! { one_case another_case }` makes tests `postgres::one_case`,
/// `sqlite::one_case` and so on.
#[doc(hidden)]
#[macro_export]
macro_rules! __on_every_database {
    ($($case:ident)+) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::testing::DatabaseEngine::Postgres).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case($crate::testing::DatabaseEngine::Sqlite).await;
            })+
        }
    };
}

#[doc(inline)]
pub use __on_every_database as on_every_database;

/// An empty database. A file goes when this is dropped, a schema with [`TestDatabase::end`].
#[derive(Debug)]
pub struct TestDatabase {
    engine: DatabaseEngine,
    name: String,
}

impl TestDatabase {
    /// A new one.
    pub async fn new(engine: DatabaseEngine) -> Self {
        let database = Self { engine, name: super::prefix() };
        if engine == DatabaseEngine::Postgres {
            database.execute(&format!("CREATE SCHEMA {}", database.name)).await;
        }
        database
    }

    /// Its address, as `DATABASE_URL` takes it.
    pub fn url(&self) -> String {
        match self.engine {
            DatabaseEngine::Postgres => {
                format!("{}?options=-c%20search_path%3D{}", super::database_url(), self.name)
            }
            DatabaseEngine::Sqlite => format!("sqlite:{}", self.file().display()),
        }
    }

    /// What it is in.
    pub fn engine(&self) -> DatabaseEngine {
        self.engine
    }

    /// Runs statements on it.
    pub async fn run(&self, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        match self.engine {
            DatabaseEngine::Postgres => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            DatabaseEngine::Sqlite => {
                // As the program makes its files: connections that find another mode and change it at
                // the same time are refused by SQLite without a wait.
                let options = SqliteConnectOptions::from_str(&self.url()).unwrap();
                let options = options.journal_mode(SqliteJournalMode::Wal);
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }

    /// The one number that a query gives.
    pub async fn number(&self, query: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match self.engine {
            DatabaseEngine::Postgres => {
                let mut connection = PgConnection::connect(&self.url()).await.unwrap();
                let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
            DatabaseEngine::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
                let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
                connection.close().await.unwrap();
                number
            }
        }
    }

    /// The file, if it is in one.
    pub fn file(&self) -> PathBuf {
        std::env::temp_dir().join(format!("hubline-{}.db", self.name))
    }

    /// Removes it. Nothing may use it any more.
    pub async fn end(self) {
        if self.engine == DatabaseEngine::Postgres {
            self.execute(&format!("DROP SCHEMA {} CASCADE", self.name)).await;
        }
    }

    /// Runs a statement on the server.
    async fn execute(&self, statement: &str) {
        let mut connection = PgConnection::connect(&super::database_url())
            .await
            .expect("PostgreSQL for tests must be running");
        loop {
            let asked = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()));
            match asked.execute(&mut connection).await {
                Ok(_) => break,
                // A statement of a client that is gone ends later than that, and the two may wait for each other.
                Err(error) if is_deadlock(&error) => {}
                Err(error) => panic!("{error}"),
            }
        }
        connection.close().await.unwrap();
    }
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == "40P01")
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.engine == DatabaseEngine::Sqlite {
            let file = self.file();
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
            }
        }
    }
}
