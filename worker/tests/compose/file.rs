//! compose.yaml as a test reads it: merged, as values.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use shared::settings::parse_duration;

/// A file of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(relative)
}

pub(crate) fn text(relative: &str) -> String {
    std::fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

pub(crate) fn yaml(relative: &str) -> Value {
    serde_saphyr::from_str(&text(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// One service of compose.yaml.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    value: Value,
}

/// Those that go on running; `setup` and `send` end.
pub(crate) fn long_running() -> impl Iterator<Item = Service> {
    services().into_iter().filter(|service| service["restart"] == "unless-stopped")
}

pub(crate) fn services() -> Vec<Service> {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_object().unwrap().iter();
    services.map(|(name, value)| Service { name: name.clone(), value: value.clone() }).collect()
}

pub(crate) fn service(name: &str) -> Service {
    services().into_iter().find(|service| service.name == name).unwrap()
}

impl std::ops::Index<&str> for Service {
    type Output = Value;

    /// Null where it is not there.
    fn index(&self, key: &str) -> &Value {
        &self.value[key]
    }
}

impl Service {
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let values = self[key].as_array().map(Vec::as_slice).unwrap_or_default();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    }

    /// What its processes find in their environment.
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let Some(environment) = self["environment"].as_object() else { return BTreeMap::new() };
        let text = |(name, value): (&String, &Value)| {
            (name.clone(), value.as_str().unwrap_or_else(|| panic!("quote {name}")).to_owned())
        };
        environment.iter().map(text).collect()
    }

    pub(crate) fn networks(&self) -> Vec<String> {
        match self["networks"].as_object() {
            Some(networks) => networks.keys().cloned().collect(),
            None => self.texts("networks"),
        }
    }

    /// The name that it has on `network` alone.
    pub(crate) fn alias(&self, network: &str) -> String {
        let aliases = &self["networks"][network]["aliases"];
        let alias = aliases[0].as_str().unwrap_or_else(|| panic!("{}: {network}", self.name));
        alias.to_owned()
    }

    /// The volume that is mounted at `/run/secrets`.
    pub(crate) fn secrets(&self) -> Option<String> {
        let volumes = self.texts("volumes");
        let mount = volumes.iter().find_map(|volume| volume.strip_suffix(":/run/secrets:ro"));
        mount.map(str::to_owned)
    }

    pub(crate) fn stop_grace(&self) -> Duration {
        duration(&self["stop_grace_period"])
    }

    /// The command of its health check.
    pub(crate) fn health_check(&self) -> Vec<String> {
        let test = self["healthcheck"]["test"].as_array();
        let test = test.unwrap_or_else(|| panic!("{} has no health check", self.name));
        test.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn duration(value: &Value) -> Duration {
    parse_duration(value.as_str().unwrap()).unwrap()
}
