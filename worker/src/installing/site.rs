//! What every request needs.

use std::sync::Arc;

use anyhow::Context as _;
use ipnet::IpNet;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::rate::Rate;
use super::state::States;
use super::tenancy::Tenancy;
use crate::oauth::App;
use crate::settings::{ConsoleUrl, InstallSettings};

/// The path of the app's redirect URL.
pub(super) const CALLBACK: &str = "/oauth/callback";

pub(super) struct Site {
    pub(super) app: Arc<App>,
    pub(super) url: ConsoleUrl,
    pub(super) scopes: Vec<String>,
    pub(super) optional_scopes: Vec<String>,
    pub(super) states: States,
    pub(super) rate: Rate,
    /// Those that are believed whom a request came from.
    pub(super) proxies: Vec<IpNet>,
    pub(super) tenancy: Tenancy,
    /// The one that the program began on: connections that are made on a server's thread end with it.
    pub(super) runtime: Handle,
    /// Those that are under way.
    pub(super) installs: TaskTracker,
}

impl Site {
    pub(super) fn new(
        settings: &InstallSettings,
        proxies: &[IpNet],
        app: Arc<App>,
        tenancy: Tenancy,
    ) -> anyhow::Result<Self> {
        let url = settings.oauth_public_url.clone().context("OAUTH_PUBLIC_URL is not set")?;
        Ok(Self {
            app,
            url,
            scopes: settings.hubspot_scopes.0.clone(),
            optional_scopes: settings.hubspot_optional_scopes.0.clone(),
            states: States::default(),
            rate: Rate::default(),
            proxies: proxies.to_vec(),
            tenancy,
            runtime: Handle::current(),
            installs: TaskTracker::new(),
        })
    }

    /// Where HubSpot sends people back to.
    pub(super) fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.url)
    }
}
