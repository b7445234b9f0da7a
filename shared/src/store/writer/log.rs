//! SQLite's log: brought into the file before it is long, and begun anew where a failed sync may have left a hole
//! in it.

use std::sync::Arc;

use super::{State, Writer};
use crate::link::Link;
use crate::store::fault::Fault;
use crate::store::schema::CHECKPOINT_PAGES;
use crate::store::turn::{Checkpoint, Checkpointed};

/// Commits from one measuring of SQLite's log to the next: each may be of many megabytes.
const MEASURED_EVERY: u32 = 16;
/// With a quarter of a MiB: a row with a key that no entry has, and its end.
const PROBE: &str = "INSERT OR REPLACE INTO step VALUES (0, 'probe', hex(zeroblob(131072))); \
    DELETE FROM step WHERE id = 0";

impl Writer {
    /// Brings SQLite's log into the file once it is long. SQLite would do that by itself, but would keep to
    /// itself that a sync has failed on the way.
    pub(super) fn checkpoint(&mut self) {
        if self.commits < MEASURED_EVERY || self.state() != State::Writing {
            return;
        }
        self.commits = 0;
        if let Err(fault) = self.checkpointed() {
            self.failed(&fault);
        }
    }

    fn checkpointed(&mut self) -> Result<(), Fault> {
        if self.turn.checkpoint(Checkpoint::Noop)?.pages >= CHECKPOINT_PAGES {
            self.turn.checkpoint(Checkpoint::Passive)?;
        }
        Ok(())
    }

    /// Finds out whether there is room again, for more than would fit into the file as it is: else
    /// it would seem well until the next message.
    pub(super) fn probe(&mut self) {
        if let Err(fault) = self.probed() {
            let why = fault.to_string();
            let is_news = !matches!(&*self.link.0.borrow(), Link::Down(known) if **known == *why);
            if is_news {
                tracing::warn!(error = why, "the data file takes no writes yet");
                self.link.0.send_replace(Link::Down(Arc::from(why)));
            }
            return;
        }
        self.has_hole = false;
        tracing::info!("the data file takes writes again");
        self.metrics.up.set(1);
        self.link.0.send_replace(Link::Up);
    }

    fn probed(&mut self) -> Result<(), Fault> {
        self.turn.sync(true)?;
        self.turn.set(PROBE)?;
        if self.has_hole {
            // With the log begun anew nothing stands behind the hole.
            let Checkpointed { is_busy, .. } = self.turn.checkpoint(Checkpoint::Truncate)?;
            if is_busy {
                let why = "somebody reads it, and its log cannot be begun anew meanwhile";
                return Err(Fault::Disk(why.to_owned()));
            }
        }
        Ok(())
    }
}
