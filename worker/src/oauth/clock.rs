//! Refreshes by the clock: every worker looks for what is due, and the records say who does it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use shared::clock::now_ms;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::tokens::{Tokens, Why};

/// How often is looked: little beside the fifth of a token's life that is left when it is due.
const EVERY: Duration = Duration::from_secs(5);
/// Portals of one look. If there are more, the next look follows at once.
const MOST: i64 = 200;
/// Refreshes of one worker under way at once.
const AT_ONCE: usize = 8;
/// How often installations are counted.
const COUNT: Duration = Duration::from_secs(60);

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
        let client_id = self.app.endpoint.client_id();
        let due = self.app.records.due_installations(client_id, now_ms(), MOST).await?;
        let is_more = i64::try_from(due.len()).is_ok_and(|due| due >= MOST);
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, async |origin| {
                // What becomes of it is counted, and written where it says something of the portal.
                let _ = self.refresh(&origin, Why::Due).await;
            })
            .await;
        Ok(is_more)
    }
}

async fn look(tokens: Arc<Tokens>) {
    let (mut was_well, mut counted) = (true, None::<Instant>);
    loop {
        let looked = tokens.refresh_due().await;
        let is_well = looked.is_ok();
        if let Err(error) = &looked
            && std::mem::replace(&mut was_well, false)
        {
            let error = format!("{error:#}");
            tracing::warn!(error, "the records do not say which access tokens are due");
        }
        was_well |= is_well;
        if counted.is_none_or(|at| at.elapsed() >= COUNT) {
            let counting = tokens.app.records.count_installations(tokens.app.endpoint.client_id());
            if let Ok((installed, uninstalled)) = counting.await {
                tokens.app.metrics.installations(installed, uninstalled);
                counted = Some(Instant::now());
            }
        }
        if !looked.unwrap_or(false) {
            // Not all workers at the same moment.
            tokio::time::sleep(EVERY.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        }
    }
}
