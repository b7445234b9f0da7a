//! Custom resources have the fields that their documentation names, of the types that it says. Their
//! operators are not here to refuse what is misspelt: Kubernetes would drop it without a word.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::Manifest;
use super::proof::{Complaints, holds, notices};

/// Kinds of Kubernetes' own, which `kubernetes-validate` knows (see scripts/manifests).
const CORE: [(&str, &str); 13] = [
    ("v1", "ConfigMap"),
    ("v1", "Namespace"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("v1", "PersistentVolumeClaim"),
];

/// The fields of one kind: their paths under `spec`, each with its type and whether it must be there.
type Fields = BTreeMap<String, (String, bool)>;

/// The table, by `apiVersion kind`.
fn documented() -> BTreeMap<String, Fields> {
    let mut kinds = BTreeMap::<String, Fields>::new();
    let mut kind = String::new();
    for line in include_str!("fields.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut kind);
            continue;
        }
        let (path, of) = line.split_once(' ').expect("a path and a type");
        let is_required = path.ends_with('!');
        let path = path.trim_end_matches('!').to_owned();
        let former =
            kinds.entry(kind.clone()).or_default().insert(path, (of.to_owned(), is_required));
        assert!(former.is_none(), "{line} twice");
    }
    kinds
}

fn complaints(installation: &Installation) -> Complaints {
    let (kinds, mut complaints) = (documented(), Vec::new());
    for manifest in &installation.manifests {
        let version = manifest.text("/apiVersion");
        if CORE.contains(&(version, manifest.kind())) {
            continue;
        }
        let id = manifest.id();
        match kinds.get(&format!("{version} {}", manifest.kind())) {
            None => complaints.push(format!("{id}: nobody has looked up {version}")),
            Some(fields) => {
                whole(manifest, &id, &mut complaints);
                object(fields, "", manifest.at("/spec"), &id, &mut complaints);
            }
        }
    }
    complaints
}

/// What is beside `spec`.
fn whole(manifest: &Manifest, id: &str, complaints: &mut Complaints) {
    let known = ["apiVersion", "kind", "metadata", "spec"];
    let keys = manifest.0.as_object().into_iter().flat_map(|map| map.keys());
    for key in keys.filter(|key| !known.contains(&key.as_str())) {
        complaints.push(format!("{id}: there is no {key}"));
    }
}

fn object(fields: &Fields, path: &str, value: &Value, id: &str, complaints: &mut Complaints) {
    let Some(map) = value.as_object() else {
        complaints.push(format!("{id}: {path} has no fields"));
        return;
    };
    let under =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in map {
        match fields.get(&under(name)) {
            None => complaints.push(format!("{id}: there is no {}", under(name))),
            Some((of, _)) => field(fields, &under(name), of, value, id, complaints),
        }
    }
    for (wanted, (_, is_required)) in fields {
        let name = match path {
            "" => Some(wanted.as_str()),
            _ => wanted.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')),
        };
        let name = name.filter(|name| !name.contains(['.', '[']));
        if *is_required && name.is_some_and(|name| !map.contains_key(name)) {
            complaints.push(format!("{id}: {wanted} must be there"));
        }
    }
}

fn field(
    fields: &Fields,
    path: &str,
    of: &str,
    value: &Value,
    id: &str,
    complaints: &mut Complaints,
) {
    let is_right = match of {
        "any" => true,
        "text" => value.is_string(),
        "whole" => value.is_u64(),
        "flag" => value.is_boolean(),
        "map" => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
        "texts" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "object" => return object(fields, path, value, id, complaints),
        "list" => {
            let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
            for item in items {
                object(fields, &format!("{path}[]"), item, id, complaints);
            }
            !items.is_empty()
        }
        words => value.as_str().is_some_and(|value| words.split('|').any(|word| word == value)),
    };
    if !is_right {
        complaints.push(format!("{id}: {path} is {value}, not {of}"));
    }
}

#[test]
fn custom_resources_have_documented_fields_only() {
    holds(complaints);
    let scaled = "ScaledObject/hubline-worker";
    notices(
        complaints,
        "production",
        [
            (scaled, "/spec/maxReplicas", json!(3), "there is no maxReplicas"),
            (scaled, "/spec/minReplicaCount", json!("2"), "minReplicaCount is"),
            (scaled, "/spec/scaleTargetRef/name", json!(null), "scaleTargetRef.name must be there"),
            (scaled, "/spec/triggers/0/metadata/excludeUnacked", json!("false"), "excludeUnacked"),
            (scaled, "/spec/triggers/0/metadata/mode", json!("QueueSize"), "metadata.mode is"),
            (scaled, "/spec/triggers/1/metadata/queueName", json!(null), "queueName must be there"),
            (scaled, "/spec/triggers", json!([]), "triggers is"),
            (scaled, "/apiVersion", json!("keda.sh/v1"), "nobody has looked up"),
            (scaled, "/triggers", json!([]), "there is no triggers"),
            (
                "TriggerAuthentication/hubline-rabbitmq-monitoring",
                "/spec/secretTargetRef/0/parameter",
                json!("user"),
                "parameter is",
            ),
            (
                "RabbitmqCluster/hubline-rabbitmq",
                "/spec/rabbitmq/config",
                json!(""),
                "there is no rabbitmq.config",
            ),
            ("RabbitmqCluster/hubline-rabbitmq", "/spec/replicas", json!("three"), "replicas is"),
            ("Vhost/hubline", "/spec/name", json!(null), "name must be there"),
            ("User/hubline-worker", "/spec/tags", json!("monitoring"), "tags is"),
            (
                "Permission/hubline-worker",
                "/spec/permissions/delete",
                json!("^$"),
                "permissions.delete",
            ),
            ("Policy/hubline-work", "/spec/applyTo", json!("quorum"), "applyTo is"),
            (
                "Policy/hubline-work",
                "/spec/definition/max-lenght-bytes",
                json!(1),
                "max-lenght-bytes",
            ),
            (
                "ExternalSecret/hubline-worker",
                "/spec/target/deletionPolicy",
                json!("Keep"),
                "deletionPolicy is",
            ),
            (
                "ExternalSecret/hubline-worker",
                "/spec/data/0/remoteRef/key",
                json!(null),
                "remoteRef.key must be there",
            ),
            ("ServiceMonitor/hubline", "/spec/endpoints/0/targetport", json!(1), "targetport"),
            ("ServiceMonitor/hubline", "/spec/selector", json!(null), "selector must be there"),
        ],
    );
}
