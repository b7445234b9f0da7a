//! Where portals install the app: `/oauth/install`, and `/oauth/callback`, to which HubSpot sends people back.
//!
//! Owns a listener of its own, which may be public on its own: nothing of the console is on it. Nobody signs in
//! here; what counts is a state that the same browser began with, and a code that HubSpot takes. Refuses to know
//! what an access token is used for.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::App as HttpApp;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, PayloadConfig};
use anyhow::Context as _;
use ipnet::IpNet;
use shared::listener::{self, Limits};

use crate::oauth::App;
use crate::settings::InstallSettings;

mod authorize;
mod callback;
mod cookie;
mod headers;
mod install;
mod outcome;
mod pages;
mod rate;
mod return_url;
mod site;
mod state;
mod tenancy;
#[cfg(test)]
mod tests;

use site::Site;
pub(crate) use tenancy::Tenancy;

const LIMITS: Limits = Limits {
    connections: 256,
    threads: 1,
    head: Duration::from_secs(5),
    request: Duration::from_secs(60),
    idle: Duration::from_secs(10),
    close: Duration::from_secs(SHUTDOWN_S),
};
/// Nobody sends a body.
const MAX_BODY_BYTES: usize = 1024;
/// How long requests may take to finish at the end, in seconds.
const SHUTDOWN_S: u64 = 1;

/// How long installs that have begun may take at the end: a code is good once.
const CLOSE: Duration = Duration::from_secs(10);

/// A listener where the app is installed; ends when it is stopped.
pub(crate) struct Installing {
    site: Data<Site>,
    server: ServerHandle,
    address: SocketAddr,
}

/// Takes the address, if there is to be one: before anything has begun.
pub(crate) fn bind(settings: &InstallSettings) -> anyhow::Result<Option<TcpListener>> {
    let bound = settings.oauth_listen.map(|listen| {
        listener::bind(listen).with_context(|| format!("cannot listen on OAUTH_LISTEN {listen}"))
    });
    bound.transpose()
}

impl Installing {
    /// The longest that [`Self::stop`] takes.
    pub(crate) const STOP: Duration = Duration::from_secs(SHUTDOWN_S).saturating_add(CLOSE);

    /// Starts on an address that was taken before. Must be called on a multi-thread runtime, which then asks
    /// HubSpot and the records. What `proxies` say of whom a request came from is believed.
    pub(crate) fn serve(
        listener: TcpListener,
        settings: &InstallSettings,
        proxies: &[IpNet],
        app: std::sync::Arc<App>,
        tenancy: Tenancy,
    ) -> anyhow::Result<Self> {
        let site = Data::new(Site::new(settings, proxies, app, tenancy)?);
        let shown = site.clone();
        let listening = listener::serve(listener, LIMITS, None, move || {
            HttpApp::new()
                .app_data(shown.clone())
                .app_data(PayloadConfig::new(MAX_BODY_BYTES))
                .wrap(from_fn(headers::add))
                .configure(pages::routes)
                .default_service(web::to(pages::nowhere))
        })?;
        tracing::info!(address = %listening.address, "the app can be installed");
        Ok(Self { site, server: listening.server, address: listening.address })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, lets what was begun come to its end, not for ever, and ends.
    pub(crate) async fn stop(self) {
        self.server.stop(true).await;
        self.site.installs.close();
        if tokio::time::timeout(CLOSE, self.site.installs.wait()).await.is_err() {
            tracing::error!("an install was cut off: the app has to be installed there again");
        }
    }
}
