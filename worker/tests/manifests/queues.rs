//! What is said of queues outside the program is said of queues that the program has: KEDA watches
//! each that workers take from, and no other; limits are on those and fit the broker's disk.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::json;
use shared::broker::Topology;

use super::installation::Installation;
use super::manifest::{Manifest, bytes};
use super::program::{Program, Settings};
use super::proof::{Complaints, complains, holds, notices};
use super::settings;

/// Bytes of a broker's disk for each byte of body: some 3.8 were measured of small events.
const DISK_PER_BODY: u64 = 4;

/// The topology that the worker declares.
pub(crate) fn topology(installation: &Installation) -> Option<Topology> {
    let worker = installation.workload(Program::Worker);
    let Ok(Settings::Worker(settings)) = settings::read(&worker) else { return None };
    let schedule = settings.processing.retry.schedule().ok()?;
    Some(Topology::new(&settings.broker.prefix, settings.broker.work_shards, Some(&schedule)))
}

/// The queues that live events and bulk work wait in.
fn taken(topology: &Topology) -> BTreeSet<String> {
    topology.work_queues().chain([topology.bulk_queue()]).collect()
}

fn watched(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let Some(topology) = topology(installation) else { return complaints };
    let namespace = installation.of_kind("Namespace").next().map_or("", Manifest::name);
    let worker = installation.workload(Program::Worker);
    let Ok(Settings::Worker(settings)) = settings::read(&worker) else { return complaints };
    for scaled in installation.of_kind("ScaledObject") {
        let (id, triggers) = (scaled.id(), scaled.list("/spec/triggers"));
        let names: Vec<_> = triggers
            .iter()
            .map(|trigger| trigger["metadata"]["queueName"].as_str().unwrap_or_default().to_owned())
            .collect();
        let expected = taken(&topology);
        if names.iter().cloned().collect::<BTreeSet<_>>() != expected
            || names.len() != expected.len()
        {
            complaints.push(format!("{id}: watches {names:?}, workers take from {expected:?}"));
        }
        for trigger in triggers {
            let metadata = &trigger["metadata"];
            // Only the management's API tells how many are unacknowledged.
            let counts_all = metadata["protocol"] == "http"
                && metadata["mode"] == "QueueLength"
                && metadata["excludeUnacknowledged"] == "false";
            if trigger["type"] != "rabbitmq" || !counts_all {
                complaints.push(format!("{id}: {metadata} does not count unacknowledged messages"));
            }
            let value = metadata["value"].as_str().and_then(|value| value.parse::<u64>().ok());
            if value.is_none_or(|value| value <= u64::from(settings.processing.concurrency)) {
                complaints.push(format!(
                    "{id}: {value:?} is what one worker holds: it would be scaled for that"
                ));
            }
            let cluster = installation.of_kind("RabbitmqCluster").next().map_or("", Manifest::name);
            let vhost =
                installation.of_kind("Vhost").next().map_or("", |vhost| vhost.text("/spec/name"));
            let host = format!("http://{cluster}.{namespace}.svc:15672/{vhost}");
            if metadata["host"] != host {
                complaints.push(format!("{id}: asks {}, not {host}", metadata["host"]));
            }
            let name = trigger["authenticationRef"]["name"].as_str().unwrap_or_default();
            if installation.find("TriggerAuthentication", name).is_none() {
                complaints.push(format!("{id}: there is no TriggerAuthentication {name}"));
            }
        }
    }
    complaints
}

fn limits(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let Some(topology) = topology(installation) else { return complaints };
    let unlimited: Vec<String> =
        topology.retry_queues().chain([topology.dead_queue(), topology.unrouted_queue()]).collect();
    for policy in installation.of_kind("Policy") {
        let id = policy.id();
        let pattern = Regex::new(policy.text("/spec/pattern")).expect("a pattern");
        let missed: Vec<_> =
            taken(&topology).into_iter().filter(|queue| !pattern.is_match(queue)).collect();
        let hit: Vec<_> = unlimited.iter().filter(|queue| pattern.is_match(queue)).collect();
        if !missed.is_empty() || !hit.is_empty() {
            complaints.push(format!("{id}: misses {missed:?}, hits {hit:?}"));
        }
        let most = policy.number("/spec/definition/max-length-bytes").unwrap_or(u64::MAX / 1024);
        for cluster in installation.of_kind("RabbitmqCluster") {
            let disk = bytes(cluster.text("/spec/persistence/storage"));
            if most.saturating_mul(taken(&topology).len() as u64 * DISK_PER_BODY) > disk / 2 {
                complaints.push(format!("{id}: what may wait does not fit half of the disk"));
            }
        }
    }
    if installation.of_kind("RabbitmqCluster").count() != installation.of_kind("Policy").count() {
        complaints.push("a cluster without limits".to_owned());
    }
    complaints.extend(broker(installation));
    complaints
}

/// RabbitMQ's own configuration, in both ways in which it is written.
fn broker(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let receiver = installation.workload(Program::Receiver);
    let Ok(Settings::Receiver(settings)) = settings::read(&receiver) else { return complaints };
    let clusters = installation
        .of_kind("RabbitmqCluster")
        .map(|cluster| cluster.text("/spec/rabbitmq/additionalConfig"));
    let maps = installation
        .of_kind("ConfigMap")
        .map(|map| map.text("/data/rabbitmq.conf"))
        .filter(|text| !text.is_empty());
    let texts: Vec<_> = clusters.chain(maps).collect();
    for text in &texts {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
            line.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        if value("max_message_size") < settings.endpoint.max_body_bytes as u64 {
            complaints
                .push("max_message_size: a body of MAX_BODY_BYTES would be refused".to_owned());
        }
        if value("consumer_timeout") < 1_800_000 {
            complaints.push("consumer_timeout is shorter than a handler may run".to_owned());
        }
    }
    // The operator tells a RabbitmqCluster by itself; RabbitMQ reads the machine's memory.
    for map in installation.of_kind("ConfigMap") {
        let told = map.text("/data/rabbitmq.conf").lines().find_map(|line| {
            line.strip_prefix("total_memory_available_override_value = ")?.strip_suffix("GB")
        });
        let Some(server) = installation.find("StatefulSet", map.name()) else { continue };
        let limit = server.text("/spec/template/spec/containers/0/resources/limits/memory");
        if !map.text("/data/rabbitmq.conf").is_empty() && told != limit.strip_suffix("Gi") {
            complaints.push(format!("{}: told of {told:?} GB, may have {limit}", map.id()));
        }
    }
    if texts.len() != 1 {
        complaints.push(format!("{} brokers", texts.len()));
    }
    for cluster in installation.of_kind("RabbitmqCluster") {
        if cluster.number("/spec/replicas") != Some(3) {
            complaints.push("three nodes, or a quorum is none".to_owned());
        }
        if cluster.at("/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/labelSelector/matchLabels")
            != &json!({"app.kubernetes.io/name": cluster.name()})
        {
            complaints.push("nodes may share a machine".to_owned());
        }
    }
    complaints
}

#[test]
fn keda_watches_every_queue_that_workers_take_from() {
    holds(watched);
    let scaled = "ScaledObject/hubline-worker";
    notices(
        watched,
        "production",
        [
            ("ConfigMap/hubline-common", "/data/WORK_SHARDS", json!("8"), "workers take from"),
            ("ConfigMap/hubline-common", "/data/PREFIX", json!("other"), "workers take from"),
            (
                scaled,
                "/spec/triggers/4/metadata/queueName",
                json!("hubline.work.3"),
                "workers take from",
            ),
            (
                scaled,
                "/spec/triggers/0/metadata/excludeUnacknowledged",
                json!("true"),
                "unacknowledged",
            ),
            (scaled, "/spec/triggers/0/metadata/protocol", json!("amqp"), "unacknowledged"),
            (scaled, "/spec/triggers/0/metadata/value", json!("400"), "one worker holds"),
            (scaled, "/spec/triggers/0/metadata/host", json!("http://rabbitmq:15672/"), "asks"),
            (
                scaled,
                "/spec/triggers/0/authenticationRef/name",
                json!("other"),
                "no TriggerAuthentication",
            ),
            ("Namespace/hubline", "/metadata/name", json!("other"), "asks"),
        ],
    );
}

#[test]
fn limits_are_on_the_queues_that_may_have_one() {
    holds(limits);
    let (policy, cluster) = ("Policy/hubline-work", "RabbitmqCluster/hubline-rabbitmq");
    notices(
        limits,
        "production",
        [
            (policy, "/spec/pattern", json!("^hubline\\."), "hits"),
            (policy, "/spec/pattern", json!("^hubline\\.work\\."), "misses"),
            (policy, "/spec/definition/max-length-bytes", json!(null), "half of the disk"),
            (policy, "/spec/definition/max-length-bytes", json!(4_u64 << 30), "half of the disk"),
            (cluster, "/spec/persistence/storage", json!("20Gi"), "half of the disk"),
            (cluster, "/spec/replicas", json!(2), "three nodes"),
            (cluster, "/spec/affinity", json!(null), "share a machine"),
            (
                cluster,
                "/spec/rabbitmq/additionalConfig",
                json!("consumer_timeout = 1800000"),
                "max_message_size",
            ),
            (
                cluster,
                "/spec/rabbitmq/additionalConfig",
                json!("max_message_size = 20971520"),
                "consumer_timeout",
            ),
            (
                "ConfigMap/hubline-receiver",
                "/data/MAX_BODY_BYTES",
                json!("64MiB"),
                "would be refused",
            ),
        ],
    );
    complains(limits, &Installation::read("production").without(policy), "without limits");
    notices(
        limits,
        "dev",
        [(
            "StatefulSet/hubline-rabbitmq",
            "/spec/template/spec/containers/0/resources/limits/memory",
            json!("2Gi"),
            "may have 2Gi",
        )],
    );
}
