//! A file that has everything, and the reading of it and others.

use serde_json::Value;

use crate::tenants::{Standing, Tenants, read};

/// Every key of every table.
pub(super) const SAMPLE: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
name = "ACME Corp"
state = "active"
rate = "500/h"
concurrency = 7

[tenants.beta]
origin = "hubspot/7"

[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/hubspot?key=hunter2"
method = "PUT"
sign = "standard"
secret = { env = "ACME_SECRET" }
previous_secret = { file = "/run/secrets/acme" }
headers = { X-Environment = "hunter2", X-Webhook-Secret = { env = "ACME_PLAIN" } }
connect_timeout = "500ms"
first_byte_timeout = "5s"
timeout = "1m"
rate = "50/s"
concurrency = 10
batch = { events = 100, wait = "200ms" }
transient_statuses = [404, 409]
permanent_statuses = [429]
state = "paused"

[destinations.log]
url = "http://log.example"
sign = "none"

[routes.acme-deals]
tenant = "acme"
destination = "acme-crm"
filter = { logic = "and", conditions = [ { field = "subscriptionType", operator = "equals", value = "deal.creation" } ] }
order = "object"
order_hold = "1m"
after_failure = "take-along"
state = "paused"

[routes.all]
destination = "log"
"#;

/// A filter is faulty if it has `bad`.
pub(super) fn check(filter: &Value) -> Result<(), String> {
    match filter.get("bad") {
        None => Ok(()),
        Some(why) => Err(format!("there is no condition {why}")),
    }
}

pub(super) fn tenants(text: &str) -> Tenants {
    read(("tenants.toml", text), Standing::Records, &check, &|_| Ok(()))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// The faults' lines, without the file's name.
pub(super) fn faults(text: &str) -> Vec<String> {
    faults_in(text, Standing::File)
}

/// The same of what stands there.
pub(super) fn faults_in(text: &str, standing: Standing) -> Vec<String> {
    let faults = read(("t", text), standing, &check, &|_| Ok(())).expect_err(text).to_string();
    faults.lines().map(|line| line.strip_prefix("t:").unwrap().to_owned()).collect()
}
