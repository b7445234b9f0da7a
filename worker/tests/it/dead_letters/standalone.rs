//! Letters of a standalone, running or stopped: commands find them.

use std::process::Stdio;

use clap::Parser;
use serde_json::Value;
use shared::senders::hubspot::signature::{ClientSecret, Version};
use shared::testing::DatabaseEngine;
use tokio::process::Command;
use worker::Registry;
use worker::parts::poster::Poster;
use worker::parts::standalone::Standalone;
use worker::settings::StandaloneSettings;

use super::rig::{Letters, letter};
use crate::harness::{pause, within};

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    settings: StandaloneSettings,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_standalone_takes_its_letters_into_the_records_by_itself() {
    let data = std::env::temp_dir().join(format!("hubline-{}", shared::testing::prefix()));
    let directory = data.to_str().unwrap();
    let local = "127.0.0.1:0";
    let settings = Parsed::try_parse_from([
        "standalone",
        "--data",
        directory,
        "--listen",
        local,
        "--admin-listen",
        local,
        "--console-listen",
        local,
        "--hubspot-client-secret",
        "s3cret",
    ]);
    let standalone = Standalone::start(&settings.unwrap().settings, Registry::new()).await.unwrap();
    let secret = ClientSecret::new("s3cret".to_owned()).unwrap();
    let url = format!("http://{}/webhooks/hubspot", standalone.address());
    let poster = Poster::new(&url, None, secret, Version::V3).unwrap();
    assert_eq!(poster.send(b"no events at all".to_vec()).await.unwrap().status, 200);
    let listed = async {
        loop {
            let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
            command.env_clear().args(["dlq", "list", "--json", "--data", directory]);
            let output = command.stdin(Stdio::null()).output().await.unwrap();
            assert!(output.stderr.is_empty(), "{output:?}");
            let page: Value = serde_json::from_slice(&output.stdout).unwrap();
            if page["letters"][0]["reason"] == "unreadable" {
                return;
            }
        }
    };
    within("the letter in the records", listed).await;
    let taken = async {
        while standalone.backlog().await.unwrap().dead > 0 {
            pause().await;
        }
    };
    within("the letter to be out of its queue", taken).await;
    standalone.stop().await;
    std::fs::remove_dir_all(&data).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_letters_of_a_stopped_standalone_are_taken_out_of_its_file() {
    let mut rig = Letters::new(DatabaseEngine::Sqlite).await;
    rig.put(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    let loan = rig.lend().await;
    let directory = loan.directory().to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().args(["dlq", "list", "--json", "--data"]).arg(&directory);
    let output = within("the program's end", command.output()).await.unwrap();
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(page["letters"].as_array().unwrap().len(), 2, "{output:?}");
    loan.end().await;
    rig.finish().await;
}
