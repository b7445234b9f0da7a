//! Kubernetes waits longer than a program takes to stop, and takes nothing from who still works.

use std::time::Duration;

use serde_json::json;

use super::installation::Installation;
use super::program::Program;
use super::proof::{Complaints, holds, notices};
use super::settings;

/// For what no constant tells: the process' own end, a machine that is busy.
const ROOM: Duration = Duration::from_secs(5);

fn complaints(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let id = workload.manifest.id();
        let Ok(settings) = settings::read(&workload) else { continue };
        let lifecycle = &workload.pod.list("/spec/containers")[0]["lifecycle"];
        let pause =
            Duration::from_secs(lifecycle["preStop"]["sleep"]["seconds"].as_u64().unwrap_or(0));
        if lifecycle.is_object() && pause.is_zero() {
            complaints.push(format!("{id}: its image has no shell, only `sleep` can be had"));
        }
        let is_sent_to = workload.program != Program::Worker;
        if is_sent_to && pause < Duration::from_secs(5) {
            complaints.push(format!("{id}: load balancers need some seconds to hear that it goes"));
        }
        let needed = pause + settings.drain() + ROOM;
        let grace = workload.pod.number("/spec/terminationGracePeriodSeconds").unwrap_or(30);
        if Duration::from_secs(grace) < needed {
            complaints.push(format!(
                "{id}: terminationGracePeriodSeconds is {grace}, its drain needs {} s",
                needed.as_secs()
            ));
        }
        let strategy = workload.manifest.at("/spec/strategy/rollingUpdate");
        if strategy["maxUnavailable"] != 0 {
            complaints.push(format!("{id}: what works goes before the new is ready"));
        }
    }
    complaints
}

#[test]
fn nobody_is_killed_while_draining() {
    holds(complaints);
    let grace = "/spec/template/spec/terminationGracePeriodSeconds";
    notices(
        complaints,
        "production",
        [
            ("Deployment/hubline-worker", grace, json!(40), "its drain needs"),
            ("Deployment/hubline-receiver", grace, json!(25), "its drain needs"),
            ("Deployment/hubline-console", grace, json!(20), "its drain needs"),
            ("ConfigMap/hubline-worker", "/data/SHUTDOWN_GRACE", json!("2min"), "its drain needs"),
            (
                "Deployment/hubline-receiver",
                "/spec/template/spec/containers/0/lifecycle/preStop/sleep/seconds",
                json!(60),
                "its drain needs",
            ),
            (
                "Deployment/hubline-receiver",
                "/spec/template/spec/containers/0/lifecycle",
                json!(null),
                "load balancers",
            ),
            (
                "Deployment/hubline-receiver",
                "/spec/template/spec/containers/0/lifecycle/preStop",
                json!({"exec": {"command": ["sleep", "10"]}}),
                "no shell",
            ),
            (
                "Deployment/hubline-receiver",
                "/spec/strategy/rollingUpdate/maxUnavailable",
                json!(1),
                "before the new",
            ),
        ],
    );
}
