//! Whose each secret is: that of the first destination that names it.
//!
//! Owns that no destination names another tenant's. Its owner would be shown it in a header; and who gets what it
//! has signed can send that on to where it is believed. Refuses to follow links: what a place leads to is for
//! whoever keeps the secrets.

use std::collections::{BTreeMap, HashMap};

use super::destination::Destination;
use super::secret_ref::SecretRef;
use super::section::Section;
use super::sink::Sink;

/// Notes each secret that is named for a tenant and for somebody else.
pub(crate) fn check(
    sections: &[(&str, Section<'_>)],
    destinations: &BTreeMap<String, Destination>,
) {
    let mut owners: HashMap<&SecretRef, Option<&str>> = HashMap::new();
    for (name, section) in sections {
        let Some(destination) = destinations.get(*name) else { continue };
        let owner = destination.tenant.as_deref();
        // That its tenant is none was noted.
        if owner.is_none() && section.has("tenant") {
            continue;
        }
        for secret in destination.secrets() {
            let first = *owners.entry(secret).or_insert(owner);
            if first != owner {
                let first = first.unwrap_or("all");
                let message = format!(
                    "is named for {first} too: a secret belongs to one tenant, or to destinations of all. \
                     Keep another in a place of its own"
                );
                section.fault(key(destination, secret), message);
            }
        }
    }
}

/// The key under which a destination names it.
fn key(destination: &Destination, secret: &SecretRef) -> &'static str {
    let endpoint = match &destination.sink {
        Sink::Http(endpoint) => endpoint,
        Sink::Slack(_) => return "slack",
        Sink::Postgres(_) => return "postgres",
    };
    if endpoint.sign.secret() == Some(secret) {
        "secret"
    } else if endpoint.sign.previous_secret() == Some(secret) {
        "previous_secret"
    } else {
        "headers"
    }
}
