//! Who reaches whom: all that the programs need, and nothing else.

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::{Manifest, selects};
use super::network::End::{self, Address, Other, Own};
use super::network::{Flow, flow};
use super::proof::{Complaints, complains, holds, notices};

const RECEIVER: End = Own("hubline-receiver");
const WORKER: End = Own("hubline-worker");
const CONSOLE: End = Own("hubline-console");
const RABBITMQ: End = Own("hubline-rabbitmq");

fn in_namespace(namespace: &'static str) -> End {
    Other(namespace, json!({}))
}

fn dns() -> End {
    Other("kube-system", json!({"k8s-app": "kube-dns"}))
}

/// Redis and PostgreSQL: beside Hubline in dev, elsewhere in production.
fn stores(installation: &Installation) -> (End, End) {
    if installation.name.starts_with("dev") {
        (Own("hubline-redis"), Own("hubline-postgres"))
    } else {
        (in_namespace("stores"), in_namespace("stores"))
    }
}

const PUBLIC: [&str; 3] = ["104.16.1.1", "52.95.110.1", "2606:4700::6810:101"];
const PRIVATE: [&str; 14] = [
    "10.0.0.1",
    "10.96.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "0.0.0.0",
    "::1",
    "fd00:ec2::254",
    "fe80::1",
    "64:ff9b::a9fe:a9fe",
    "2002:a00:1::",
];

/// Where tenants' databases are, which only workers call.
const DATABASES: [u64; 2] = [5432, 6432];

fn needed(installation: &Installation) -> Vec<Flow> {
    let (redis, postgres) = stores(installation);
    let mut flows = vec![
        flow(in_namespace("ingress"), RECEIVER, 8080),
        flow(RECEIVER, RABBITMQ, 5672),
        flow(WORKER, RABBITMQ, 5672),
        flow(CONSOLE, RABBITMQ, 5672),
        flow(WORKER, redis, 6379),
        flow(WORKER, postgres.clone(), 5432),
        flow(CONSOLE, postgres, 5432),
        flow(CONSOLE, RECEIVER, 9090),
        flow(CONSOLE, WORKER, 9091),
        flow(CONSOLE, RABBITMQ, 15692),
        flow(in_namespace("monitoring"), RECEIVER, 9090),
        flow(in_namespace("monitoring"), WORKER, 9091),
        flow(in_namespace("monitoring"), CONSOLE, 9092),
    ];
    for own in [RECEIVER, WORKER, CONSOLE, RABBITMQ] {
        flows.push(flow(own.clone(), dns(), 53));
        flows.push(Flow { from: own, to: dns(), port: 53, protocol: "UDP" });
    }
    for address in PUBLIC {
        flows.push(flow(WORKER, Address(address), 443));
        flows.push(flow(CONSOLE, Address(address), 443));
        for port in DATABASES {
            flows.push(flow(WORKER, Address(address), port));
        }
    }
    if installation.name.starts_with("production") {
        flows.extend([
            flow(RABBITMQ, RABBITMQ, 4369),
            flow(RABBITMQ, RABBITMQ, 25672),
            flow(RABBITMQ, RABBITMQ, 35675),
            flow(in_namespace("keda"), RABBITMQ, 15672),
            flow(in_namespace("rabbitmq-system"), RABBITMQ, 15672),
            flow(in_namespace("monitoring"), RABBITMQ, 15692),
        ]);
    }
    flows
}

fn forbidden(installation: &Installation) -> Vec<Flow> {
    let (redis, postgres) = stores(installation);
    let mut flows = vec![
        flow(in_namespace("ingress"), RECEIVER, 9090),
        flow(in_namespace("ingress"), WORKER, 9091),
        flow(in_namespace("ingress"), CONSOLE, 9092),
        flow(in_namespace("ingress"), CONSOLE, 8090),
        flow(in_namespace("default"), RECEIVER, 8080),
        flow(in_namespace("default"), CONSOLE, 8090),
        flow(in_namespace("default"), RABBITMQ, 5672),
        flow(in_namespace("monitoring"), RECEIVER, 8080),
        flow(in_namespace("monitoring"), RABBITMQ, 15672),
        flow(in_namespace("keda"), RABBITMQ, 5672),
        flow(RECEIVER, redis.clone(), 6379),
        flow(RECEIVER, postgres, 5432),
        flow(RECEIVER, WORKER, 9091),
        flow(CONSOLE, redis, 6379),
        flow(WORKER, RECEIVER, 9090),
        flow(WORKER, CONSOLE, 8090),
        flow(WORKER, RABBITMQ, 15672),
        flow(CONSOLE, RABBITMQ, 15672),
        flow(WORKER, RABBITMQ, 15692),
        flow(RECEIVER, RABBITMQ, 15692),
        flow(in_namespace("default"), RABBITMQ, 15692),
        flow(RABBITMQ, WORKER, 9091),
        flow(WORKER, in_namespace("default"), 443),
        flow(WORKER, Other("kube-system", json!({})), 53),
        flow(Address("104.16.1.1"), RECEIVER, 8080),
    ];
    for own in [RECEIVER, WORKER, CONSOLE, RABBITMQ] {
        for port in [443, 80, 6379, 5432, 6432] {
            flows.extend(PRIVATE.map(|address| flow(own.clone(), Address(address), port)));
        }
        flows.push(flow(own, Address(PUBLIC[0]), 80));
    }
    for own in [RECEIVER, RABBITMQ] {
        flows.extend(PUBLIC.map(|address| flow(own.clone(), Address(address), 443)));
    }
    for port in DATABASES {
        for own in [RECEIVER, CONSOLE, RABBITMQ] {
            flows.extend(PUBLIC.map(|address| flow(own.clone(), Address(address), port)));
        }
    }
    flows
}

fn complaints(installation: &Installation) -> Complaints {
    let tell = |flow: &Flow| format!("{:?} to {:?}, {}", flow.from, flow.to, flow.port);
    let missing = needed(installation).into_iter().filter(|flow| !flow.is_allowed(installation));
    let open = forbidden(installation).into_iter().filter(|flow| flow.is_allowed(installation));
    missing
        .map(|flow| format!("cannot: {}", tell(&flow)))
        .chain(open.map(|flow| format!("can: {}", tell(&flow))))
        .collect()
}

/// Every policy picks somebody: one that picks nobody is a slip.
fn picks(installation: &Installation) -> Complaints {
    let clusters = installation.of_kind("RabbitmqCluster").map(Manifest::name);
    let names: Vec<_> = installation
        .pods()
        .map(|(_, pod)| pod.text("/metadata/labels/app.kubernetes.io~1name").to_owned())
        .chain(clusters.map(str::to_owned))
        .collect();
    let picked = |selector: &Value| {
        names.iter().any(|name| selects(selector, &json!({"app.kubernetes.io/name": name})))
    };
    let mut complaints = Vec::new();
    for policy in installation.of_kind("NetworkPolicy") {
        if !picked(policy.at("/spec/podSelector")) {
            complaints.push(format!("{}: picks nobody", policy.id()));
        }
    }
    complaints
}

#[test]
fn everybody_reaches_what_they_need_and_nothing_else() {
    holds(complaints);
    notices(
        complaints,
        "production",
        [
            (
                "NetworkPolicy/internet",
                "/spec/egress/0/to/0/ipBlock/except",
                json!(["10.0.0.0/8"]),
                "can: Own(\"hubline-worker\") to Address(\"169.254.169.254\")",
            ),
            (
                "NetworkPolicy/internet",
                "/spec/egress/0/to/1/ipBlock/cidr",
                json!("::/0"),
                "can: Own(\"hubline-worker\") to Address(\"fd00:ec2::254\")",
            ),
            (
                "NetworkPolicy/internet",
                "/spec/egress/0/to/0/ipBlock/cidr",
                json!("10.0.0.0/8"),
                "cannot: Own(\"hubline-worker\") to Address(\"104.16.1.1\")",
            ),
            (
                "NetworkPolicy/databases",
                "/spec/egress/0/to/1/ipBlock/cidr",
                json!("::/0"),
                "can: Own(\"hubline-worker\") to Address(\"fd00:ec2::254\")",
            ),
            (
                "NetworkPolicy/internet",
                "/spec/podSelector",
                json!({}),
                "can: Own(\"hubline-receiver\") to Address",
            ),
            (
                "NetworkPolicy/hubline-receiver",
                "/spec/ingress/0/ports/0/port",
                json!(9090),
                "can: Other(\"ingress\"",
            ),
            (
                "NetworkPolicy/hubline-receiver",
                "/spec/ingress/1/from/1",
                json!({"namespaceSelector": {}}),
                "can: Other(\"ingress\"",
            ),
            (
                "NetworkPolicy/hubline-receiver",
                "/spec/egress/0/ports/0/port",
                json!(5671),
                "cannot: Own(\"hubline-receiver\")",
            ),
            (
                "NetworkPolicy/hubline-rabbitmq",
                "/spec/ingress/0/from/0",
                json!({"podSelector": {}, "namespaceSelector": {}}),
                "can: Other(\"default\"",
            ),
            (
                "NetworkPolicy/dns",
                "/spec/egress/0/to/0/podSelector",
                json!({}),
                "can: Own(\"hubline-worker\") to Other(\"kube-system\"",
            ),
        ],
    );
    let open = Installation::read("production").without("NetworkPolicy/default-deny");
    let open = open.without("NetworkPolicy/hubline-receiver").without("NetworkPolicy/dns");
    complains(complaints, &open, "can: Other(\"default\", Object {}) to Own(\"hubline-receiver\")");
}

#[test]
fn every_policy_picks_somebody() {
    holds(picks);
    notices(
        picks,
        "production",
        [(
            "NetworkPolicy/hubline-worker",
            "/spec/podSelector/matchLabels/app.kubernetes.io~1name",
            json!("worker"),
            "picks nobody",
        )],
    );
}
