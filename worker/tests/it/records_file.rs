//! A records file that several open at the same moment, before it is there.

use futures_util::future::join_all;
use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase};
use tokio::process::Command;
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{DeadLetters, Filter};

use crate::harness::within;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_a_new_file_at_the_same_moment_finds_it_made() {
    for _ in 0..20 {
        let database = TestDatabase::new(DatabaseEngine::Sqlite).await;
        let opening = (0..12).map(|_| {
            let url = SecretString::from(database.url());
            tokio::spawn(async move {
                let letters = DeadLetters::new(Records::new(&url).unwrap());
                letters.count(&Filter::default()).await
            })
        });
        for counted in within("all of them", join_all(opening)).await {
            assert_eq!(counted.unwrap().unwrap(), 0);
        }
        database.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_open_a_new_file_at_the_same_moment_find_it_made() {
    for _ in 0..5 {
        let database = TestDatabase::new(DatabaseEngine::Sqlite).await;
        let asking = (0..8).map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
            command.args(["events", "--json"]).env_clear().env("DATABASE_URL", database.url());
            command.kill_on_drop(true).output()
        });
        for said in within("all processes", join_all(asking)).await {
            let said = said.unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        }
        database.end().await;
    }
}
