//! Something to write or to look at, and who waits for it. What it is about is its owner's to
//! know.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::fault::Fault;
use super::not_written::NotWritten;
use super::room::Space;
use super::turn::Turn;

/// Tells whoever asked; dropped instead, it tells them that nothing was written.
pub(super) type Reply = Box<dyn FnOnce()>;
type Done = (Reply, Result<(), Fault>);
type Work = Box<dyn FnOnce(&mut Turn) -> Done + Send>;

/// What of an errand is there, and when, once it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// Nothing: it only looks.
    Nothing,
    /// What it wrote survives the end of this process. It may wait a moment for others to share a commit with.
    InCompany,
    /// What it wrote survives the end of this process. After a loss of power all that was written since some
    /// moment may be gone, the last second at most.
    Process,
    /// What it wrote is on the disk. It may wait an instant for others to share a sync with.
    DiskSoon,
    /// What it wrote is on the disk.
    Disk,
}

impl Lasting {
    /// How long it waits for company.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Nothing | Self::Process | Self::Disk => Duration::ZERO,
            Self::DiskSoon => Duration::from_millis(20),
            Self::InCompany => Duration::from_millis(200),
        }
    }

    /// Whether it is answered only after a sync.
    pub(super) fn is_synced(self) -> bool {
        matches!(self, Self::Disk | Self::DiskSoon)
    }
}

/// One write, or one look.
pub(super) struct Errand {
    work: Work,
    pub(super) lasting: Lasting,
    /// Gone once nobody waits; `None` if it is to be done all the same.
    awaited: Option<Weak<()>>,
    /// Of the room that waiting errands have.
    _space: Option<Space>,
}

impl Errand {
    /// One whose result goes to `reply`.
    pub(super) fn new<T, F>(
        lasting: Lasting,
        errand: F,
        reply: oneshot::Sender<Result<T, NotWritten>>,
    ) -> Self
    where
        T: Send + 'static,
        F: FnOnce(&mut Turn) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let work: Work = Box::new(move |turn| {
            let (answer, done) = match catch_unwind(AssertUnwindSafe(|| errand(turn))) {
                Ok(Ok(result)) => (Ok(result), Ok(())),
                Ok(Err(error)) => (Err(NotWritten::Refused), Err(Fault::from(error))),
                // What it said is on standard error already.
                Err(_) => (Err(NotWritten::Refused), Err(Fault::Own("it panicked".to_owned()))),
            };
            let tell: Reply = Box::new(move || drop(reply.send(answer)));
            (tell, done)
        });
        Self { work, lasting, awaited: None, _space: None }
    }

    /// Not to be done once nobody has `waiting` any more; takes up `space` until then.
    pub(super) fn awaited_by(self, waiting: &Arc<()>, space: Option<Space>) -> Self {
        Self { awaited: Some(Arc::downgrade(waiting)), _space: space, ..self }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.awaited.as_ref().is_some_and(|waiting| waiting.strong_count() == 0)
    }

    pub(super) fn run(self, turn: &mut Turn) -> Done {
        let Self { work, _space: space, .. } = self;
        let (tell, done) = work(turn);
        // Not before: the answer may hold what was written. And not after: who is told may ask for the room.
        let Some(space) = space else { return (tell, done) };
        let tell: Reply = Box::new(move || {
            drop(space);
            tell();
        });
        (tell, done)
    }
}
