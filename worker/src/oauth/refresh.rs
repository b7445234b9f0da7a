//! One refresh: begun by one at a time for each portal, and written before it is used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::Origin;
use shared::retry::Reconnect;

use super::access::AccessToken;
use super::app::App;
use super::granted::Granted;
use super::no_token::NoToken;
use super::refusal::Refusal;
use super::terms::{millis, refresh_token_of};
use super::tokens::{Tokens, Why};
use crate::metrics::RefreshOutcome;
use crate::records::{Given, InstallationState, Taken};

/// After an answer that says nothing of the portal.
const LATER: Duration = Duration::from_secs(15);
/// After what only people can mend.
const LONG: Duration = Duration::from_mins(5);
/// How long the newest refresh token is tried to be written.
const WRITING: Duration = Duration::from_secs(60);

impl Tokens {
    pub(super) async fn refresh_now(
        &self,
        origin: &Origin,
        why: Why,
    ) -> Result<AccessToken, NoToken> {
        if let Some(wait) = self.app.refused_for() {
            return Err(later("APP_REFUSED", wait));
        }
        let (now_ms, app) = (now_ms(), self.app.endpoint.client_id());
        let until_ms = now_ms + millis(self.lease);
        let taking =
            self.app.records.take_installation(origin, app, why == Why::Due, now_ms, until_ms);
        let taken = match taking.await {
            Ok(Some(taken)) => taken,
            Ok(None) => return Err(self.why_not(origin).await),
            Err(error) => return Err(NoToken::records_away(origin, &error)),
        };
        // Somebody may have been quicker between the look and the lease.
        if why != Why::Due
            && let Some(token) = self.shared(origin).await
            && token.fence >= taken.token_fence
            && why.takes(&token, now_ms)
        {
            self.release(origin, taken.fence, Duration::ZERO, None).await;
            return Ok(token);
        }
        let opened = taken.refresh_token.as_deref().map(|sealed| {
            self.app.keys.open(&refresh_token_of(origin), sealed).map_err(|error| error.to_string())
        });
        let old = match opened {
            Some(Ok(old)) => old,
            Some(Err(error)) => {
                tracing::error!(%origin, error, "a portal's refresh token cannot be opened: it is left as it is");
                self.end(origin, taken.fence, RefreshOutcome::Sealed, LONG, None).await;
                return Err(later("SEALED", LONG));
            }
            None => {
                self.release(origin, taken.fence, LONG, None).await;
                return Err(later("NO_TOKEN", LONG));
            }
        };
        match self.app.endpoint.refresh(&old).await {
            Ok(granted) => {
                self.app.accepted();
                let kept = self.keep(origin, taken.fence, &old, granted).await;
                if let (Ok(token), None) = (&kept, &taken.ui_domain) {
                    self.ask_for_details(origin, token);
                }
                kept
            }
            Err(refusal) => Err(self.refused(origin, &taken, refusal).await),
        }
    }

    /// Writes what was granted, and only then shares it.
    async fn keep(
        &self,
        origin: &Origin,
        fence: i64,
        old: &SecretString,
        granted: Granted,
    ) -> Result<AccessToken, NoToken> {
        if granted.hub_id.is_some_and(|hub| Some(hub) != origin.portal_id()) {
            tracing::error!(%origin, "hubspot gave a token of another portal: it is not used");
            self.end(origin, fence, RefreshOutcome::Later, LONG, Some("OTHER_PORTAL")).await;
            return Err(later("OTHER_PORTAL", LONG));
        }
        let refresh_token = granted.refresh_token.as_ref().unwrap_or(old);
        // With the first of the keys: so a rotation reaches every token within its life.
        let sealed = match self.app.keys.seal(&refresh_token_of(origin), refresh_token) {
            Ok(sealed) => sealed,
            Err(error) => return Err(NoToken::records_away(origin, &error)),
        };
        let given_ms = now_ms();
        let (due_ms, expires_ms) = App::times(&granted, given_ms);
        let given = Given { refresh_token: &sealed, due_ms, expires_ms };
        let scopes = granted.scopes.as_ref().map(|scopes| scopes.join(" "));
        if !self.write(origin, fence, given, scopes.as_deref()).await? {
            self.app.metrics.refreshed(RefreshOutcome::Overtaken);
            return Err(NoToken::Busy);
        }
        let token = AccessToken { secret: granted.access_token, fence, given_ms, expires_ms };
        self.share(origin, &token).await;
        // Only now: whoever begins next looks for what is shared first.
        self.release(origin, fence, Duration::ZERO, None).await;
        self.app.metrics.refreshed(RefreshOutcome::Refreshed);
        self.app.doubt.taken(origin, Instant::now());
        tracing::debug!(%origin, fence, "access token refreshed");
        Ok(token)
    }

    /// Asks what the portal has not said of itself yet, beside whoever waits for the token.
    fn ask_for_details(&self, origin: &Origin, token: &AccessToken) {
        let (app, origin, token) = (Arc::clone(&self.app), origin.clone(), token.secret.clone());
        self.refreshes.spawn(async move {
            match app.endpoint.details(&token).await {
                Ok(details)
                    if details.portal_id.is_none_or(|id| Some(id) == origin.portal_id()) =>
                {
                    app.note(&origin, &details).await;
                }
                Ok(_) => tracing::error!(%origin, "a portal says of itself that it is another one"),
                Err(_) => tracing::debug!(%origin, "a portal says nothing of itself"),
            }
        });
    }

    /// Writes it; false if a later one was quicker.
    async fn write(
        &self,
        origin: &Origin,
        fence: i64,
        given: Given<'_>,
        scopes: Option<&str>,
    ) -> Result<bool, NoToken> {
        self.app.write_refreshed(origin, fence, given, scopes).await.map_err(|error| {
            let error = format!("{error:#}");
            self.app.metrics.refreshed(RefreshOutcome::Unwritten);
            tracing::error!(%origin, error, "a refresh token could not be written: the one before is used again");
            later("RECORDS_DOWN", LATER)
        })
    }

    async fn refused(&self, origin: &Origin, taken: &Taken, refusal: Refusal) -> NoToken {
        let fence = taken.fence;
        match refusal {
            Refusal::Revoked { code } => {
                self.app.accepted();
                self.revoked(origin, taken, &code).await
            }
            Refusal::Misconfigured { code } => {
                let wait = self.app.refused(&code);
                // Nothing is written of the portal: it is not its fault.
                self.end(origin, fence, RefreshOutcome::Misconfigured, Duration::ZERO, None).await;
                later(&code, wait)
            }
            Refusal::Later { code, wait } => {
                let wait = wait.unwrap_or(LATER).max(LATER).mul_f64(1.0 + rand::random::<f64>());
                self.end(origin, fence, RefreshOutcome::Later, wait, Some(&code)).await;
                tracing::debug!(%origin, error.code = code, "an access token was not refreshed");
                NoToken::Later { code, wait }
            }
        }
    }

    /// Why the portal's installation was not taken.
    async fn why_not(&self, origin: &Origin) -> NoToken {
        let known = match self.app.records.installation(origin).await {
            Ok(known) => known,
            Err(error) => return NoToken::records_away(origin, &error),
        };
        match known {
            Some(known) if known.app != self.app.endpoint.client_id() => NoToken::Unknown,
            Some(known) if known.state == InstallationState::Uninstalled => NoToken::Uninstalled {
                since_ms: known.uninstalled_ms.unwrap_or(known.installed_ms),
            },
            Some(_) => NoToken::Busy,
            None => NoToken::Unknown,
        }
    }

    pub(super) async fn end(
        &self,
        origin: &Origin,
        fence: i64,
        outcome: RefreshOutcome,
        wait: Duration,
        code: Option<&str>,
    ) {
        self.app.metrics.refreshed(outcome);
        self.release(origin, fence, wait, code).await;
    }

    async fn release(&self, origin: &Origin, fence: i64, wait: Duration, code: Option<&str>) {
        let until_ms = if wait.is_zero() { 0 } else { now_ms() + millis(wait) };
        let releasing = self.app.records.release_installation(origin, fence, until_ms, code);
        if let Err(error) = releasing.await {
            // Then its lease runs out.
            let error = format!("{error:#}");
            tracing::debug!(%origin, error, "a refresh was not given back");
        }
    }
}

impl App {
    /// Writes what a refresh has brought, again and again while the records are away; false if a later one was
    /// quicker.
    pub(super) async fn write_refreshed(
        &self,
        origin: &Origin,
        fence: i64,
        given: Given<'_>,
        scopes: Option<&str>,
    ) -> anyhow::Result<bool> {
        let (mut reconnect, begun) = (Reconnect::default(), Instant::now());
        loop {
            match self.records.keep_refreshed(origin, fence, given, scopes).await {
                Err(_) if begun.elapsed() < WRITING => {
                    tokio::time::sleep(reconnect.next_delay()).await;
                }
                written => return written,
            }
        }
    }
}

fn later(code: &str, wait: Duration) -> NoToken {
    NoToken::Later { code: code.to_owned(), wait }
}
