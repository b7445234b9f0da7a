//! What every service must keep to, and what must fit what it is beside.

use std::time::Duration;

use crate::file::{Service, duration, long_running, service, services, text, yaml};

/// The health check's own deadline, and some time to start.
const HEALTH_CHECK: Duration = Duration::from_secs(5);

#[test]
fn every_service_has_the_least_that_it_needs() {
    for service in services() {
        let name = &service.name;
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service.texts("cap_drop"), ["ALL"], "{name}");
        assert_eq!(service.texts("security_opt"), ["no-new-privileges:true"], "{name}");
        for limit in ["mem_limit", "pids_limit"] {
            assert!(!service[limit].is_null(), "{name}: {limit}");
        }
        assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name}");
        for never in ["privileged", "devices", "pid", "ipc", "container_name", "extra_hosts"] {
            assert!(service[never].is_null(), "{name}: {never}");
        }
        assert!(service["network_mode"] == "none" || !service.networks().is_empty(), "{name}");
        let user = service["user"].as_str().unwrap_or_else(|| panic!("{name} has no user"));
        let (uid, gid) = user.split_once(':').unwrap();
        let (uid, _): (u32, u32) = (uid.parse().unwrap(), gid.parse().unwrap());
        // It hands files to the others' users, and is on no network.
        let is_setup = name == "setup";
        assert_eq!(uid == 0, is_setup, "{name}");
        assert_eq!(service["cap_add"].is_null(), !is_setup, "{name}");
        assert_eq!(service["network_mode"] == "none", is_setup, "{name}");
    }
}

#[test]
fn only_the_receiver_is_published_and_on_the_loopback_address() {
    for service in services() {
        let ports = service.texts("ports");
        if service.name == "receiver" {
            assert_eq!(ports, ["${RECEIVER_PUBLISH:-127.0.0.1:8080}:8080"]);
        } else {
            assert!(ports.is_empty(), "{}", service.name);
        }
    }
    let operator = yaml("compose/operator.yaml");
    for (name, service) in operator["services"].as_object().unwrap() {
        for port in service["ports"].as_array().unwrap() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn every_image_is_of_a_certain_version() {
    for service in services() {
        let image = service["image"].as_str().unwrap();
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        let own = format!("${{HUBLINE_VERSION:-{}}}", env!("CARGO_PKG_VERSION"));
        let numbers = tag.trim_start_matches('v').split(['.', '-']);
        let numbers = numbers.take_while(|part| part.parse::<u32>().is_ok()).count();
        assert!(tag == own || numbers >= 2, "{image}");
        if tag == own {
            assert_eq!(service["build"]["args"]["VERSION"], own, "{image}");
        }
    }
}

#[test]
fn servers_are_reached_by_those_alone_who_talk_to_them() {
    let on = |network: &str| -> Vec<String> {
        let on = services().into_iter();
        let on = on.filter(|service| service.networks().iter().any(|name| name == network));
        let mut names: Vec<String> = on.map(|service| service.name).collect();
        names.sort();
        names
    };
    assert_eq!(on("intake"), ["rabbitmq", "receiver"]);
    assert_eq!(on("broker"), ["console", "prometheus", "rabbitmq", "worker"]);
    assert_eq!(on("watch"), ["console", "prometheus", "receiver"]);
    assert_eq!(on("ledger"), ["redis", "worker"]);
    assert_eq!(on("records"), ["console", "postgres", "worker"]);
    assert_eq!(on("ingress"), ["receiver", "send"]);
    let compose = yaml("compose.yaml");
    for network in ["intake", "broker", "ledger", "records", "watch", "observability"] {
        assert_eq!(compose["networks"][network]["internal"], true, "{network}");
    }
}

/// Strangers' bytes are read in the receiver. What it shares a network with must listen to it on RabbitMQ's
/// port for clients and on nothing else, and there is no way out.
#[test]
fn a_receiver_reaches_rabbitmqs_clients_port_and_nothing_else() {
    let networks = service("receiver").networks();
    let neighbours = |network: &str| -> Vec<Service> {
        let on = |service: &Service| service.networks().iter().any(|name| name == network);
        services().into_iter().filter(|service| service.name != "receiver" && on(service)).collect()
    };
    let masquerade = "com.docker.network.bridge.enable_ip_masquerade";
    let compose = yaml("compose.yaml");
    for network in &networks {
        let made = &compose["networks"][network];
        let is_closed = made["internal"] == true || made["driver_opts"][masquerade] == "false";
        assert!(is_closed, "{network} has a way out");
    }
    for neighbour in networks.iter().flat_map(|network| neighbours(network)) {
        let environment = neighbour.environment();
        let own = |network: &str| neighbour.alias(network);
        match &*neighbour.name {
            "send" => {} // listens to nobody, and ends
            "rabbitmq" => {
                let start = text("compose/rabbitmq/start.sh");
                assert!(start.contains(&format!("host={}\n", own("broker"))), "{start}");
            }
            "console" => {
                assert_eq!(environment["CONSOLE_LISTEN"], format!("{}:8090", own("egress")));
                assert_eq!(environment["ADMIN_LISTEN"], format!("{}:9092", own("broker")));
            }
            "prometheus" => {
                let listen = format!("--web.listen-address={}:9090", own("observability"));
                assert!(neighbour.texts("command").contains(&listen));
            }
            other => panic!("a receiver shares a network with {other}"),
        }
    }
}

#[test]
fn whoever_goes_on_is_checked_and_waits_for_whom_it_needs() {
    for service in long_running() {
        let (name, check) = (&service.name, &service["healthcheck"]);
        assert!(["CMD", "CMD-SHELL"].contains(&&*service.health_check()[0]), "{name}");
        assert!(duration(&check["timeout"]) >= HEALTH_CHECK, "{name}");
        assert!(duration(&check["interval"]) >= duration(&check["timeout"]), "{name}");
        assert!(service.stop_grace() >= Duration::from_secs(20), "{name}");
        if service.secrets().is_some() {
            let setup = &service["depends_on"]["setup"]["condition"];
            assert_eq!(setup, "service_completed_successfully", "{name}");
        }
        for (network, server) in [
            ("broker", "rabbitmq"),
            ("intake", "rabbitmq"),
            ("ledger", "redis"),
            ("records", "postgres"),
        ] {
            let needs = service.networks().iter().any(|on| on == network);
            // Prometheus shows that it is down.
            if needs && name != server && name != "prometheus" {
                let condition = &service["depends_on"][server]["condition"];
                assert_eq!(condition, "service_healthy", "{name}: {server}");
            }
        }
    }
    // A worker that does not get up, or a Redis or a PostgreSQL, must not keep deliveries out.
    let needed = service("receiver")["depends_on"].as_object().unwrap().clone();
    assert_eq!(needed.keys().collect::<Vec<_>>(), ["setup", "rabbitmq"]);
}

#[test]
fn workers_can_be_many() {
    let worker = service("worker");
    assert!(worker["container_name"].is_null() && worker["ports"].is_null());
    assert!(worker["hostname"].is_null() && worker["deploy"]["replicas"].is_null());
    // Else every later `up` would go back to one.
    assert_eq!(worker["scale"], "${WORKERS:-1}");
}

#[test]
fn prometheus_asks_each_program_where_its_admin_listener_is() {
    let prometheus = yaml("compose/prometheus/prometheus.yml");
    let jobs = prometheus["scrape_configs"].as_array().unwrap();
    for name in ["receiver", "worker", "console"] {
        let job = format!("hubline-{name}");
        let job = jobs.iter().find(|found| found["job_name"] == job).unwrap();
        let found = &job["dns_sd_configs"][0];
        let admin = &service(name).environment()["ADMIN_LISTEN"];
        // On every network, or on the one where it has this name.
        let (listens, port) = admin.split_once(':').unwrap();
        assert_eq!(found["port"].to_string(), port);
        let is_on_all = listens == "0.0.0.0";
        assert_eq!(found["names"][0], if is_on_all { name } else { listens });
    }
}

#[test]
fn every_file_that_is_mounted_from_here_is_there() {
    for service in services() {
        for volume in service.texts("volumes") {
            let (source, _) = volume.split_once(':').unwrap();
            if source.starts_with("./compose/") {
                assert!(crate::file::path(source).exists(), "{}: {source}", service.name);
            }
        }
    }
}

#[test]
fn every_volume_that_is_mounted_is_named_once_and_used() {
    let compose = yaml("compose.yaml");
    let named: Vec<&String> = compose["volumes"].as_object().unwrap().keys().collect();
    let volumes: Vec<String> =
        services().iter().flat_map(|service: &Service| service.texts("volumes")).collect();
    let used = |name: &str| volumes.iter().any(|volume| volume.starts_with(&format!("{name}:")));
    for name in &named {
        assert!(used(name), "{name} is used by nobody");
    }
    for volume in &volumes {
        // What people can put in the place of ours.
        let ours = ["${TENANTS_DIR:-", "${TENANTS_SECRETS_DIR:-"]
            .iter()
            .find_map(|place| volume.strip_prefix(place))
            .map(|ours| ours.replacen('}', "", 1));
        let volume = ours.unwrap_or_else(|| volume.clone());
        let (source, _) = volume.split_once(':').unwrap();
        assert!(source.starts_with("./") || named.iter().any(|name| *name == source), "{volume}");
    }
}

#[test]
fn memory_and_its_limits_fit() {
    // What Redis holds, and as much again while it writes its log anew.
    assert!(text("compose/redis/redis.conf").contains("maxmemory 384mb\n"));
    assert_eq!(service("redis")["mem_limit"], "768m");
    assert!(text("compose/redis/redis.conf").contains("maxmemory-policy noeviction\n"));
    assert!(text("compose/redis/redis.conf").contains("appendonly yes\n"));
    // RabbitMQ reads the machine's memory, not its container's.
    let told = text("compose/rabbitmq/rabbitmq.conf");
    let told = told.lines().find_map(|line| {
        line.strip_prefix("total_memory_available_override_value = ")?.strip_suffix("GB")
    });
    let limit = service("rabbitmq")["mem_limit"].clone();
    assert_eq!(told, limit.as_str().unwrap().strip_suffix('g'), "{limit}");
}
