//! A file of tenants, each with one destination and one route, and what a program is told of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::destinations::Destinations;
use crate::pipeline::disk::Folder;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What is asked of every event: it holds for each of them, so all ten are looked at.
pub(super) const FILTER: &str = r#"{ "logic": "and", "conditions": [
    { "field": "subscriptionType", "operator": "starts_with", "value": "deal." },
    { "field": "subscriptionType", "operator": "not_equals", "value": "deal.deletion" },
    { "field": "propertyName", "operator": "in", "value": ["dealstage", "amount", "closedate"] },
    { "field": "propertyValue", "operator": "exists" },
    { "field": "propertyValue", "operator": "matches", "value": "^present[a-z]+$" },
    { "field": "changeSource", "operator": "not_in", "value": ["IMPORT", "INTEGRATION", "API"] },
    { "field": "sourceId", "operator": "contains", "value": "userId" },
    { "field": "objectId", "operator": "greater_than", "value": 1000 },
    { "field": "attemptNumber", "operator": "less_than", "value": 5 },
    { "field": "isTest", "operator": "not_exists" }
] }"#;

/// Of a tenant's limits: none holds up anything.
pub(super) const UNLIMITED: &str = "rate = \"100000/s\"\nconcurrency = 1000";

/// The portal of the tenant with this index.
pub(super) fn portal(index: u16) -> u64 {
    1_000_001 + u64::from(index)
}

pub(super) struct File {
    folder: Folder,
    allowed: String,
}

impl File {
    /// A tenant for each of `destinations`; `limits` stand with each tenant and `more` with each route.
    pub(super) fn of(destinations: &Destinations, limits: &str, more: &str) -> Self {
        let (mut text, folder) = (String::new(), Folder::new());
        for (index, address) in (0..).zip(destinations.addresses()) {
            let portal = portal(index);
            // Each in a place of its own: no two tenants have one.
            let secret = folder.path().join(format!("secret-{index}"));
            std::fs::write(&secret, SECRET).unwrap();
            let secret = secret.display();
            write!(
                text,
                "[tenants.t{index}]\norigin = \"hubspot/{portal}\"\n{limits}\n\
                 [destinations.t{index}]\ntenant = \"t{index}\"\nurl = \"http://{address}/hooks\"\n\
                 secret = {{ file = \"{secret}\" }}\n\
                 [routes.t{index}]\ntenant = \"t{index}\"\ndestination = \"t{index}\"\n{more}\n",
            )
            .unwrap();
        }
        let file = Self { folder, allowed: destinations.allowed() };
        std::fs::write(file.path(), text).unwrap();
        file
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("tenants.toml")
    }

    /// What a worker is told.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TENANTS_FILE", self.path().to_str().unwrap().to_owned()),
            ("DESTINATION_ALLOW", self.allowed.clone()),
            ("TENANT_SECRETS_DIR", self.folder.path().to_str().unwrap().to_owned()),
        ]
    }
}
