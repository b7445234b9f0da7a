//! The app as the settings say, if there is one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use reqwest::Url;
use secrecy::SecretString;

use super::app::App;
use super::endpoint::Endpoint;
use crate::metrics::OauthMetrics;
use crate::records::Records;
use crate::settings::AppSettings;

impl App {
    /// The app that asks at `api`, with its secret, and keeps what it is given in `records`; `None` without
    /// OAuth. What is measured goes into `registry`.
    pub(crate) fn open(
        settings: &AppSettings,
        secret: Option<SecretString>,
        (api, timeout): (Url, Duration),
        records: Option<&Records>,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        // There from the start: that there is no app is seen too.
        let metrics = OauthMetrics::register(registry);
        settings.check(secret.as_ref(), records.is_some())?;
        let Some(client_id) = settings.client_id() else { return Ok(None) };
        let keys = settings.keys()?.context("SECRETS_KEY is not set")?;
        let secret = secret.context("HUBSPOT_CLIENT_SECRET is not set")?;
        let records = records.context("DATABASE_URL is not set")?.clone();
        let endpoint = Endpoint::new(api, client_id.to_owned(), secret, timeout)?;
        Ok(Some(Arc::new(Self::new(endpoint, keys, records, metrics))))
    }
}
