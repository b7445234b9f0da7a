#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use clap::Parser;

use super::*;
use crate::records::Records;
use crate::trial::Directory;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=";

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    settings: TenantSettings,
}

/// Two destinations, whose secrets are read one after the other.
fn text(directory: &Path) -> String {
    let one = |name: &str, portal: u64| {
        let secret = directory.join(name);
        format!(
            "[tenants.{name}]\norigin = \"hubspot/{portal}\"\n\
             [destinations.{name}]\ntenant = \"{name}\"\nurl = \"https://hooks.{name}.example/\"\n\
             secret = {{ file = \"{}\" }}\n",
            secret.display()
        )
    };
    [one("acme", 1), one("umbrella", 2)].concat()
}

/// While the second one is read, which takes its time, the first one becomes another.
#[tokio::test]
async fn a_secret_that_changes_while_they_are_read_is_taken_at_the_next_look() {
    let directory = Directory::new("watch").unwrap();
    let (first, second) = (directory.0.join("acme"), directory.0.join("umbrella"));
    std::fs::write(&first, SECRET).unwrap();
    assert!(Command::new("mkfifo").arg(&second).status().unwrap().success());
    let file = directory.0.join("tenants.toml");
    std::fs::write(&file, text(&directory.0)).unwrap();
    let changed = std::thread::spawn(move || {
        // Opens once somebody reads it, who has read the first one then.
        let mut slow = std::fs::File::options().write(true).open(&second).unwrap();
        std::fs::write(&first, OTHER).unwrap();
        let ready = second.with_extension("ready");
        std::fs::write(&ready, SECRET).unwrap();
        std::fs::rename(ready, second).unwrap();
        slow.write_all(SECRET.as_bytes()).unwrap();
    });
    let secrets = directory.0.display().to_string();
    let settings = Parsed::parse_from(["test", "--tenant-secrets-dir", &secrets]).settings;
    let times = (Duration::from_secs(10), Duration::ZERO);
    let (source, mut registry) = (Some(Source::of_file(file.clone(), None)), Registry::default());
    let metrics = WorkerMetrics::register(&mut registry, false);
    let opened = DirectoryWatch::open((&settings, None), source, times, &metrics, &mut registry);
    let (mut watch, routes) = opened.unwrap().unwrap();
    assert!(routes.is_some());
    changed.join().unwrap();
    let view = view_of(&file).unwrap();
    let mut look = || watch.reader.look(&view, true).unwrap().is_some();
    assert!(look(), "what was taken had the secret before");
    assert!(!look(), "and it is the one that is at work");
}

/// Where portals install the app, a text alone does not say who has it.
#[tokio::test]
async fn a_file_is_known_once_it_is_known_who_is_without_the_app_and_then_at_once() {
    let directory = Directory::new("watch-first").unwrap();
    let file = directory.0.join("tenants.toml");
    std::fs::write(&file, "tenants.acme = { origin = \"hubspot/1\" }\n").unwrap();
    let url = format!("sqlite:{}", directory.0.join("records.db").display());
    let records = Records::new(&SecretString::from(url)).unwrap();
    let settings = Parsed::parse_from(["test"]).settings;
    let times = (Duration::from_secs(10), Duration::ZERO);
    for (installations, is_known) in [(None, true), (Some(records.clone()), false)] {
        let source = Some(Source::of_file(file.clone(), installations));
        let mut registry = Registry::default();
        let metrics = WorkerMetrics::register(&mut registry, false);
        let opened =
            DirectoryWatch::open((&settings, None), source, times, &metrics, &mut registry);
        let (mut watch, routes) = opened.unwrap().unwrap();
        assert_eq!(routes.is_some(), is_known);
        let view = watch.source.view().await.unwrap();
        let looked = watch.reader.look(&view, watch.source.is_whole()).unwrap();
        assert_eq!(looked.is_some(), !is_known, "what is known is not taken again");
    }
    records.close().await;
}
