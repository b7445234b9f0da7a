//! The app, as HubSpot knows it: who asks for tokens, with which keys they are kept, and whether HubSpot takes
//! it for who it says it is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::clock::now_ms;
use shared::origin::Origin;
use tokio::time::Instant;

use super::doubt::Doubt;
use super::endpoint::Endpoint;
use super::granted::{Granted, PortalDetails};
use super::terms::{due_after, millis, refresh_token_of};
use crate::metrics::OauthMetrics;
use crate::records::{Before, Given, NoTenant, PortalFacts, Records};
use crate::sealed::Keys;

/// After the first refusal nobody asks for so long.
const FIRST: Duration = Duration::from_secs(10);
/// What a portal says of itself is no longer, in bytes.
const LONGEST_FACT: usize = 64;
/// And never for longer than this.
const LONGEST: Duration = Duration::from_mins(5);

/// The app, for whoever asks in its name.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: Keys,
    pub(crate) records: Records,
    pub(crate) metrics: OauthMetrics,
    pub(super) doubt: Doubt,
    /// Whoever ends an installation, since its refresh was refused.
    pub(super) ending: tokio::sync::Mutex<()>,
    refused: Mutex<Option<Refused>>,
}

/// HubSpot does not take the client's id or secret.
#[derive(Clone, Copy, Debug)]
struct Refused {
    times: u32,
    until: Instant,
}

impl App {
    pub(crate) fn new(
        endpoint: Endpoint,
        keys: Keys,
        records: Records,
        metrics: OauthMetrics,
    ) -> Self {
        let (doubt, ending, refused) =
            (Doubt::default(), tokio::sync::Mutex::default(), Mutex::default());
        Self { endpoint, keys, records, metrics, doubt, ending, refused }
    }

    /// For how long nobody asks, since HubSpot does not take the client's id or secret.
    pub(super) fn refused_for(&self) -> Option<Duration> {
        let left = self.lock().as_ref()?.until.saturating_duration_since(Instant::now());
        Some(left).filter(|left| !left.is_zero())
    }

    /// HubSpot has refused the app itself: an alarm, and a pause for all portals. Gives how long it is.
    pub(crate) fn refused(&self, code: &str) -> Duration {
        let mut refused = self.lock();
        let times = refused.map_or(0, |refused| refused.times);
        let wait = FIRST.saturating_mul(1 << times.min(10)).min(LONGEST);
        *refused = Some(Refused { times: times.saturating_add(1), until: Instant::now() + wait });
        self.metrics.app_accepted(false);
        if times == 0 {
            tracing::error!(
                error.code = code,
                "hubspot does not take HUBSPOT_CLIENT_ID or HUBSPOT_CLIENT_SECRET: no token is refreshed until it does, and no portal is marked for it"
            );
        }
        wait
    }

    /// HubSpot has answered about a portal, so it takes the app for who it is.
    pub(crate) fn accepted(&self) {
        if self.lock().take().is_some() {
            tracing::info!("hubspot takes the app's id and secret again");
        }
        self.metrics.app_accepted(true);
    }

    /// Keeps what a portal has granted that installs the app. The access token is not handed on: the first
    /// worker that sees the installation gets one of its own.
    pub(crate) async fn install(
        &self,
        origin: &Origin,
        granted: &Granted,
        facts: &PortalFacts,
    ) -> anyhow::Result<Before> {
        let (sealed, now_ms) = (self.sealed(origin, granted)?, now_ms());
        let (app, given) = (self.endpoint.client_id(), given(&sealed, granted, now_ms));
        self.records.install(origin, app, given, facts, now_ms).await
    }

    /// The same, and its tenant is made in one with it: its name, or why there is none.
    pub(crate) async fn install_tenant(
        &self,
        origin: &Origin,
        granted: &Granted,
        facts: &PortalFacts,
    ) -> anyhow::Result<(Before, Result<String, NoTenant>)> {
        let (sealed, now_ms) = (self.sealed(origin, granted)?, now_ms());
        let (app, given) = (self.endpoint.client_id(), given(&sealed, granted, now_ms));
        self.records.install_tenant(origin, app, given, facts, now_ms).await
    }

    fn sealed(&self, origin: &Origin, granted: &Granted) -> anyhow::Result<Vec<u8>> {
        let token = granted.refresh_token.as_ref();
        let token = token.ok_or_else(|| anyhow::anyhow!("the grant holds no refresh token"))?;
        self.keys.seal(&refresh_token_of(origin), token)
    }

    /// Notes what a portal says of itself. That it could not be noted is no more than a pity: the next refresh
    /// asks again.
    pub(crate) async fn note(&self, origin: &Origin, details: &PortalDetails) {
        let short = |text: &Option<String>| text.clone().filter(|text| text.len() <= LONGEST_FACT);
        let (ui_domain, time_zone) = (short(&details.ui_domain), short(&details.time_zone));
        if ui_domain.is_none() && time_zone.is_none() {
            return;
        }
        let noting = self.records.note_portal(origin, ui_domain.as_deref(), time_zone.as_deref());
        if let Err(error) = noting.await {
            let error = format!("{error:#}");
            tracing::debug!(%origin, error, "what a portal says of itself was not noted");
        }
    }

    /// How long what was granted at `now_ms` lasts.
    pub(super) fn times(granted: &Granted, now_ms: i64) -> (i64, i64) {
        (now_ms + millis(due_after(granted.life)), now_ms + millis(granted.life))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It is due at once.
fn given<'a>(sealed: &'a [u8], granted: &Granted, now_ms: i64) -> Given<'a> {
    let expires_ms = now_ms + millis(granted.life);
    Given { refresh_token: sealed, due_ms: now_ms, expires_ms }
}
