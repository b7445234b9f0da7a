//! Secrets are files that are there: each file that a program is told of is a key of the Secret that is
//! mounted there, and nothing is mounted that nobody reads. What a store's values are made into is
//! made of values that are asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::installation::Installation;
use super::manifest::Manifest;
use super::proof::{Complaints, holds, notices};
use super::settings::SECRETS;
use super::tenants::is_of_tenants;

/// The keys of a Secret, whoever makes it.
pub(crate) fn keys(installation: &Installation, name: &str) -> Option<BTreeSet<String>> {
    let own = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect());
    if let Some(secret) = installation.find("Secret", name) {
        return own(secret.at("/data"));
    }
    let external = installation.find("ExternalSecret", name)?;
    own(external.at("/spec/target/template/data"))
}

fn mounted(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for workload in installation.workloads() {
        let id = workload.manifest.id();
        let read: BTreeSet<String> = workload
            .environment
            .values()
            .filter_map(|value| value.strip_prefix(SECRETS).map(str::to_owned))
            .collect();
        let files = workload.environment.iter().filter(|(name, _)| name.ends_with("_FILE"));
        for (name, path) in files.filter(|(name, _)| *name != "TENANTS_FILE") {
            if !path.starts_with(SECRETS) {
                complaints.push(format!("{id}: {name} is {path}, where no secret is mounted"));
            }
        }
        let container = &workload.pod.list("/spec/containers")[0];
        let mounts = container["volumeMounts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let volumes = workload.pod.list("/spec/volumes");
        let [mount, others @ ..] = mounts else {
            complaints.push(format!("{id}: mounts no secrets"));
            continue;
        };
        let volume_of =
            |mount: &Value| volumes.iter().find(|volume| volume["name"] == mount["name"]);
        let tenants_file = workload.environment.get("TENANTS_FILE");
        for other in others {
            let volume = volume_of(other).unwrap_or(&Value::Null);
            if !is_of_tenants(installation, tenants_file.map(AsRef::as_ref), other, volume) {
                complaints
                    .push(format!("{id}: mounts {other}, which is neither secrets nor tenants"));
            }
        }
        // Their secrets are for those who call destinations; whoever shows tenants has the file alone.
        let calls = workload.environment.contains_key("TENANTS_IN_DATABASE");
        let mounts = |key: &str| {
            let volumes = others.iter().filter_map(volume_of);
            volumes.filter(|volume| !volume[key].is_null()).count()
        };
        let expected = (usize::from(tenants_file.is_some()), usize::from(calls));
        if (mounts("configMap"), mounts("secret")) != expected {
            complaints.push(format!(
                "{id}: has tenants and no file of theirs, or their secrets and no need of them, or the other way"
            ));
        }
        let volume = volume_of(mount);
        let secret = volume.and_then(|volume| volume["secret"]["secretName"].as_str());
        if mount["mountPath"] != SECRETS.trim_end_matches('/') || mount["readOnly"] != true {
            complaints.push(format!("{id}: its secrets are mounted as {mount}"));
        }
        let found = secret.and_then(|secret| keys(installation, secret)).unwrap_or_default();
        for key in read.symmetric_difference(&found) {
            complaints.push(format!("{id}: {key} is read but not there, or there and not read"));
        }
    }
    complaints
}

/// Nothing that is secret stands in a manifest.
fn hidden(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for manifest in &installation.manifests {
        let is_made_on_the_spot = installation.name.starts_with("dev");
        if manifest.kind() == "Secret" && !is_made_on_the_spot {
            complaints.push(format!("{}: its values are in the repository", manifest.id()));
        }
    }
    for (manifest, pod) in installation.pods() {
        let variables = pod.list("/spec/containers")[0]["env"].as_array();
        for variable in variables.into_iter().flatten() {
            let name = variable["name"].as_str().unwrap_or_default();
            let is_secret = ["PASSWORD", "TOKEN", "SECRET", "KEY", "URL"]
                .iter()
                .any(|word| name.ends_with(word));
            if is_secret || variable.get("valueFrom").is_some() {
                complaints.push(format!("{}: {name} is a variable, not a file", manifest.id()));
            }
        }
    }
    complaints
}

/// `{{ .name }}` in a template is a value that is asked for, and each of these is used.
fn templates(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    for external in installation.of_kind("ExternalSecret") {
        let asked: BTreeSet<&str> = external
            .list("/spec/data")
            .iter()
            .filter_map(|data| data["secretKey"].as_str())
            .collect();
        let template = external.at("/spec/target/template/data").to_string();
        let variable = regex_lite::Regex::new(r"\{\{ \.([a-z_]+)").unwrap();
        let used: BTreeSet<&str> =
            variable.captures_iter(&template).map(|found| found.get(1).unwrap().as_str()).collect();
        for name in asked.symmetric_difference(&used) {
            complaints.push(format!(
                "{}: {name} is used but not asked for, or the other way",
                external.id()
            ));
        }
        if *external.at("/spec/target/deletionPolicy") != json!("Retain") {
            complaints.push(format!("{}: what runs would lose it with its entry", external.id()));
        }
    }
    complaints
}

/// Passwords of RabbitMQ: one value for the user and for the address that holds it.
fn passwords(installation: &Installation) -> Complaints {
    let mut complaints = Vec::new();
    let remote = |external: &Manifest, key: &str| {
        let data = external.list("/spec/data").iter().find(|data| data["secretKey"] == key);
        data.map(|data| data["remoteRef"].clone())
    };
    for user in installation.of_kind("User") {
        let secret = user.text("/spec/importCredentialsSecret/name");
        let Some(credentials) = installation.find("ExternalSecret", secret) else {
            complaints.push(format!("{}: nobody makes {secret}", user.id()));
            continue;
        };
        let label = "/spec/target/template/metadata/labels/rabbitmq.com~1topology-operator";
        if credentials.text(label) != "true" {
            complaints.push(format!("{}: the operator may not read it", credentials.id()));
        }
        let made = keys(installation, secret).unwrap_or_default();
        if !made.iter().eq(["password", "username"]) {
            complaints.push(format!("{}: has {made:?}", credentials.id()));
        }
        let name = credentials.text("/spec/target/template/data/username");
        let of_program = installation.find("ExternalSecret", user.name());
        if let Some(program) = of_program {
            let address = program.text("/spec/target/template/data/amqp-url");
            let expected = format!("amqp://{name}:{{{{ .rabbitmq_password | urlquery }}}}@");
            if !address.starts_with(&expected) {
                complaints.push(format!("{}: {address} is another user's", program.id()));
            }
            if remote(program, "rabbitmq_password") != remote(credentials, "password") {
                complaints.push(format!("{}: has another password than its user", program.id()));
            }
        }
    }
    complaints
}

#[test]
fn every_secret_is_a_file_that_is_there() {
    holds(mounted);
    holds(hidden);
    notices(
        mounted,
        "production",
        [
            (
                "ConfigMap/hubline-worker",
                "/data/ERP_API_KEY_FILE",
                json!("/run/secrets/hubline/erp-api-key"),
                "erp-api-key is read but not there",
            ),
            (
                "ConfigMap/hubline-worker",
                "/data/ERP_API_KEY_FILE",
                json!("/run/erp-api-key"),
                "no secret is mounted",
            ),
            (
                "ConfigMap/hubline-worker",
                "/data/SLACK_BOT_TOKEN_FILE",
                json!(null),
                "slack-bot-token is read",
            ),
            (
                "ExternalSecret/hubline-worker",
                "/spec/target/template/data/redis-url",
                json!(null),
                "redis-url is read",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/volumes/0/secret/secretName",
                json!("other"),
                "amqp-url is read",
            ),
            (
                "ConfigMap/hubline-worker",
                "/data/TENANTS_FILE",
                json!("/etc/hubline/others.toml"),
                "neither secrets nor tenants",
            ),
            (
                "Deployment/hubline-console",
                "/spec/template/spec/volumes/1",
                json!({
                    "name": "tenants",
                    "secret": { "secretName": "hubline-tenants", "optional": true }
                }),
                "has tenants and no file of theirs",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/volumes/2/secret/optional",
                json!(false),
                "neither secrets nor tenants",
            ),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/containers/0/volumeMounts/0/mountPath",
                json!("/run/other"),
                "are mounted as",
            ),
        ],
    );
    notices(
        hidden,
        "production",
        [
            ("ConfigMap/hubline-worker", "/kind", json!("Secret"), "in the repository"),
            (
                "Deployment/hubline-worker",
                "/spec/template/spec/containers/0/env",
                json!([{"name": "SLACK_BOT_TOKEN", "value": "xoxb"}]),
                "not a file",
            ),
        ],
    );
}

#[test]
fn secrets_are_made_of_what_the_store_is_asked_for() {
    holds(templates);
    holds(passwords);
    notices(
        templates,
        "production",
        [
            (
                "ExternalSecret/hubline-worker",
                "/spec/data/0/secretKey",
                json!("password"),
                "password is used but",
            ),
            (
                "ExternalSecret/hubline-worker",
                "/spec/target/deletionPolicy",
                json!(null),
                "would lose it",
            ),
        ],
    );
    notices(
        passwords,
        "production",
        [
            (
                "ExternalSecret/hubline-receiver",
                "/spec/data/0/remoteRef/property",
                json!("worker-password"),
                "another password",
            ),
            (
                "ExternalSecret/hubline-rabbitmq-worker",
                "/spec/target/template/data/username",
                json!("console"),
                "another user's",
            ),
            (
                "ExternalSecret/hubline-rabbitmq-worker",
                "/spec/target/template/metadata",
                json!(null),
                "may not read it",
            ),
            (
                "User/hubline-worker",
                "/spec/importCredentialsSecret/name",
                json!("other"),
                "nobody makes other",
            ),
        ],
    );
}
