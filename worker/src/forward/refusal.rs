//! A destination that wants nothing any more is paused, where there is a place to write that down.
//!
//! Owns that it is written once for each version of the destination, however many events are told so at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::sync::Mutex;

use crate::records::{Records, Stand};

/// For so long one waits for the records.
const WITHIN: Duration = Duration::from_secs(3);
/// Within this workers see what was written.
const SEEN: Duration = Duration::from_secs(30);

/// How one destination stood in the records when it was made ready.
#[derive(Debug)]
pub(crate) struct Refusal {
    records: Records,
    destination: String,
    stood: Stand,
    last: Arc<Mutex<Option<Try>>>,
}

/// When it was tried to be written last, and whether it was.
#[derive(Clone, Copy, Debug)]
struct Try {
    at: Instant,
    is_written: bool,
}

impl Refusal {
    pub(crate) fn new(records: Records, destination: String, stood: Stand) -> Self {
        Self { records, destination, stood, last: Arc::default() }
    }

    /// It wants nothing any more: it is paused now, or somebody has changed it since it was asked. False if that is so
    /// long ago that this worker should know. An error if the records are away.
    pub(super) async fn write(&self) -> anyhow::Result<bool> {
        let (records, destination) = (self.records.clone(), self.destination.clone());
        let (stood, last) = (self.stood, Arc::clone(&self.last));
        // To its end, whatever becomes of the run. Others who are told the same now wait for this one's end.
        let writing = tokio::spawn(async move {
            let mut last = last.lock().await;
            if let Some(last) = *last
                && (last.is_written || last.at.elapsed() < WITHIN)
            {
                anyhow::ensure!(last.is_written, "it could not be written a moment ago");
                return Ok(last.at.elapsed() < SEEN);
            }
            // Never much later: by then it may take events again.
            let writing = records.destination_refused(&destination, stood);
            let written = tokio::time::timeout(WITHIN, writing).await;
            let written = written.context("the records do not answer").flatten();
            *last = Some(Try { at: Instant::now(), is_written: written.is_ok() });
            if written? {
                tracing::warn!(destination, "a destination wants nothing any more, and is paused");
            }
            Ok(true)
        });
        writing.await?
    }
}
