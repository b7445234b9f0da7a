//! Where errands wait for the writer's thread, and where each side learns that the other is gone. What becomes of
//! an errand is not known here.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::errand::Errand;
use super::not_written::NotWritten;

/// Errands of one transaction.
pub(super) const BATCH: usize = 1024;

/// Opens an inbox.
pub(super) fn open() -> (Outbox, Inbox) {
    let (sender, errands) = mpsc::channel();
    let ended = CancellationToken::new();
    let inbox = Inbox { _ended: ended.clone().drop_guard(), errands };
    (Outbox { errands: sender, ended }, inbox)
}

/// What errands are put into.
#[derive(Debug)]
pub(super) struct Outbox {
    errands: mpsc::Sender<Errand>,
    /// Cancelled once nobody takes them any more.
    ended: CancellationToken,
}

impl Outbox {
    pub(super) fn send(&self, errand: Errand) -> Result<(), NotWritten> {
        self.errands.send(errand).map_err(|_| NotWritten::Down)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.ended.is_cancelled()
    }

    pub(super) async fn closed(&self) {
        self.ended.cancelled().await;
    }
}

/// What they are taken out of.
pub(super) struct Inbox {
    /// Dropped first: whose errand goes with the inbox finds that it is closed.
    _ended: DropGuard,
    errands: mpsc::Receiver<Errand>,
}

impl Inbox {
    /// Waits for errands until then, or for as long as it takes, and takes what is there into what is left of
    /// `batch`.
    pub(super) fn receive(
        &self,
        batch: &mut Vec<Errand>,
        until: Option<Instant>,
    ) -> Result<(), RecvTimeoutError> {
        let first = match until {
            None => self.errands.recv()?,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                self.errands.recv_timeout(left)?
            }
        };
        batch.push(first);
        let room = BATCH.saturating_sub(batch.len());
        batch.extend(self.errands.try_iter().take(room));
        Ok(())
    }
}
