//! Taking the letters that are there now into the records, once, for whoever is about to look.

use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use shared::broker::Broker;
use shared::metrics::BrokerMetrics;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::handle::DeadLetters;
use super::index::Indexed;
use super::intake::{BATCH, answers, commit, gather, options};

/// In a queue that others take from too, letters that do not come within this are theirs; the first
/// may take longer.
const QUIET: Duration = Duration::from_secs(1);
const FIRST: Duration = Duration::from_secs(5);

/// How [`drain`] went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// What became of the letters that were there.
    pub indexed: Indexed,
    /// Whether that was all of them.
    pub complete: bool,
}

/// Takes the letters that are there now into the records; gives up after `patience`, which is no
/// error: the others wait. Must be called on a multi-thread runtime.
pub async fn drain(
    letters: &DeadLetters,
    broker: &Broker,
    patience: Duration,
) -> anyhow::Result<Drained> {
    let deadline = Instant::now() + patience;
    timeout_at(deadline, answers(letters))
        .await
        .context("the records' database does not answer in time")??;
    let metrics = BrokerMetrics::register(&mut Registry::default());
    let (consumer, mut deliveries) = broker.dead_letters(options(), metrics)?;
    let mut drained = Drained::default();
    let draining = async {
        let (expected, mut taken) = (consumer.ready().await?, 0);
        let never = CancellationToken::new();
        while taken < expected {
            let left = usize::try_from(expected - taken).unwrap_or(BATCH).min(BATCH);
            let patience = if taken == 0 { FIRST } else { QUIET };
            let batch = gather(&mut deliveries, left, Some(patience), &never).await;
            if batch.is_empty() {
                // Somebody else has them, or they are slow to come.
                return Ok(taken > 0);
            }
            taken += batch.len() as u64;
            let Indexed { new, known, died_again, problems } = commit(letters, batch).await?;
            drained.indexed.new += new;
            drained.indexed.known += known;
            drained.indexed.died_again += died_again;
            drained.indexed.problems += problems;
        }
        anyhow::Ok(true)
    };
    let ended = timeout_at(deadline, draining).await;
    drop(deliveries);
    consumer.close().await;
    drained.complete = ended.unwrap_or(Ok(false))?;
    Ok(drained)
}
