//! Prometheus scrapes every program, by a port that is there, under the job that rules and dashboards
//! know it by.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::selects;
use super::proof::{Complaints, complains, holds, notices};

const JOBS: [&str; 4] = ["hubline-console", "hubline-receiver", "hubline-worker", "rabbitmq"];

/// Labels and ports of every Service: RabbitMQ's is made by its operator.
fn services(installation: &Installation) -> Vec<(Value, Vec<String>)> {
    let own = installation.of_kind("Service").map(|service| {
        let ports = service.list("/spec/ports").iter().filter_map(|port| port["name"].as_str());
        (service.labels().clone(), ports.map(str::to_owned).collect())
    });
    let operators = installation.of_kind("RabbitmqCluster").map(|cluster| {
        let labels = json!({
            "app.kubernetes.io/name": cluster.name(),
            "app.kubernetes.io/component": "rabbitmq",
            "app.kubernetes.io/part-of": "rabbitmq",
        });
        (labels, vec!["amqp".to_owned(), "management".to_owned(), "prometheus".to_owned()])
    });
    own.chain(operators).collect()
}

fn complaints(installation: &Installation) -> Complaints {
    let (mut complaints, mut jobs) = (Vec::new(), BTreeSet::new());
    for monitor in installation.of_kind("ServiceMonitor") {
        let id = monitor.id();
        let job = monitor.text("/spec/jobLabel");
        for (labels, ports) in services(installation) {
            if !selects(monitor.at("/spec/selector"), &labels) {
                continue;
            }
            for endpoint in monitor.list("/spec/endpoints") {
                let port = endpoint["port"].as_str().unwrap_or_default();
                if !ports.iter().any(|found| found == port) || endpoint["path"] != "/metrics" {
                    complaints.push(format!("{id}: {endpoint} is not there"));
                }
            }
            jobs.insert(labels[job].as_str().unwrap_or_default().to_owned());
        }
    }
    // Without Prometheus' operator there are no monitors; with it none may be missing.
    let is_monitored = installation.name.starts_with("production");
    let expected: &[&str] = if is_monitored { &JOBS } else { &[] };
    if !jobs.iter().eq(expected) {
        complaints.push(format!("the jobs are {jobs:?}, not {expected:?}"));
    }
    complaints
}

#[test]
fn every_program_is_scraped_under_its_job() {
    holds(complaints);
    let hubline = "ServiceMonitor/hubline";
    notices(
        complaints,
        "production",
        [
            (hubline, "/spec/endpoints/0/port", json!("metrics"), "is not there"),
            (hubline, "/spec/endpoints/0/path", json!("/"), "is not there"),
            (hubline, "/spec/jobLabel", json!(null), "the jobs are"),
            (
                hubline,
                "/spec/selector/matchLabels/app.kubernetes.io~1component",
                json!("pages"),
                "the jobs are",
            ),
            (
                "Service/hubline-worker-admin",
                "/metadata/labels/app.kubernetes.io~1name",
                json!("worker"),
                "the jobs are",
            ),
        ],
    );
    let without = Installation::read("production").without("ServiceMonitor/hubline-rabbitmq");
    complains(complaints, &without, "the jobs are");
}
