//! What is done by the clock: every worker looks for what is due, and the records say who refreshes it. What was
//! kept of portals without the app is erased, and the access token that is shared of one is forgotten.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use shared::clock::now_ms;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::terms::millis;
use super::tokens::{Tokens, Why};

/// How often is looked: little beside the fifth of a token's life that is left when it is due.
const EVERY: Duration = Duration::from_secs(5);
/// Portals of one look. If there are more, the next look follows at once.
const MOST: i64 = 200;
/// Refreshes of one worker under way at once.
const AT_ONCE: usize = 8;
/// How often installations are counted, and what was kept for long enough is erased.
const COUNT: Duration = Duration::from_secs(60);
/// Portals that are without the app for no longer than this may still have an access token that is shared: looks
/// are closer together, and clocks may differ.
const NEWS: Duration = Duration::from_mins(2);

impl Tokens {
    /// Looks until the handle is dropped. Refreshes that have begun go on.
    pub(crate) fn by_the_clock(self: &Arc<Self>) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(look(Arc::clone(self))))
    }

    /// Refreshes what is due now; whether there may be more.
    pub(super) async fn refresh_due(self: &Arc<Self>) -> anyhow::Result<bool> {
        if self.app.refused_for().is_some() {
            return Ok(false);
        }
        let (app, client_id) = (&self.app, self.app.endpoint.client_id());
        let due = app.records.due_installations(client_id, now_ms(), MOST).await?;
        let is_more = i64::try_from(due.len()).is_ok_and(|due| due >= MOST);
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |origin| {
                // What becomes of it is counted, and written where it says something of the portal.
                let _ = self.refresh(&origin, Why::Due).await;
            })
            .await;
        Ok(is_more)
    }

    /// Forgets what is shared of portals of which it was told that they are without the app.
    pub(super) async fn forget_uninstalled(&self) -> anyhow::Result<()> {
        let since_ms = now_ms() - millis(NEWS);
        let gone = self.app.records.uninstalled_since(since_ms, MOST).await?;
        let forgetting = stream::iter(gone)
            .for_each_concurrent(AT_ONCE, async |origin| self.forget(&origin).await);
        forgetting.await;
        Ok(())
    }

    /// Counts installations, and erases tokens that were kept for long enough.
    pub(super) async fn look_after(&self) -> anyhow::Result<()> {
        let (records, app) = (&self.app.records, self.app.endpoint.client_id());
        let erased = records.erase_tokens(now_ms() - millis(self.kept())).await?;
        if erased > 0 {
            tracing::info!(tokens = erased, "tokens of portals without the app are erased");
        }
        let (installed, uninstalled) = records.count_installations(app).await?;
        self.app.metrics.installations(installed, uninstalled);
        Ok(())
    }
}

async fn look(tokens: Arc<Tokens>) {
    let (mut was_well, mut counted) = (true, None::<Instant>);
    loop {
        let looked = tokens.refresh_due().await;
        let looked = tokens.forget_uninstalled().await.and(looked);
        let is_well = looked.is_ok();
        if let Err(error) = &looked
            && std::mem::replace(&mut was_well, false)
        {
            let error = format!("{error:#}");
            tracing::warn!(error, "the records do not say which access tokens are due");
        }
        was_well |= is_well;
        if counted.is_none_or(|at| at.elapsed() >= COUNT) && tokens.look_after().await.is_ok() {
            counted = Some(Instant::now());
        }
        tokens.app.metrics.doubted(tokens.app.doubt.count(std::time::Instant::now()));
        if !looked.unwrap_or(false) {
            // Not all workers at the same moment.
            tokio::time::sleep(EVERY.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        }
    }
}
