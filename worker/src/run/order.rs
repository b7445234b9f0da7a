//! A run comes to the line of its record: it goes, or waits for those before it.
//!
//! Owns what a run does that has to wait: where it is if the one before is about to end, and else it is put off.

use std::time::{Duration, Instant};

use super::Run;
use super::in_line::Stands;
use crate::error::HandlerError;
use crate::order::{Comer, Terms, Turn, Word};

/// A wait that is longer than this is none where the run is.
const NEAR: Duration = Duration::from_secs(1);
/// For so long it waits there in all.
const IN_PLACE: Duration = Duration::from_secs(2);
/// What a run may take beyond its time until it is settled.
const BESIDE: Duration = Duration::from_secs(10);

impl Run {
    /// Waits for its turn in the line of this record, or gives the error with which it waits on. The event
    /// happened then, ms since the Unix epoch.
    pub(crate) async fn in_order(
        &self,
        record: &str,
        at_ms: i64,
        terms: Terms,
    ) -> Result<(), HandlerError> {
        let id = format!("{}.{}", self.identity, self.generation);
        let who = Comer { id, at_ms, is_bulk: self.is_bulk() };
        // Before it asks: cut off meanwhile, it may have been let in.
        self.in_line.comes(record, &who, terms);
        let (lease, until) = (self.settled_within(), Instant::now() + IN_PLACE);
        let mut seat = None;
        loop {
            let wait = match self.ledger.order(record, &who, &terms, Word::Enter(lease)).await {
                Turn::Go | Turn::Noted => {
                    // Whatever else it waits for, it comes by the line: else its place there would be forgotten.
                    self.rooms.wait_elsewhere();
                    return Ok(());
                }
                Turn::Broken => {
                    self.in_line.stands(Stands::Broken);
                    let what = "an earlier event of the same record failed, and the route takes those behind it along";
                    return Err(HandlerError::permanent("ORDER_BROKEN", what));
                }
                Turn::Wait { wait, is_near } => {
                    let is_near = is_near && wait <= NEAR && Instant::now() + wait <= until;
                    if is_near && seat.is_none() {
                        seat = self.rooms.seat(wait);
                    }
                    if !is_near || seat.is_none() {
                        self.in_line.stands(Stands::Waits);
                        let what = "earlier events of the same record come first";
                        let error = HandlerError::deferred(wait, "ORDER_WAITS", what);
                        return self.waiting_elsewhere(Err(error));
                    }
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// When it has ended at the latest; if its worker dies, when somebody else can claim the event.
    fn settled_within(&self) -> Duration {
        self.time_left().max(self.ledger.lease()).saturating_add(BESIDE)
    }
}
