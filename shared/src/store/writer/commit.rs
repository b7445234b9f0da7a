//! One transaction: what is asked of it, one after the other, and whether the disk is synced.

use std::time::Instant;

use super::{Committed, UNSYNCED, UNSYNCED_MS, Writer};
use crate::store::errand::{Errand, Lasting, Reply};
use crate::store::fault::Fault;

impl Writer {
    pub(super) fn commit(
        &mut self,
        errands: &mut Vec<Errand>,
        replies: &mut Vec<Reply>,
    ) -> Result<Committed, Fault> {
        // Not behind a hole: once that is gone it is due still.
        let is_late = |since: Instant| since.elapsed() >= UNSYNCED;
        let is_due = !self.has_hole && self.unsynced.is_some_and(is_late);
        let is_needed = errands.iter().any(|errand| errand.lasting.is_synced());
        let syncs = is_due || is_needed;
        let turn = &mut self.turn;
        turn.now_ms = turn.clock.now_ms();
        // What is only looked at needs no transaction: nobody else writes.
        let only_looks = !is_due && errands.iter().all(|errand| errand.lasting == Lasting::Nothing);
        if !only_looks {
            turn.sync(syncs)?;
            turn.execute("BEGIN IMMEDIATE")?;
        }
        // What is alone needs no mark to be undone to.
        let is_alone = errands.len() == 1;
        let (mut writes, mut is_marked) = (0, false);
        // One by one: who is left when all fails must not hear of it yet.
        errands.reverse();
        while let Some(errand) = errands.pop() {
            // Its sender has been told no, and will come again: written now, it would be there twice.
            if errand.is_abandoned() {
                continue;
            }
            let is_write = errand.lasting != Lasting::Nothing;
            if is_write && !is_alone {
                // What a failing errand is undone to, in place of the last one's.
                if is_marked {
                    turn.execute("RELEASE errand")?;
                }
                turn.execute("SAVEPOINT errand")?;
                is_marked = true;
            }
            let (tell, done) = errand.run(turn);
            replies.push(tell);
            match done {
                Ok(()) => writes += u64::from(is_write),
                Err(Fault::Own(why)) => {
                    self.metrics.failures.inc();
                    tracing::error!(
                        error = why,
                        "a write to the data file failed by its own fault"
                    );
                    if is_write && is_alone {
                        turn.execute("ROLLBACK")?;
                        turn.execute("BEGIN IMMEDIATE")?;
                    } else if is_write {
                        turn.execute("ROLLBACK TO errand")?;
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
        // Without a page that has changed SQLite syncs nothing, and who knows whether the errands changed one.
        let tells_time = is_due || (writes > 0 && turn.now_ms - self.high_ms >= UNSYNCED_MS);
        let high_ms = turn.now_ms.max(self.high_ms + 1);
        if tells_time {
            turn.write_time(high_ms)?;
        }
        if !only_looks {
            // With the last mark.
            turn.execute("COMMIT")?;
        }
        if tells_time {
            self.high_ms = high_ms;
        }
        if tells_time && syncs {
            self.unsynced = None;
        } else if writes > 0 && !syncs {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        self.commits += 1;
        Ok(Committed { writes, is_synced: syncs && (writes > 0 || tells_time) })
    }
}
