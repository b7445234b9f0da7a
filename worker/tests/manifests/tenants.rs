//! What a worker is given of tenants: their file, and their secrets.

use serde_json::Value;

use super::installation::Installation;

/// Where workers look for tenants' secrets if nobody says otherwise.
const TENANTS_SECRETS: &str = "/run/secrets/tenants";

/// The file of tenants where it is looked for, and their secrets, of which there may be none.
pub(crate) fn is_of_tenants(
    installation: &Installation,
    file: Option<&str>,
    mount: &Value,
    volume: &Value,
) -> bool {
    let Some((folder, name)) = file.and_then(|file| file.rsplit_once('/')) else { return false };
    let is_there = match (volume["configMap"]["name"].as_str(), &volume["secret"]) {
        (Some(map), _) => {
            let map = installation.find("ConfigMap", map);
            mount["mountPath"] == folder
                && map.is_some_and(|map| map.at("/data").get(name).is_some())
        }
        (None, secret) => mount["mountPath"] == TENANTS_SECRETS && secret["optional"] == true,
    };
    is_there && mount["readOnly"] == true
}
