//! What follows from a refusal of one portal's refresh: whether it is believed, and what ends with it.

use std::time::{Duration, Instant};

use shared::clock::now_ms;
use shared::origin::Origin;

use super::doubt::{FEW, WINDOW};
use super::no_token::NoToken;
use super::terms::millis;
use super::tokens::Tokens;
use crate::metrics::RefreshOutcome;
use crate::records::Taken;

/// When a refusal that is not believed is asked about again.
const AGAIN: Duration = Duration::from_mins(5);
/// What such a portal's events wait for.
const DOUBTED: &str = "REFUSAL_DOUBTED";

impl Tokens {
    /// HubSpot says of the token that was taken that the portal is without the app.
    pub(super) async fn revoked(&self, origin: &Origin, taken: &Taken, code: &str) -> NoToken {
        let (app, fence) = (&self.app, taken.fence);
        // One after the other, so that each sees what those before have ended.
        let _turn = app.ending.lock().await;
        let (now, now_ms) = (Instant::now(), now_ms());
        let is_doubted = app.doubt.count(now) > 0;
        if app.doubt.refused(origin, now) {
            // For as long as it lasts: not a few more in each window.
            if is_doubted {
                return self.doubt(origin, fence, code).await;
            }
            let since_ms = now_ms - millis(WINDOW);
            match app.records.refused_since(app.endpoint.client_id(), since_ms).await {
                Ok(ended) if ended >= FEW => return self.doubt(origin, fence, code).await,
                Ok(_) => {}
                Err(error) => return NoToken::records_away(origin, &error),
            }
        }
        match app
            .records
            .revoke_installation(origin, (fence, taken.token_fence), code, now_ms)
            .await
        {
            Ok(Some(since_ms)) => {
                self.forget(origin).await;
                app.metrics.refreshed(RefreshOutcome::Revoked);
                tracing::warn!(%origin, error.code = code, "a portal is without the app: its events are held, and its token is erased when UNINSTALLED_EVENTS_KEPT is over");
                NoToken::Uninstalled { since_ms }
            }
            Ok(None) => {
                // Where there is a newer token it is taken next, by whoever comes.
                self.end(origin, fence, RefreshOutcome::Overtaken, Duration::ZERO, None).await;
                NoToken::Busy
            }
            Err(error) => NoToken::records_away(origin, &error),
        }
    }

    /// Nothing is ended: what is shared of its tokens lasts as long as it does.
    async fn doubt(&self, origin: &Origin, fence: i64, code: &str) -> NoToken {
        let (doubt, now) = (&self.app.doubt, Instant::now());
        if doubt.count(now) == 0 {
            tracing::error!(
                error.code = code,
                "hubspot refuses most portals' tokens at once: no more of them are ended, and somebody has to look"
            );
        }
        doubt.doubted(origin, now);
        self.app.metrics.doubted(doubt.count(now));
        let wait = AGAIN.mul_f64(1.0 + rand::random::<f64>() / 5.0);
        self.end(origin, fence, RefreshOutcome::Doubted, wait, Some(code)).await;
        NoToken::Later { code: DOUBTED.to_owned(), wait }
    }
}
