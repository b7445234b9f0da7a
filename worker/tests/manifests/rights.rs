//! What each program may do on RabbitMQ: all that it does, and no more. The same in dev and production.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Value, json};

use super::installation::{Installation, OVERLAYS};
use super::kustomization::folder;
use super::manifest::Manifest;
use super::proof::{Complaints, complains, holds, notices};
use super::queues::topology;

const RIGHTS: [&str; 3] = ["configure", "write", "read"];

/// The rights of each user, from Permissions, or from what the broker of dev loads.
fn rights(installation: &Installation) -> BTreeMap<String, Value> {
    let custom: BTreeMap<_, _> = installation
        .of_kind("Permission")
        .filter_map(|permission| {
            let name = permission.text("/spec/userReference/name");
            let user = installation.find("User", name)?;
            let secret = user.text("/spec/importCredentialsSecret/name");
            let credentials = installation.find("ExternalSecret", secret)?;
            let name = credentials.text("/spec/target/template/data/username").to_owned();
            Some((name, permission.at("/spec/permissions").clone()))
        })
        .collect();
    if !custom.is_empty() {
        return custom;
    }
    let definitions = definitions();
    let listed = definitions["permissions"].as_array().cloned().unwrap_or_default();
    listed.into_iter().map(|right| (right["user"].as_str().unwrap().to_owned(), right)).collect()
}

/// What the broker of dev loads.
fn definitions() -> Value {
    read("overlays/dev/rabbitmq/definitions.json")
}

/// A file of JSON, from `k8s` on.
fn read(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder(file)).unwrap()).unwrap()
}

fn complaints(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let Some(topology) = topology(installation) else { return complaints };
    let prefix = topology.bulk_queue().trim_end_matches(".bulk").to_owned();
    let exchanges = ["events", "retry", "dead", "unrouted"].map(|name| format!("{prefix}.{name}"));
    let queues: Vec<String> = topology
        .work_queues()
        .chain(topology.retry_queues())
        .chain([topology.bulk_queue(), topology.dead_queue(), topology.unrouted_queue()])
        .collect();
    let everything: Vec<String> = exchanges.iter().cloned().chain(queues).collect();
    // `amq.default` is how RabbitMQ asks for the exchange without a name.
    let others = [
        "amq.default",
        "amq.topic",
        "amq.gen-x",
        "other.events",
        "hublines.events",
        "hubline.other",
        "hubline.work.0.old",
    ];
    let others = others.map(str::to_owned);
    let published = [exchanges[0].clone(), exchanges[2].clone()];
    // Exchange and queue have one name.
    let letters = [exchanges[2].clone(), exchanges[3].clone()];
    let written = [exchanges[0].clone(), exchanges[2].clone(), exchanges[3].clone()];
    let rights = rights(installation);
    for program in ["receiver", "worker", "console", "monitoring"] {
        let Some(allowed) = rights.get(program) else {
            // Dev has no KEDA that would ask.
            if program != "monitoring" || installation.name.starts_with("production") {
                complaints.push(format!("{program} has no rights"));
            }
            continue;
        };
        for right in RIGHTS {
            let pattern = Regex::new(allowed[right].as_str().unwrap_or(".*")).expect("a pattern");
            let needed: Vec<&String> = match (program, right) {
                ("receiver", "write") => published.iter().collect(),
                ("receiver" | "monitoring", _) => Vec::new(),
                ("console", "write") => written.iter().collect(),
                ("console", _) => letters.iter().collect(),
                _ => everything.iter().collect(),
            };
            for name in everything.iter().chain(&others) {
                if pattern.is_match(name) != needed.contains(&name) {
                    let is = if pattern.is_match(name) { "may" } else { "may not" };
                    complaints.push(format!("{program} {is} {right} {name:?}"));
                }
            }
        }
    }
    for user in installation.of_kind("User") {
        let tags =
            if user.name().ends_with("monitoring") { json!(["monitoring"]) } else { Value::Null };
        if *user.at("/spec/tags") != tags {
            complaints.push(format!("{}: has the tags {}", user.id(), user.at("/spec/tags")));
        }
    }
    complaints.extend(places(installation));
    complaints
}

/// Users, rights and policies are of one cluster and one vhost, where the programs go.
fn places(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let Some(vhost) = installation.of_kind("Vhost").next() else { return complaints };
    let (vhost, cluster) = (
        vhost.text("/spec/name"),
        installation.of_kind("RabbitmqCluster").next().map_or("", Manifest::name),
    );
    for manifest in &installation.manifests {
        if matches!(manifest.kind(), "Vhost" | "User" | "Permission" | "Policy")
            && manifest.text("/spec/rabbitmqClusterReference/name") != cluster
        {
            complaints.push(format!("{}: is of another cluster", manifest.id()));
        }
        if matches!(manifest.kind(), "Permission" | "Policy")
            && manifest.text("/spec/vhost") != vhost
        {
            complaints.push(format!("{}: is of another vhost", manifest.id()));
        }
        let address = manifest.text("/spec/target/template/data/amqp-url");
        if !address.is_empty() && !address.ends_with(&format!("@{cluster}:5672/{vhost}")) {
            complaints.push(format!("{}: {address} is another broker", manifest.id()));
        }
    }
    complaints
}

#[test]
fn each_program_may_do_what_it_does_and_no_more() {
    holds(complaints);
    notices(
        complaints,
        "production",
        [
            (
                "Permission/hubline-receiver",
                "/spec/permissions/write",
                json!("^hubline\\..*$"),
                "receiver may write",
            ),
            (
                "Permission/hubline-receiver",
                "/spec/permissions/write",
                json!("^hubline\\.events$"),
                "receiver may not write \"hubline.dead\"",
            ),
            (
                "Permission/hubline-receiver",
                "/spec/permissions/read",
                json!(".*"),
                "receiver may read",
            ),
            (
                "Permission/hubline-worker",
                "/spec/permissions/configure",
                json!("^hubline"),
                "worker may configure \"hublines.events\"",
            ),
            (
                "Permission/hubline-worker",
                "/spec/permissions/configure",
                json!("^$"),
                "worker may not configure \"hubline.work.0\"",
            ),
            (
                "Permission/hubline-worker",
                "/spec/permissions/configure",
                json!("^hubline\\..*$"),
                "worker may configure \"hubline.other\"",
            ),
            (
                "Permission/hubline-console",
                "/spec/permissions/read",
                json!("^hubline\\..*$"),
                "console may read \"hubline.work.0\"",
            ),
            (
                "Permission/hubline-console",
                "/spec/permissions/write",
                json!("^hubline\\.(events|dead)$"),
                "console may not write \"hubline.unrouted\"",
            ),
            (
                "ConfigMap/hubline-common",
                "/data/PREFIX",
                json!("other"),
                "may not write \"other.events\"",
            ),
            ("Permission/hubline-worker", "/spec/vhost", json!("/"), "another vhost"),
            ("User/hubline-worker", "/spec/tags", json!(["administrator"]), "has the tags"),
            (
                "User/hubline-worker",
                "/spec/rabbitmqClusterReference/name",
                json!("other"),
                "another cluster",
            ),
            (
                "ExternalSecret/hubline-worker",
                "/spec/target/template/data/amqp-url",
                json!("amqp://worker@other:5672/hubline"),
                "another broker",
            ),
        ],
    );
    let without = Installation::read("production").without("Permission/hubline-monitoring");
    complains(complaints, &without, "monitoring has no rights");
}

#[test]
fn dev_has_the_rights_and_policies_of_production() {
    let production = Installation::read("production");
    let definitions = definitions();
    let expected = rights(&production);
    for right in definitions["permissions"].as_array().unwrap() {
        for name in RIGHTS {
            let user = right["user"].as_str().unwrap();
            assert_eq!(right[name], expected[user][name], "{user} {name}");
        }
    }
    let policy = production.of_kind("Policy").next().unwrap();
    let own = &definitions["policies"][0];
    for (name, expected) in [
        ("name", "name"),
        ("vhost", "vhost"),
        ("pattern", "pattern"),
        ("apply-to", "applyTo"),
        ("priority", "priority"),
    ] {
        assert_eq!(own[name], *policy.at(&format!("/spec/{expected}")), "{name}");
    }
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&own["definition"]), keys(policy.at("/spec/definition")));
}

/// Compose's rights are tried on a broker (worker/tests/compose), so these are tried too.
#[test]
fn rights_are_those_of_compose() {
    let compose = read("../compose/rabbitmq/definitions.json");
    let mut own = BTreeMap::new();
    for right in compose["permissions"].as_array().unwrap() {
        let user = right["user"].as_str().unwrap().strip_prefix("hubline-").unwrap();
        own.insert(user.to_owned(), RIGHTS.map(|name| right[name].clone()));
    }
    for overlay in OVERLAYS {
        let mut rights = rights(&Installation::read(overlay));
        // For KEDA, which compose has not.
        rights.remove("monitoring");
        let rights: BTreeMap<_, _> = rights
            .into_iter()
            .map(|(user, right)| (user, RIGHTS.map(|name| right[name].clone())))
            .collect();
        assert_eq!(rights, own, "{overlay}");
    }
}
