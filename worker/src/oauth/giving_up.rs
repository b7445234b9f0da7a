//! Giving a portal's access up: HubSpot is told to take the app from it, with the portal's own token.
//!
//! Owns that nothing is lost if HubSpot does not do so: what it has answered to the refresh is written first, as
//! with any other. Refuses to end the installation here: whoever asks for it does.

use std::time::Duration;

use shared::clock::now_ms;
use shared::origin::Origin;

use super::app::App;
use super::refusal::Refusal;
use super::terms::{millis, refresh_token_of};
use crate::records::{Given, InstallationState};

/// How long nobody else refreshes this portal's token.
const LEASE: Duration = Duration::from_secs(60);

/// What HubSpot says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// The app is gone from there now.
    Taken,
    /// It was gone before.
    Gone,
    /// There is no token with which it could be asked.
    NoToken,
}

impl GivenUp {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Gone => "gone",
            Self::NoToken => "no token",
        }
    }
}

impl App {
    /// Has HubSpot take the app from this portal. An error says why it did not.
    pub(crate) async fn give_up(&self, origin: &Origin) -> anyhow::Result<GivenUp> {
        let (now_ms, app) = (now_ms(), self.endpoint.client_id());
        let taking =
            self.records.take_installation(origin, app, false, now_ms, now_ms + millis(LEASE));
        let Some(taken) = taking.await? else {
            let known = self.records.installation(origin).await?;
            let Some(known) = known.filter(|known| known.has_token) else {
                return Ok(GivenUp::NoToken);
            };
            anyhow::ensure!(
                known.app == app,
                "{origin} has installed another app than HUBSPOT_CLIENT_ID names"
            );
            anyhow::ensure!(
                known.state == InstallationState::Installed,
                "the token of {origin} was refused, and is kept: have it tried again with `worker tenants resume \
                 {origin}` first"
            );
            anyhow::bail!(
                "the token of {origin} is being refreshed, or was refused just now: try again in a minute"
            );
        };
        let given_up = self.give_up_with(origin, taken.fence, taken.refresh_token).await;
        // If it ends, so does the lease.
        self.records.release_installation(origin, taken.fence, 0, None).await?;
        given_up
    }

    async fn give_up_with(
        &self,
        origin: &Origin,
        fence: i64,
        sealed: Option<Vec<u8>>,
    ) -> anyhow::Result<GivenUp> {
        let Some(sealed) = sealed else { return Ok(GivenUp::NoToken) };
        let old = self.keys.open(&refresh_token_of(origin), &sealed)?;
        let granted = match self.endpoint.refresh(&old).await {
            Ok(granted) => granted,
            Err(Refusal::Revoked { .. }) => return Ok(GivenUp::Gone),
            Err(Refusal::Misconfigured { code } | Refusal::Later { code, .. }) => {
                anyhow::bail!("HubSpot gives no token of {origin}: it answered {code}")
            }
        };
        anyhow::ensure!(
            granted.hub_id.is_none_or(|hub| Some(hub) == origin.portal_id()),
            "HubSpot gave a token of another portal than {origin}"
        );
        let newest = granted.refresh_token.as_ref().unwrap_or(&old);
        let sealed = self.keys.seal(&refresh_token_of(origin), newest)?;
        let (due_ms, expires_ms) = Self::times(&granted, now_ms());
        let given = Given { refresh_token: &sealed, due_ms, expires_ms };
        let is_kept = self.write_refreshed(origin, fence, given, None).await?;
        anyhow::ensure!(is_kept, "{origin} has installed the app again meanwhile");
        match self.endpoint.uninstall(&granted.access_token).await {
            Ok(()) => Ok(GivenUp::Taken),
            Err(
                Refusal::Revoked { code }
                | Refusal::Misconfigured { code }
                | Refusal::Later { code, .. },
            ) => anyhow::bail!("HubSpot did not take the app from {origin}: it answered {code}"),
        }
    }
}
