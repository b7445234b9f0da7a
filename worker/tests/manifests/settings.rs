//! Every variable is a setting of the program that gets it, is read by that program's own parser, and
//! fits the others by its own checks. All share one topology and one retry schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::installation::{Installation, Workload};
use super::program::{Program, Settings};
use super::proof::{Complaints, holds, notices};

/// Where secrets are mounted.
pub(crate) const SECRETS: &str = "/run/secrets/hubline/";

/// What `environment` makes of the program, without what is in its secrets' files.
pub(crate) fn read(workload: &Workload<'_>) -> Result<Settings, String> {
    workload.program.read(&workload.environment)
}

fn complaints(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let id = workload.manifest.id();
        let known: BTreeSet<_> = workload.program.names().into_iter().collect();
        for name in workload.environment.keys() {
            if !known.contains(name) {
                complaints.push(format!("{id}: {name} is no setting of its program"));
            }
            if known.contains(&format!("{name}_FILE")) {
                complaints.push(format!("{id}: {name} is a secret: give it as {name}_FILE"));
            }
        }
        if let Err(error) = checked(&workload) {
            complaints.push(format!("{id}: {error}"));
        }
    }
    for name in [
        "PREFIX",
        "WORK_SHARDS",
        "RETRY_INITIAL",
        "RETRY_MULTIPLIER",
        "RETRY_MAX",
        "RETRY_ATTEMPTS",
    ] {
        let sharing = installation
            .workloads()
            .filter(|workload| workload.program != Program::Receiver || !name.starts_with("RETRY"));
        let values: BTreeSet<_> =
            sharing.map(|workload| workload.environment.get(name).cloned()).collect();
        if values.len() != 1 {
            complaints.push(format!("{name} is not the same everywhere: {values:?}"));
        }
    }
    complaints
}

/// The program's own checks, with something plausible in each secret's file.
fn checked(workload: &Workload<'_>) -> Result<(), String> {
    let folder = Folder::new();
    let mut environment: BTreeMap<_, _> = workload.environment.clone();
    for (name, value) in &mut environment {
        let Some(key) = value.strip_prefix(SECRETS).map(str::to_owned) else { continue };
        let file = folder.0.join(&key);
        fs::write(&file, plausible(name, &key)).unwrap();
        file.to_str().unwrap().clone_into(value);
    }
    workload.program.read(&environment)?.check()
}

fn plausible(name: &str, key: &str) -> String {
    match name {
        "AMQP_URL_FILE" => "amqp://user:password@hubline-rabbitmq:5672/hubline".to_owned(),
        "REDIS_URL_FILE" => "redis://:password@hubline-redis:6379/0".to_owned(),
        "DATABASE_URL_FILE" => "postgres://user:password@hubline-postgres:5432/hubline".to_owned(),
        _ => format!("a long secret for {key}"),
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("hubline-secrets-{:032x}", rand::random::<u128>());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_variable_is_a_setting_that_the_program_takes() {
    holds(complaints);
    notices(
        complaints,
        "production",
        [
            (
                "ConfigMap/hubline-worker",
                "/data/CONCURENCY",
                json!("400"),
                "CONCURENCY is no setting",
            ),
            ("ConfigMap/hubline-worker", "/data/CONCURRENCY", json!("many"), "concurrency"),
            ("ConfigMap/hubline-worker", "/data/LEASE", json!("30s"), "LEASE (30s) must be longer"),
            ("ConfigMap/hubline-worker", "/data/SLACK_BOT_TOKEN", json!("xoxb"), "is a secret"),
            (
                "ConfigMap/hubline-worker",
                "/data/WORK_SHARDS",
                json!("8"),
                "WORK_SHARDS is not the same",
            ),
            (
                "ConfigMap/hubline-console",
                "/data/RETRY_MAX",
                json!("1h"),
                "RETRY_MAX is not the same",
            ),
            ("ConfigMap/hubline-receiver", "/data/PUBLISH_TIMEOUT", json!("9s"), "PUBLISH_TIMEOUT"),
            (
                "ConfigMap/hubline-receiver",
                "/data/RETRY_MAX",
                json!("1h"),
                "RETRY_MAX is no setting",
            ),
        ],
    );
    notices(
        complaints,
        "dev",
        [(
            "ConfigMap/hubline-console",
            "/data/CONSOLE_TOKEN_FILE",
            json!(null),
            "set CONSOLE_TOKEN",
        )],
    );
}
