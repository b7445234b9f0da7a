//! Commands by hand beside a standalone, without a word about where its data is.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use super::data::Data;
use super::process::Process;
use super::{contact, send};
use crate::harness::within;

/// A command, in a folder, with nothing in its environment.
async fn run(folder: &Path, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().current_dir(folder).args(arguments);
    let Output { status, stdout, stderr } = within("the end", command.output()).await.unwrap();
    let [said, told] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(status.code(), Some(0), "{arguments:?}: {said}{told}");
    (said, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_find_the_standalone_of_the_folder_they_are_called_in_and_say_so() {
    let room = Data::new();
    std::fs::create_dir(&room.0).unwrap();
    let data = Data(room.0.join("hubline-data"));
    let process = Process::start(&data.0, &[]).await;
    send(&process, &[contact(77)]).await;
    data.worked_off().await;
    for arguments in [
        &["dead-letters", "groups"][..],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "jobs"],
        &["replay", "--since", "1h", "--dry-run"],
    ] {
        finds(&data, &run(&room.0, arguments).await.1);
    }
    assert!(process.terminate().await.success());
    // What has ended is found as well, and has all of its log on the disk.
    let (said, told) = run(&room.0, &["events", "--json", "--object", "77"]).await;
    assert!(said.contains("\"contact.creation\""), "{said}");
    finds(&data, &told);
    // Named, it needs no saying.
    let named = ["events", "--data", data.0.to_str().unwrap()];
    assert_eq!(run(&room.0, &named).await.1, "");
}

fn finds(data: &Data, told: &str) {
    let found = format!("worker: using the standalone in {}: ", data.0.display());
    assert!(told.starts_with(&found), "{told}");
}
