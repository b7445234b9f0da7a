//! What the console shows, and whom it asks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shared::admin::Readiness;
use shared::broker::Broker;

use super::metrics::ConsoleMetrics;
use crate::alerts::Board;
use crate::records::Records;
use crate::records::redaction::Redaction;
use crate::settings::SecretsKeySettings;

/// They.
pub struct Sources {
    /// Dead letters, event log and audit.
    pub records: Records,
    /// How long discarded letters can be restored.
    pub discarded_retention: Duration,
    /// What of events is not shown.
    pub redaction: Redaction,
    /// The queues.
    pub broker: Broker,
    /// Admin addresses of receivers, beside those of the settings.
    pub receivers: Vec<SocketAddr>,
    /// The parts of this process that somebody might want to know of; must not block.
    pub parts: Option<Arc<dyn Fn() -> Readiness + Send + Sync>>,
    /// What is open of the alerts.
    pub alerts: Board,
    /// The file of tenants, if they come from one: else they stand in the records.
    pub tenants_file: Option<PathBuf>,
    /// Whether portals install the app.
    pub has_app: bool,
    /// What secrets are sealed with that are made for destinations.
    pub secrets_key: SecretsKeySettings,
    /// What is measured of the console.
    pub metrics: ConsoleMetrics,
}
