//! What of the records goes along into the cluster's, besides dead letters.

use std::sync::Arc;

use secrecy::SecretString;
use shared::broker::{Broker, Route};
use shared::clock::now_ms;
use shared::message::{DeathReason, Message};
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};
use worker::parts::records::Records;
use worker::parts::records::dead_letters::{DeadLetters, Filter, Grouping, Noted, drain};
use worker::parts::records::jobs::{Action, JobState, Jobs, Scope, Wish};

use super::directory::Directory;
use super::program::Program;
use super::{MINUTE, dead};
use crate::harness::{Rig, deal, fresh};

const CONTACT: u64 = 77;
/// What secrets are sealed with, there and here.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The last attempt of an event about the contact.
fn late() -> Message {
    let body = deal(CONTACT).replace("deal.creation", "contact.creation");
    Message { attempt: 10, death: dead(1, DeathReason::Exhausted).death, ..fresh(&body) }
}

fn in_directory(directory: &Directory) -> Records {
    let url = format!("sqlite:{}", directory.path().join("records.db").display());
    Records::new(&SecretString::from(url)).unwrap()
}

/// A tenant in the records of the directory, with a destination whose secret was made there.
fn apply_tenants(directory: &Directory) {
    let file = directory.path().join("tenants.toml");
    let text = "tenants.acme.origin = \"hubspot/62515\"\n[destinations.acme-crm]\ntenant = \"acme\"\n\
        url = \"https://hooks.acme.example/\"\nsecret = { generated = true }\n";
    std::fs::write(&file, text).unwrap();
    let path = directory.path().to_str().unwrap();
    let file_path = file.to_str().unwrap();
    tenants(&["apply", "--by", "dan", "--data", path, file_path], &[]);
    std::fs::remove_file(file).unwrap();
}

/// What `worker tenants …` says.
fn tenants(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_worker"));
    command.arg("tenants").args(arguments).env_clear().env("SECRETS_KEY", KEY);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A directory in which somebody was erased, wrote a note and made a job that is not over, and a late
/// retry of the erased contact's event waits.
async fn directory() -> Directory {
    let directory = Directory::new();
    let open = directory.open().await;
    open.publish(Route::Dead, &[dead(1, DeathReason::Permanent)]).await;
    let records = in_directory(&directory);
    apply_tenants(&directory);
    let letters = DeadLetters::new(records.clone());
    let broker = Broker::Sqlite(Arc::clone(&open.embedded));
    assert_eq!(drain(&letters, &broker, MINUTE).await.unwrap().indexed.new, 1);
    drop(broker);
    records.erase_contact(&late().event.origin, CONTACT).await.unwrap();
    let problem = letters.groups(Grouping::Fingerprint, false).await.unwrap().remove(0);
    let note = Some("ask the ERP's people");
    assert_eq!(letters.note(&problem.key, "", note, "ann").await.unwrap(), Noted::Written);
    let scope = Scope::letters(Action::Retry, Filter::default());
    let wish = Wish { scope, cutoff_ms: now_ms(), rate: 1, who: "bob".to_owned() };
    letters.jobs().create(&wish).await.unwrap().unwrap();
    open.publish(Route::Dead, &[late()]).await;
    open.close().await;
    directory
}

async fn who_was_erased_stays_so_and_notes_audit_and_jobs_go_along(engine: DatabaseEngine) {
    let (rig, directory) = (Rig::new().await, directory().await);
    let known = DeadLetters::new(in_directory(&directory));
    let known = known.groups(Grouping::Fingerprint, false).await.unwrap().remove(0).key;
    let cluster = TestDatabase::new(engine).await;
    let url = cluster.url();
    let flags = ["--database-url", &url];
    let planned = Program::run(&rig, &directory, &["--dry-run"]).await;
    let counts = "1 erased contact, 2 sections of tenants, 4 lines of the audit, 1 note and 1 job";
    assert!(planned.stdout.contains(counts), "{planned:?}");
    let asked_ms = now_ms();
    // The second run finds all of it there.
    for _ in 0..2 {
        let ended = Program::run(&rig, &directory, &flags).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(cluster.number("SELECT count(*) FROM erasure").await, 1);
        // To be swept there, and young enough for that.
        assert_eq!(cluster.number("SELECT count(*) FROM erasure WHERE NOT swept").await, 1);
        assert!(cluster.number("SELECT at_ms FROM erasure").await >= asked_ms);
        // And that the letter was let go of.
        assert_eq!(cluster.number("SELECT count(*) FROM audit").await, 5);
        assert_eq!(cluster.number("SELECT count(*) FROM tenant_section").await, 2);
        assert_eq!(cluster.number("SELECT count(*) FROM destination_secret").await, 1);
        assert_eq!(cluster.number("SELECT version FROM tenant_version").await, 1);
        assert_eq!(cluster.number("SELECT count(*) FROM job").await, 1);
    }

    let letters = DeadLetters::new(Records::new(&SecretString::from(url.clone())).unwrap());
    let acts = letters.audit(9).await.unwrap();
    let who: Vec<&str> = acts.iter().rev().map(|act| &*act.who).collect();
    assert_eq!(who, ["dan", "dan", "ann", "bob", "hubline"]);
    // What the destination verifies with is the same.
    let secret = ["secret", "acme-crm", "--by", "eve"];
    let there = tenants(&secret, &[("DATABASE_URL", &url)]);
    let data = directory.path().to_str().unwrap();
    assert_eq!(tenants(&secret, &[("DATA_DIR", data)]), there);
    let job = letters.jobs().list(None, 9).await.unwrap().remove(0);
    assert_eq!((job.state, &*job.who), (JobState::Cancelled, "bob"));
    assert!(job.reason.contains("job 1 of the standalone"), "{}", job.reason);
    // The late retry dies in the cluster, where nobody may read it.
    drain(&letters, &rig.queues.broker(), MINUTE).await.unwrap();
    let all = letters.list(&Filter::default(), None, 9).await.unwrap().letters;
    let of =
        |id: u64| all.iter().find(|letter| letter.object_id == Some(id.cast_signed())).unwrap();
    assert_eq!((of(CONTACT).body_bytes, &*of(CONTACT).error), (None, ""));
    assert!(of(1).body_bytes.is_some());
    // The problem is called there as it was here.
    assert_eq!(of(1).fingerprint, known);
    let problem = letters.problem(&of(1).fingerprint).await.unwrap().unwrap();
    assert_eq!((problem.dead, problem.note.as_deref()), (1, Some("ask the ERP's people")));
    // A new job is not taken for the old one.
    let scope = Scope::letters(Action::Retry, Filter::default());
    let wish = Wish { scope, cutoff_ms: now_ms(), rate: 1, who: "eve".to_owned() };
    let new = Jobs::new(Records::new(&SecretString::from(url)).unwrap()).create(&wish).await;
    assert!(new.unwrap().unwrap().generation > job.generation);
    drop(letters);
    rig.finish().await;
    cluster.end().await;
}

async fn nothing_is_moved_before_it_is_known_there_whom_to_erase(engine: DatabaseEngine) {
    let (rig, directory) = (Rig::new().await, directory().await);
    let cluster = TestDatabase::new(engine).await;
    let url = cluster.url();
    let records = Records::new(&SecretString::from(url.clone())).unwrap();
    DeadLetters::new(records).audit(1).await.unwrap();
    // Whom to erase cannot be written there.
    cluster.run("DROP TABLE erasure").await;
    let flags = ["--database-url", &url, "--wait", "300ms"];
    let ended = Program::run(&rig, &directory, &flags).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(rig.queues.ready("dead").await, 0, "{ended:?}");
    rig.finish().await;
    cluster.end().await;
}

on_every_database! {
    who_was_erased_stays_so_and_notes_audit_and_jobs_go_along
    nothing_is_moved_before_it_is_known_there_whom_to_erase
}

#[tokio::test(flavor = "multi_thread")]
async fn records_do_not_stay_behind_unless_that_is_wanted() {
    let (rig, directory) = (Rig::new().await, directory().await);
    let before = directory.rows().await;
    let refused = Program::run(&rig, &directory, &[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for words in ["DATABASE_URL", "--without-records", "nothing was changed"] {
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    assert_eq!(directory.rows().await, before);
    let ended = Program::run(&rig, &directory, &["--without-records"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.queues.drain("dead").await.len(), 2);
    rig.finish().await;
}
