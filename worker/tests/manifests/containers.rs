//! Containers are of this version, listen where their settings say, are probed so that nobody is
//! restarted for what somebody else has, and have memory for what they may have in hand.

use serde_json::json;

use super::installation::Installation;
use super::manifest::{Manifest, bytes};
use super::program::Settings;
use super::proof::{Complaints, holds, notices};
use super::settings;

fn image(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for (manifest, pod) in installation.pods() {
        for container in pod.list("/spec/containers") {
            let image = container["image"].as_str().unwrap_or_default();
            let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
            let is_ours = image.contains("hubline/");
            if tag.is_empty() || tag == "latest" {
                complaints.push(format!("{}: {image} is another one each day", manifest.id()));
            } else if is_ours && tag != "dev" && tag != env!("CARGO_PKG_VERSION") {
                complaints.push(format!("{}: {image} is not this version", manifest.id()));
            } else if tag == "dev" && !installation.name.starts_with("dev") {
                complaints.push(format!("{}: {image} is no release", manifest.id()));
            }
        }
    }
    complaints
}

fn listening(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let id = workload.manifest.id();
        let Ok(settings) = settings::read(&workload) else { continue };
        let container = &workload.pod.list("/spec/containers")[0];
        let listeners = settings.listeners();
        let ports = container["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
        for port in ports {
            let name = port["name"].as_str().unwrap_or_default();
            match listeners.get(name) {
                Some(address) if !address.ip().is_unspecified() => {
                    complaints.push(format!("{id}: {name} listens on {address}, for itself"));
                }
                Some(address) if port["containerPort"] == address.port() => {}
                found => {
                    complaints.push(format!("{id}: {name} is {port}, it listens on {found:?}"));
                }
            }
        }
        if ports.len() != listeners.len() {
            complaints.push(format!("{id}: it has other ports than it listens on"));
        }
        for (probe, path) in
            [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
        {
            let request = &container[probe]["httpGet"];
            if request["path"] != path || request["port"] != "admin" {
                complaints.push(format!("{id}: {probe} asks {request}, not {path} of admin"));
            }
        }
    }
    complaints
}

/// What a pod may take holds what its program may have in hand.
fn memory(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let id = workload.manifest.id();
        let container = Manifest(workload.pod.list("/spec/containers")[0].clone());
        let limit = bytes(container.text("/resources/limits/memory"));
        if limit < 2 * bytes(container.text("/resources/requests/memory")) {
            complaints.push(format!("{id}: its limit of memory leaves no room for a burst"));
        }
        if let Ok(Settings::Receiver(settings)) = settings::read(&workload) {
            let bodies = settings.endpoint.body_room_bytes() as u64;
            if limit < bodies + bodies / 2 + bytes("64Mi") {
                complaints.push(format!("{id}: bodies in flight may take {bodies} bytes"));
            }
        }
    }
    complaints
}

#[test]
fn images_are_of_this_version() {
    holds(image);
    let (worker, image_of) =
        ("Deployment/hubline-worker", "/spec/template/spec/containers/0/image");
    notices(
        image,
        "production",
        [
            (
                worker,
                image_of,
                json!("registry.example.com/hubline/worker:latest"),
                "another one each day",
            ),
            (
                worker,
                image_of,
                json!("registry.example.com/hubline/worker"),
                "another one each day",
            ),
            (
                worker,
                image_of,
                json!("registry.example.com/hubline/worker:9.9.9"),
                "not this version",
            ),
            (worker, image_of, json!("hubline/worker:dev"), "no release"),
        ],
    );
}

#[test]
fn ports_and_probes_are_where_the_program_listens() {
    holds(listening);
    let receiver = "Deployment/hubline-receiver";
    notices(
        listening,
        "production",
        [
            (
                "ConfigMap/hubline-worker",
                "/data/ADMIN_LISTEN",
                json!("0.0.0.0:9099"),
                "it listens on",
            ),
            (
                "ConfigMap/hubline-worker",
                "/data/ADMIN_LISTEN",
                json!("127.0.0.1:9091"),
                "for itself",
            ),
            ("ConfigMap/hubline-receiver", "/data/LISTEN", json!("0.0.0.0:80"), "it listens on"),
            (
                receiver,
                "/spec/template/spec/containers/0/livenessProbe/httpGet/path",
                json!("/readyz"),
                "livenessProbe asks",
            ),
            (
                receiver,
                "/spec/template/spec/containers/0/readinessProbe/httpGet/port",
                json!("http"),
                "readinessProbe asks",
            ),
            (
                receiver,
                "/spec/template/spec/containers/0/startupProbe/httpGet/path",
                json!("/readyz"),
                "startupProbe asks",
            ),
        ],
    );
}

#[test]
fn memory_holds_what_may_be_in_hand() {
    holds(memory);
    notices(
        memory,
        "production",
        [
            (
                "Deployment/hubline-receiver",
                "/spec/template/spec/containers/0/resources/limits/memory",
                json!("128Mi"),
                "bodies in flight",
            ),
            (
                "ConfigMap/hubline-receiver",
                "/data/MAX_BODY_BYTES",
                json!("128MiB"),
                "bodies in flight",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/containers/0/resources/requests/memory",
                json!("512Mi"),
                "no room for a burst",
            ),
        ],
    );
}
