//! A real Prometheus beside a real receiver, worker and console under load, with RabbitMQ's own
//! metrics: every query of the dashboard gives values, and everything that alerts are made of is
//! there.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use regex_lite::Regex;
use serde_json::Value;
use shared::testing::rabbitmq_metrics;
use tokio::time::timeout;

mod cluster;
mod server;

use cluster::Cluster;
use server::Server;

/// Some seconds of load are enough; a machine that is busy takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

fn file(name: &str) -> String {
    let path = format!("{}/../k8s/monitoring/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every query of the dashboard, as Grafana would ask it.
fn panels() -> BTreeSet<String> {
    let dashboard: Value = serde_json::from_str(&file("dashboard.json")).unwrap();
    let mut found = BTreeSet::new();
    collect(&dashboard["panels"], &mut found);
    assert!(found.len() > 40, "{} queries", found.len());
    found
}

fn collect(panels: &Value, found: &mut BTreeSet<String>) {
    for panel in panels.as_array().into_iter().flatten() {
        collect(&panel["panels"], found);
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            // What stands in for nothing would hide that there is nothing.
            let query = query.replace(" or vector(0)", "").replace("$instance", ".*");
            let query = query.replace("$__rate_interval", "20s").replace("$__range", "1m");
            assert!(!query.contains('$'), "a variable is left: {query}");
            found.insert(query);
        }
    }
}

/// Everything that the rules select.
fn selectors() -> BTreeSet<String> {
    let rules = file("alerts.yaml");
    let comments = Regex::new(r"(?m)^\s*#.*$").unwrap();
    let rules = comments.replace_all(&rules, "");
    let expressions = Regex::new(r"(?s)expr: (.*?)\n\s+(?:for:|labels:|- )").unwrap();
    let selector = Regex::new(r"\b(up|(?:hubline|rabbitmq)[a-z_:0-9]+)\b(\{[^}]*\})?").unwrap();
    let quoted = Regex::new(r#"^"[^"]*""#).unwrap();
    let mut found = BTreeSet::new();
    for expression in expressions.captures_iter(&format!("{rules}\n- ")) {
        let text = &expression[1];
        for selected in selector.captures_iter(text) {
            let start = selected.get(0).unwrap().start();
            // Not the value of a label.
            if !text[..start].ends_with('"') && !quoted.is_match(&text[start..]) {
                found.insert(selected[0].to_owned());
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_everything_that_alerts_are_made_of_has_values_under_load() {
    let cluster = Cluster::start().await;
    let server = Server::start(&cluster.targets(&rabbitmq_metrics())).await;
    let load = cluster.load();
    let mut left: HashSet<String> = panels().into_iter().collect();
    left.extend(selectors().into_iter().map(|selector| format!("count({selector})")));
    let answered = async {
        while !left.is_empty() {
            for query in left.clone() {
                if server.has_values(&query).await {
                    left.remove(&query);
                }
            }
        }
    };
    let in_time = timeout(PATIENCE, answered).await.is_ok();
    let rules = server.broken_rules().await;
    drop(load);
    let complaints = server.end().await;
    cluster.finish().await;
    let left: BTreeSet<String> = left.into_iter().collect();
    assert!(in_time && left.is_empty(), "no values: {left:#?}\n{complaints}");
    assert!(rules.is_empty(), "rules that cannot be evaluated: {rules:?}");
}
