//! What picks pods by their labels picks those that are meant; what names a port names one that is
//! there; nothing that may be public leads to an admin listener.

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::{Manifest, selects};
use super::program::{Program, Settings};
use super::proof::{Complaints, complains, holds, notices};
use super::settings;

fn workloads_of<'a>(
    installation: &'a Installation,
    selector: &'a Value,
) -> impl Iterator<Item = (&'a Manifest, Manifest)> {
    installation.pods().filter(move |(_, pod)| selects(selector, pod.labels()))
}

fn selectors(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for (manifest, pod) in installation.pods() {
        if !selects(manifest.at("/spec/selector"), pod.labels()) {
            complaints.push(format!("{}: does not know its own pods", manifest.id()));
        }
    }
    for service in installation.of_kind("Service") {
        let id = service.id();
        let selector = json!({"matchLabels": service.at("/spec/selector")});
        let selected: Vec<_> = workloads_of(installation, &selector).collect();
        let [(_, pod)] = selected.as_slice() else {
            complaints.push(format!("{id}: picks {} kinds of pods", selected.len()));
            continue;
        };
        let is_admin = service.name().ends_with("-admin");
        for port in service.list("/spec/ports") {
            let target = &port["targetPort"];
            let ports = pod.list("/spec/containers")[0]["ports"].as_array().unwrap().iter();
            let found = ports.clone().find(|found| found["name"] == *target);
            if found.is_none_or(|found| found["containerPort"] != port["port"]) {
                complaints.push(format!("{id}: {port} is no port of its pods"));
            }
            if (*target == "admin") != is_admin {
                complaints.push(format!("{id}: {target} does not belong here"));
            }
        }
        let is_headless = service.text("/spec/clusterIP") == "None";
        let shows_all = *service.at("/spec/publishNotReadyAddresses") == json!(true);
        if is_admin && !(is_headless && shows_all) {
            complaints.push(format!("{id}: does not show every pod"));
        }
        if !is_admin && (shows_all || !matches!(service.text("/spec/type"), "" | "ClusterIP")) {
            complaints.push(format!("{id}: shows more than it should"));
        }
    }
    complaints
}

/// What the console asks by name is a headless Service, so that one name is every pod; and RabbitMQ is asked
/// for its alarms.
fn asked(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let console = installation.workload(Program::Console);
    let list = |name: &str| console.environment.get(name).cloned().unwrap_or_default();
    let all = [list("CONSOLE_RECEIVERS"), list("ALERT_SOURCES")].join(",");
    for source in all.split(',') {
        let (host, port) = source.split_once(':').unwrap_or((source, ""));
        let is_known = match installation.find("Service", host) {
            Some(service) => {
                let mut ports = service.list("/spec/ports").iter();
                service.text("/spec/clusterIP") == "None"
                    && ports.any(|own| port.parse().ok() == own["port"].as_u64())
            }
            // The operator makes it.
            None => installation
                .of_kind("RabbitmqCluster")
                .any(|cluster| host == format!("{}-nodes", cluster.name()) && port == "15692"),
        };
        if !is_known {
            complaints.push(format!("{source}: is no headless service"));
        }
    }
    if !list("ALERT_SOURCES").contains(":15692") {
        complaints.push("nobody asks RabbitMQ for its alarms".to_owned());
    }
    complaints
}

fn disruptions(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for budget in installation.of_kind("PodDisruptionBudget") {
        let id = budget.id();
        let selector = budget.at("/spec/selector");
        let clusters = installation.of_kind("RabbitmqCluster").filter(|cluster| {
            selects(selector, &json!({"app.kubernetes.io/name": cluster.name()}))
        });
        if workloads_of(installation, selector).count() + clusters.count() != 1 {
            complaints.push(format!("{id}: picks other pods than those of one workload"));
        }
        // A number that must stay blocks the drain of a node as soon as there are no more than that.
        let allowed = budget.at("/spec/maxUnavailable");
        if budget.at("/spec/minAvailable") != &Value::Null
            || !(allowed.as_u64() == Some(1) || allowed.as_str() == Some("25%"))
        {
            complaints.push(format!("{id}: may block a drain, or take too many"));
        }
    }
    for workload in installation.workloads() {
        let (id, name) = (workload.manifest.id(), workload.manifest.name());
        match installation.find("PodDisruptionBudget", name) {
            None => complaints.push(format!("{id}: nothing keeps a drain from taking all of it")),
            Some(budget) if budget.text("/spec/unhealthyPodEvictionPolicy") != "AlwaysAllow" => {
                complaints.push(format!("{id}: pods that are not ready would block drains"));
            }
            Some(_) => {}
        }
    }
    complaints
}

fn way_in(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let receiver = installation.workload(Program::Receiver);
    let Ok(Settings::Receiver(settings)) = settings::read(&receiver) else { return complaints };
    for ingress in installation.of_kind("Ingress") {
        let (id, rule) = (ingress.id(), &ingress.list("/spec/rules")[0]);
        let host = rule["host"].as_str().unwrap_or_default();
        let origin = receiver.environment.get("PUBLIC_URL").map_or("", String::as_str);
        if origin != format!("https://{host}") {
            complaints
                .push(format!("{id}: {host} is not PUBLIC_URL, {origin}: signatures would differ"));
        }
        if ingress.at("/spec/tls/0/hosts/0") != host {
            complaints.push(format!("{id}: no TLS for {host}"));
        }
        for path in rule["http"]["paths"].as_array().into_iter().flatten() {
            if path["path"] != settings.endpoint.webhook_path || path["pathType"] != "Exact" {
                complaints.push(format!("{id}: {} is not WEBHOOK_PATH", path["path"]));
            }
            let backend = &path["backend"]["service"];
            let service =
                installation.find("Service", backend["name"].as_str().unwrap_or_default());
            let ports = service.map(|service| service.list("/spec/ports")).unwrap_or_default();
            let found = ports.iter().any(|port| port["name"] == backend["port"]["name"]);
            if !found || backend["name"] != "hubline-receiver" {
                complaints.push(format!("{id}: leads to {backend}"));
            }
        }
    }
    complaints
}

#[test]
fn the_console_asks_every_pod_and_every_node() {
    holds(asked);
    let (console, sources) = ("ConfigMap/hubline-console", "/data/ALERT_SOURCES");
    let changes = [
        ("hubline-worker-admin:9091", "nobody asks RabbitMQ"),
        ("hubline-rabbitmq:15692", "is no headless service"),
        ("hubline-worker-admin:9090,hubline-rabbitmq-nodes:15692", "9090: is no headless service"),
    ];
    for (value, why) in changes {
        notices(asked, "production", [(console, sources, json!(value), why)]);
    }
}

#[test]
fn services_pick_their_pods_and_ports() {
    holds(selectors);
    notices(
        selectors,
        "dev",
        [
            (
                "Deployment/hubline-worker",
                "/spec/template/metadata/labels/app.kubernetes.io~1name",
                json!("worker"),
                "does not know its own",
            ),
            (
                "Service/hubline-receiver",
                "/spec/selector",
                json!({"app.kubernetes.io/part-of": "hubline"}),
                "kinds of pods",
            ),
            (
                "Service/hubline-receiver",
                "/spec/selector",
                json!({"app": "receiver"}),
                "picks 0 kinds",
            ),
            (
                "Service/hubline-receiver",
                "/spec/ports/0/targetPort",
                json!("web"),
                "no port of its pods",
            ),
            (
                "Service/hubline-receiver",
                "/spec/ports/-",
                json!({"name": "admin", "port": 9090, "targetPort": "admin"}),
                "does not belong here",
            ),
            ("Service/hubline-receiver", "/spec/type", json!("LoadBalancer"), "shows more"),
            (
                "Service/hubline-receiver-admin",
                "/spec/clusterIP",
                json!(null),
                "does not show every pod",
            ),
            ("Service/hubline-redis", "/spec/ports/0/port", json!(6380), "no port of its pods"),
        ],
    );
}

#[test]
fn budgets_for_disruption_never_block_a_drain() {
    holds(disruptions);
    let worker = "PodDisruptionBudget/hubline-worker";
    notices(
        disruptions,
        "production",
        [
            (worker, "/spec/maxUnavailable", json!(0), "may block"),
            (worker, "/spec/minAvailable", json!(1), "may block"),
            (worker, "/spec/unhealthyPodEvictionPolicy", json!(null), "would block drains"),
            (
                worker,
                "/spec/selector/matchLabels",
                json!({"app.kubernetes.io/part-of": "hubline"}),
                "other pods",
            ),
            (
                "PodDisruptionBudget/hubline-rabbitmq",
                "/spec/selector/matchLabels",
                json!({"app.kubernetes.io/name": "rabbitmq"}),
                "other pods",
            ),
        ],
    );
    complains(disruptions, &Installation::read("production").without(worker), "taking all of it");
}

#[test]
fn the_way_in_leads_to_the_webhook_alone() {
    holds(way_in);
    notices(
        way_in,
        "production",
        [
            (
                "Ingress/hubline-receiver",
                "/spec/rules/0/host",
                json!("other.example.com"),
                "signatures would differ",
            ),
            (
                "ConfigMap/hubline-receiver",
                "/data/PUBLIC_URL",
                json!(null),
                "signatures would differ",
            ),
            (
                "ConfigMap/hubline-receiver",
                "/data/WEBHOOK_PATH",
                json!("/hooks"),
                "not WEBHOOK_PATH",
            ),
            (
                "Ingress/hubline-receiver",
                "/spec/rules/0/http/paths/0/pathType",
                json!("Prefix"),
                "not WEBHOOK_PATH",
            ),
            (
                "Ingress/hubline-receiver",
                "/spec/rules/0/http/paths/0/backend/service/name",
                json!("hubline-receiver-admin"),
                "leads to",
            ),
            (
                "Ingress/hubline-receiver",
                "/spec/rules/0/http/paths/0/backend/service/port/name",
                json!("admin"),
                "leads to",
            ),
            (
                "Ingress/hubline-receiver",
                "/spec/tls/0/hosts",
                json!(["other.example.com"]),
                "no TLS",
            ),
        ],
    );
}
