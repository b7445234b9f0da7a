//! What a destination is: an HTTP endpoint, a Slack channel, or a table in PostgreSQL.
//!
//! Owns that it is one of them, and which keys go with which.

use super::database::Database;
use super::endpoint::Endpoint;
use super::secret_ref::SecretRef;
use super::section::Section;

/// The key that says what it is, of each.
const KINDS: [&str; 3] = ["url", "slack", "postgres"];

/// Keys that mean something for an HTTP endpoint alone.
const OF_ENDPOINTS: [&str; 8] = [
    "method",
    "sign",
    "secret",
    "previous_secret",
    "headers",
    "batch",
    "transient_statuses",
    "permanent_statuses",
];

/// What it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sink {
    Http(Endpoint),
    /// Where the incoming webhook's URL is, which is a secret.
    Slack(SecretRef),
    Postgres(Database),
}

impl Sink {
    /// What the section says; `None` if any of it is faulty.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let mut kinds = KINDS.into_iter().filter(|key| section.has(key));
        // Without any it is an endpoint that has no address.
        let kind = kinds.next().unwrap_or("url");
        let mut is_one = true;
        for other in kinds {
            let message =
                format!("is there beside {kind}, and a destination is one of them: remove one");
            section.fault(other, message);
            is_one = false;
        }
        if !is_one {
            return None;
        }
        if kind != "url" {
            for key in OF_ENDPOINTS.into_iter().filter(|key| section.has(key)) {
                section.fault(key, format!("goes with url, and not with {kind}: remove it"));
            }
        }
        match kind {
            "slack" => SecretRef::read(section, "slack").map(Self::Slack),
            "postgres" => Database::read(section).map(Self::Postgres),
            _ => Endpoint::read(section).map(Self::Http),
        }
    }

    /// The endpoint, if it is one.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Http(endpoint) => Some(endpoint),
            Self::Slack(_) | Self::Postgres(_) => None,
        }
    }

    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Http(endpoint) => endpoint.secrets().collect(),
            Self::Slack(url) => vec![url],
            Self::Postgres(Database { url, ca, .. }) => [url].into_iter().chain(ca).collect(),
        }
    }
}
