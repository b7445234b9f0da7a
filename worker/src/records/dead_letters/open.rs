//! How many dead letters nobody has dealt with, for whoever watches.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::handle::DeadLetters;
use crate::records::database::on_reading;

const EVERY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(5);

impl DeadLetters {
    /// Keeps `hubline_dead_letters_open` in `registry` until the handle is dropped; while the
    /// database is away it stays as it was. Counted every now and then, and when something `changed`.
    pub(super) fn measure_open(
        &self,
        registry: &mut Registry,
        changed: Arc<Notify>,
    ) -> AbortOnDropHandle<()> {
        let gauge: Gauge = Gauge::default();
        registry.register(
            "dead_letters_open",
            "Dead letters in the records that nobody has dealt with",
            gauge.clone(),
        );
        let letters = self.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                if let Ok(Ok(open)) = timeout(PATIENCE, letters.open()).await {
                    gauge.set(open);
                }
                let _ = timeout(EVERY, changed.notified()).await;
            }
        }))
    }

    async fn open(&self) -> anyhow::Result<i64> {
        let database = self.records.ready().await?;
        let sum = "SELECT CAST(coalesce(sum(dead), 0) AS BIGINT) FROM problem";
        Ok(on_reading!(database, pool => sqlx::query_scalar(sum).fetch_one(pool).await)?)
    }
}
