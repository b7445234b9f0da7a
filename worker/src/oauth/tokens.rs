//! Every portal's access token, for a worker: as others share it, or got now.
//!
//! A refresh is a task of its own: who waits for it may be cut off, and it goes on to its end.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::now_ms;
use shared::origin::Origin;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::access::AccessToken;
use super::app::App;
use super::no_token::NoToken;
use crate::ledger::Ledger;

/// How long it is waited for what only saves a refresh.
const SHARE: Duration = Duration::from_secs(5);

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is time.
    Due,
    /// There is none.
    Missing,
    /// HubSpot has refused the one with this fence.
    Refused(i64),
}

impl Why {
    /// Whether a token that is there answers it.
    pub(super) fn takes(self, token: &AccessToken, now_ms: i64) -> bool {
        let is_other = match self {
            Self::Due | Self::Missing => true,
            Self::Refused(fence) => token.fence > fence,
        };
        is_other && !token.lasts(now_ms).is_zero()
    }
}

/// The tokens, for a worker.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(super) app: Arc<App>,
    ledger: Arc<Ledger>,
    /// How long a refresh is somebody's.
    pub(super) lease: Duration,
    /// How long events are held of a portal that is without the app.
    kept: Duration,
    pub(super) refreshes: TaskTracker,
}

impl Tokens {
    /// Shared by way of `ledger`. Answers of HubSpot's come within `timeout`.
    pub(crate) fn new(
        app: Arc<App>,
        ledger: Arc<Ledger>,
        timeout: Duration,
        kept: Duration,
    ) -> Arc<Self> {
        // The answer, and then the write.
        let lease = timeout.saturating_add(Duration::from_secs(30));
        Arc::new(Self { app, ledger, lease, kept, refreshes: TaskTracker::new() })
    }

    #[cfg(test)]
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How long events are held of a portal that is without the app.
    pub(crate) fn kept(&self) -> Duration {
        self.kept
    }

    /// A token of this portal that lasts, as it is shared or from HubSpot.
    pub(crate) async fn get(
        self: &Arc<Self>,
        origin: &Origin,
        why: Why,
    ) -> Result<AccessToken, NoToken> {
        if let Some(token) = self.shared(origin).await
            && why.takes(&token, now_ms())
        {
            return Ok(token);
        }
        self.refresh(origin, why).await
    }

    /// A token from HubSpot, unless somebody has got one just now.
    pub(super) async fn refresh(
        self: &Arc<Self>,
        origin: &Origin,
        why: Why,
    ) -> Result<AccessToken, NoToken> {
        let (tokens, origin) = (Arc::clone(self), origin.clone());
        let refreshing =
            self.refreshes.spawn(async move { tokens.refresh_now(&origin, why).await });
        refreshing.await.unwrap_or_else(|_| {
            Err(NoToken::Later { code: "PANIC".to_owned(), wait: Duration::from_secs(60) })
        })
    }

    /// Lets refreshes that are under way come to their end. One that is cut off is like one that crashed.
    pub(crate) async fn settle(&self) {
        self.refreshes.close();
        self.refreshes.wait().await;
    }

    /// The token that was shared last, if it is to be had.
    pub(super) async fn shared(&self, origin: &Origin) -> Option<AccessToken> {
        let asked = timeout(SHARE, self.ledger.shared(&name(origin))).await.ok()??;
        AccessToken::open(&self.app.keys, origin, &asked)
    }

    pub(super) async fn share(&self, origin: &Origin, token: &AccessToken) {
        let sealed = match token.seal(&self.app.keys, origin) {
            Ok(sealed) => sealed,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(%origin, error, "an access token cannot be shared");
                return;
            }
        };
        let name = name(origin);
        let sharing = self.ledger.share(&name, &sealed, token.lasts(now_ms()));
        if timeout(SHARE, sharing).await.is_err() {
            tracing::debug!(%origin, "an access token was not shared in time");
        }
    }

    pub(super) async fn forget(&self, origin: &Origin) {
        let name = name(origin);
        let _ = timeout(SHARE, self.ledger.share(&name, "", Duration::ZERO)).await;
    }
}

/// Under which it is shared.
fn name(origin: &Origin) -> String {
    format!("token:{{{origin}}}")
}
