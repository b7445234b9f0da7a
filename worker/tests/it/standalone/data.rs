//! The data directory of one test, and a look into its file, beside a process that has it open
//! or after it.

use std::path::PathBuf;

use shared::senders::hubspot::HubSpotEvent;
use shared::testing::prefix;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::harness::within;

/// Removed when dropped.
pub(super) struct Data(pub(super) PathBuf);

impl Data {
    pub(super) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("hubline-{}", prefix())))
    }

    async fn open(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.0.join("hubline.db"));
        options.connect().await.unwrap()
    }

    pub(super) async fn number(&self, query: &'static str) -> i64 {
        let mut connection = self.open().await;
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    /// Changes the file of a process that has ended.
    pub(super) async fn change(&self, statements: &'static str) {
        let mut connection = self.open().await;
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// How the event `body` ended for `handler`: `done`, `dead`, or not at all.
    pub(super) async fn ends(&self, bodies: &[String], handler: &str) -> Vec<Option<&'static str>> {
        let mut connection = self.open().await;
        // Dead letters move there.
        sqlx::query("ATTACH ? AS records")
            .bind(self.0.join("records.db").to_str().unwrap())
            .execute(&mut connection)
            .await
            .unwrap();
        let mut ends = Vec::new();
        for body in bodies {
            let identity = HubSpotEvent::parse(body.as_bytes()).unwrap().identity.to_string();
            let (done, dead): (bool, bool) = sqlx::query_as(
                "SELECT EXISTS (SELECT * FROM claim WHERE key = ?1 AND state = 'C'), \
                 EXISTS (SELECT * FROM message WHERE queue = 'dead' AND identity = unhex(?2)) \
                 OR EXISTS (SELECT * FROM records.dead_letter WHERE identity = ?2)",
            )
            .bind(format!("{identity}:{handler}:0"))
            .bind(&identity)
            .fetch_one(&mut connection)
            .await
            .unwrap();
            ends.push(if done { Some("done") } else { dead.then_some("dead") });
        }
        connection.close().await.unwrap();
        ends
    }

    /// Waits until nothing is left to do, as long as there is less and less of it.
    pub(super) async fn worked_off(&self) {
        let mut connection = self.open().await;
        let left = "SELECT count(*) FROM message WHERE queue <> 'dead'";
        let mut least = i64::MAX;
        while least > 0 {
            let less = async {
                loop {
                    let left: i64 =
                        sqlx::query_scalar(left).fetch_one(&mut connection).await.unwrap();
                    if left < least {
                        return left;
                    }
                    // A file has nothing to wait on; this is the poll of a test, not a delay.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            };
            least = within(&format!("any more work, after {least} were left"), less).await;
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
