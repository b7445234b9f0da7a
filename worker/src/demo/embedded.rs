//! All of Hubline in this process, on a data file that is thrown away, told by its own log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use shared::telemetry;
use tokio::sync::mpsc;

use super::deliveries::WON_STAGE;
use super::secret_file;
use super::tenants::Tenants;
use crate::handlers;
use crate::settings::RetrySettings;
use crate::settings::integrations::IntegrationSettings;
use crate::stand_ins::StandIns;
use crate::standalone::Standalone;
use crate::trial::{Directory, thrown_away};

/// What the story is made of.
const LOG: &str = "error,worker=debug";

/// A running Hubline; its directory goes with it.
pub(super) struct Embedded {
    standalone: Standalone,
    directory: Directory,
}

impl Embedded {
    /// Starts with the defaults and what a demo must have of its own: whatever the environment
    /// says, no real system is talked to and no real data touched.
    pub(super) async fn start(
        stand_ins: &StandIns,
        client_secret: &str,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let lines = telemetry::into_lines(LOG)?;
        let directory = Directory::new("demo")?;
        secret_file::write(&directory.0.join("client-secret"), client_secret)?;
        let tenants = Tenants::write(&directory.0, stand_ins)?;
        let mut settings = thrown_away(&directory, client_secret)?;
        let processing = &mut settings.processing;
        processing.retry = RetrySettings {
            retry_initial: Duration::from_millis(500),
            retry_multiplier: 2.0,
            retry_max: Duration::from_secs(60),
            retry_attempts: 5,
        };
        processing.integrations = IntegrationSettings {
            won_stages: vec!["closedwon".to_owned(), WON_STAGE.to_owned()],
            ..stand_ins.settings()
        };
        processing.tenants.tenants_file = Some(tenants.file);
        processing.tenants.tenant_secrets_dir = tenants.secrets;
        processing.tenants.destination_allow = tenants.allow;
        let registry = handlers::registry(&processing.integrations)?;
        let standalone = Standalone::start(&settings, registry).await?;
        Ok((Self { standalone, directory }, lines))
    }

    pub(super) fn receiver_url(&self) -> String {
        format!("http://{}/webhooks/hubspot", self.standalone.address())
    }

    pub(super) fn admin_address(&self) -> SocketAddr {
        self.standalone.admin_address()
    }

    pub(super) fn console_address(&self) -> SocketAddr {
        self.standalone.console_address()
    }

    pub(super) fn secret_file(&self) -> PathBuf {
        self.directory.0.join("client-secret")
    }

    pub(super) async fn stop(self) {
        self.standalone.stop().await;
    }
}
