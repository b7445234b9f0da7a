//! Taking letters out of their queues, a batch at a time: committed first, acked then.

use std::time::Duration;

use anyhow::Context as _;
use shared::broker::{DeadLetterOptions, DeadQueue, Delivery, Settlement};
use shared::clock::now_ms;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::arrival::Arrival;
use super::fingerprint::keyed;
use super::handle::DeadLetters;
use super::index::{Indexed, index};
use crate::records::key::Purpose;

/// Letters of one transaction.
pub(super) const BATCH: usize = 500;
/// What the broker may send ahead: letters can be large, and each of these may be in memory.
const PREFETCH: u16 = 500;
/// A batch takes no more letters behind the one that takes it over this: one can have megabytes.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// How long a letter waits for company.
const MOMENT: Duration = Duration::from_millis(200);
/// How long the database may take for a batch.
const COMMIT: Duration = Duration::from_secs(30);

pub(super) fn options() -> DeadLetterOptions {
    DeadLetterOptions { name: "hubline dead letters".to_owned(), prefetch: PREFETCH }
}

/// Whether the database can be used.
pub(super) async fn answers(letters: &DeadLetters) -> anyhow::Result<()> {
    timeout(COMMIT, async { letters.records.ready().await?.ping().await })
        .await
        .context("the records' database does not answer in time")?
}

/// The next letters: as many as come within a moment, up to `limit`. None if nothing comes within
/// `patience`, or none any more once it is to `stop`.
pub(super) async fn gather(
    deliveries: &mut UnboundedReceiver<Delivery<DeadQueue>>,
    limit: usize,
    patience: Option<Duration>,
    stop: &CancellationToken,
) -> Vec<(Arrival, Settlement)> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut deadline = patience.map(|patience| Instant::now() + patience);
    while batch.len() < limit && bytes < BATCH_BYTES {
        let receiving = async {
            match deadline {
                Some(deadline) => timeout_at(deadline, deliveries.recv()).await.ok().flatten(),
                None => deliveries.recv().await,
            }
        };
        let delivery = stop.run_until_cancelled(receiving).await.flatten();
        let Some(Delivery { message, lane, settlement, .. }) = delivery else { break };
        if settlement.is_lost() {
            // Its copy is on its way.
            continue;
        }
        if batch.is_empty() {
            deadline = Some(Instant::now() + MOMENT);
        }
        let arrival = Arrival::new(message, lane, now_ms());
        bytes += arrival.body.len();
        batch.push((arrival, settlement));
    }
    batch
}

/// Writes a batch and then acks it. Dropped in between, all of it goes back.
pub(super) async fn commit(
    letters: &DeadLetters,
    batch: Vec<(Arrival, Settlement)>,
) -> anyhow::Result<Indexed> {
    let (mut arrivals, settlements): (Vec<Arrival>, Vec<_>) = batch.into_iter().unzip();
    let database = letters.records.ready().await?;
    let key = timeout(COMMIT, letters.records.key(Purpose::Problems))
        .await
        .context("the records' database does not answer in time")??;
    for arrival in &mut arrivals {
        arrival.fingerprint = keyed(&key, &arrival.fingerprint);
    }
    let indexed = timeout(COMMIT, index(database, &arrivals))
        .await
        .context("the records' database did not take dead letters in time")?
        .context("the records' database takes no dead letters")?;
    for settlement in settlements {
        settlement.ack();
    }
    Ok(indexed)
}
