//! Looks after the event log's days, without end: those to come are made, old ones dropped, and what was
//! erased of them stays erased.

use std::time::Duration;

use shared::clock::now_ms;
use tokio_util::task::AbortOnDropHandle;

use super::clock::day_of;
use super::erasure::sweep;
use super::handle::Records;
use super::partitions::{drop_before, make};

/// So often it is looked whether a day has begun.
const EVERY: Duration = Duration::from_secs(600);

impl Records {
    /// Keeps the event log's days until the handle is dropped.
    pub(crate) fn look_after_days(&self, retention: Duration) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(keep(self.clone(), retention)))
    }
}

/// Keeps partitions ahead, old days gone and erased content erased, without end.
async fn keep(records: Records, retention: Duration) {
    loop {
        let kept = async {
            let database = records.ready().await?;
            let today = day_of(now_ms());
            make(database, today).await?;
            let days = i32::try_from(retention.as_secs() / (24 * 3600)).unwrap_or(i32::MAX);
            drop_before(database, today.saturating_sub(days)).await?;
            anyhow::Ok(())
        };
        if let Err(error) = kept.await {
            tracing::warn!(
                error = format!("{error:#}"),
                "days of the event log were not looked after"
            );
        }
        let swept = async { anyhow::Ok(sweep(records.ready().await?).await?) };
        if let Err(error) = swept.await {
            tracing::warn!(error = format!("{error:#}"), "erased contacts were not looked after");
        }
        tokio::time::sleep(EVERY).await;
    }
}
