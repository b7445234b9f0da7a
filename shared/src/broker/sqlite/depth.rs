//! How many messages are ready in the queue of a lane, counted once a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::census;
use super::embedded::Embedded;
use crate::broker::lane::Lane;
use crate::broker::queue::Backlog;

const INTERVAL: Duration = Duration::from_secs(1);

/// A depth that is kept up to date, those in hand too.
#[derive(Debug)]
pub(in crate::broker) struct Depth {
    depth: watch::Receiver<Option<u64>>,
    _counting: AbortOnDropHandle<()>,
}

impl Depth {
    /// Counts what stands in `lane` until it is dropped.
    pub(in crate::broker) fn watch(embedded: &Embedded, lane: Lane) -> Arc<Self> {
        let (sender, depth) = watch::channel(None);
        let store = Arc::clone(embedded.store());
        let counting = tokio::spawn(async move {
            loop {
                let backlog = census::depths(&store).await.ok().map(|depths| Backlog::of(&depths));
                sender.send_replace(backlog.map(|backlog| match lane {
                    Lane::Work => backlog.work,
                    Lane::Bulk => backlog.bulk,
                }));
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Arc::new(Self { depth, _counting: AbortOnDropHandle::new(counting) })
    }

    /// As of the last second; `None` if unknown.
    pub(in crate::broker) fn now(&self) -> Option<u64> {
        *self.depth.borrow()
    }
}
