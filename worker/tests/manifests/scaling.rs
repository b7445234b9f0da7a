//! Each workload has one that says how many, never two; and no more than the servers can bear.

use serde_json::json;
use worker::parts::records::Records;

use super::installation::Installation;
use super::kustomization::folder;
use super::program::{Program, Settings};
use super::proof::{Complaints, complains, holds, notices};
use super::settings;

/// Messages that all workers together may have in hand: RabbitMQ keeps a note of each.
const MOST_IN_HAND: u64 = 100_000;

fn complaints(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let (id, name) = (workload.manifest.id(), workload.manifest.name());
        let scalers = installation.manifests.iter().filter(|manifest| {
            matches!(manifest.kind(), "HorizontalPodAutoscaler" | "ScaledObject")
                && manifest.text("/spec/scaleTargetRef/name") == name
        });
        let count = scalers.clone().count();
        let says_itself = workload.manifest.number("/spec/replicas").is_some();
        if count + usize::from(says_itself) > 1 {
            complaints.push(format!("{id}: more than one says how many"));
        }
        let needs_one = workload.program != Program::Console;
        if installation.name.starts_with("production") && needs_one && count != 1 {
            complaints.push(format!("{id}: nothing scales it"));
        }
        for scaler in scalers {
            let (least, most) = match scaler.kind() {
                "ScaledObject" => ("/spec/minReplicaCount", "/spec/maxReplicaCount"),
                _ => ("/spec/minReplicas", "/spec/maxReplicas"),
            };
            let (least, most) =
                (scaler.number(least).unwrap_or(0), scaler.number(most).unwrap_or(0));
            if least < 2 || most < least {
                complaints.push(format!(
                    "{}: from {least} to {most} leaves none when one dies",
                    scaler.id()
                ));
            }
            if scaler.kind() == "ScaledObject" {
                let fallback = scaler.number("/spec/fallback/replicas").unwrap_or(0);
                if !(least..=most).contains(&fallback) {
                    complaints.push(format!("{}: falls back to {fallback}", scaler.id()));
                }
                if scaler.text("/spec/fallback/behavior") != "currentReplicasIfHigher" {
                    complaints.push(format!(
                        "{}: a broker that cannot be asked takes workers away",
                        scaler.id()
                    ));
                }
                complaints.extend(bearable(installation, most));
            }
        }
    }
    for scaler in &installation.manifests {
        let target = match scaler.kind() {
            "HorizontalPodAutoscaler" | "ScaledObject" => scaler.text("/spec/scaleTargetRef/name"),
            _ => continue,
        };
        if installation.find("Deployment", target).is_none() {
            complaints.push(format!("{}: there is no {target}", scaler.id()));
        }
    }
    complaints
}

/// What `most` workers at once ask of RabbitMQ and PostgreSQL.
fn bearable(installation: &Installation, most: u64) -> Complaints {
    let mut complaints = Vec::new();
    let worker = installation.workload(Program::Worker);
    let Ok(Settings::Worker(settings)) = settings::read(&worker) else { return complaints };
    let (shards, prefetch) =
        (u64::from(settings.broker.work_shards), u64::from(settings.processing.concurrency));
    let in_hand = most * (shards * prefetch + (prefetch / 10).max(1));
    if in_hand > MOST_IN_HAND {
        complaints.push(format!("{most} workers may have {in_hand} messages in hand"));
    }
    // Pods that drain are not counted as surge: all that go may be there beside all that come. So may the
    // console. The last ones are kept for superusers (`superuser_reserved_connections`).
    let (worker, console) = (Records::WRITING, Records::WRITING + Records::READING);
    let connections = 2 * most * u64::from(worker) + 2 * u64::from(console) + 3;
    let documented = std::fs::read_to_string(folder("../docs/kubernetes.md")).unwrap();
    if !documented.contains(&format!("`max_connections` of {connections} and more")) {
        complaints.push(format!(
            "docs/kubernetes.md does not ask PostgreSQL for {connections} connections"
        ));
    }
    complaints
}

#[test]
fn one_alone_says_how_many() {
    holds(complaints);
    let scaled = "ScaledObject/hubline-worker";
    notices(
        complaints,
        "production",
        [
            ("Deployment/hubline-worker", "/spec/replicas", json!(3), "more than one"),
            (
                "HorizontalPodAutoscaler/hubline-receiver",
                "/spec/scaleTargetRef/name",
                json!("hubline-worker"),
                "more than one",
            ),
            (
                "HorizontalPodAutoscaler/hubline-receiver",
                "/spec/scaleTargetRef/name",
                json!("receiver"),
                "there is no receiver",
            ),
            (
                "HorizontalPodAutoscaler/hubline-receiver",
                "/spec/minReplicas",
                json!(1),
                "none when one dies",
            ),
            (scaled, "/spec/minReplicaCount", json!(0), "none when one dies"),
            (scaled, "/spec/fallback/replicas", json!(100), "falls back"),
            (scaled, "/spec/fallback/behavior", json!(null), "takes workers away"),
            (scaled, "/spec/maxReplicaCount", json!(30), "connections"),
            (scaled, "/spec/maxReplicaCount", json!(100), "messages in hand"),
            ("ConfigMap/hubline-worker", "/data/CONCURRENCY", json!("5000"), "messages in hand"),
        ],
    );
    complains(complaints, &Installation::read("production").without(scaled), "nothing scales it");
}
