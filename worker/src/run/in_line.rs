//! The place that a run has in the line of its record, and what the line is told when it leaves.
//!
//! That is told once the run is settled, so that nobody goes before that.

use std::sync::{Mutex, PoisonError};

use crate::ledger::Ledger;
use crate::order::{Comer, Terms, Word};

/// The place of one run, if it has come to a line.
#[derive(Debug, Default)]
pub(crate) struct InLine(Mutex<Option<Place>>);

#[derive(Clone, Debug)]
struct Place {
    record: String,
    who: Comer,
    terms: Terms,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It goes, or does not know yet.
    Goes,
    Waits,
    Broken,
}

impl InLine {
    /// Tells the line how the run ended; nothing if that has been told or there is none.
    pub(crate) async fn leave(&self, ledger: &Ledger, word: Word) {
        let Some(Place { record, who, terms, stands }) = self.lock().take() else { return };
        let word = match (stands, word) {
            // Told when it was to come back, which it was told itself.
            (Stands::Waits | Stands::Broken, Word::PutOff(_) | Word::Failed(_)) => return,
            // It was not its own failure, and takes nobody along.
            (Stands::Broken, _) => Word::Done,
            (_, word) => word,
        };
        ledger.order(&record, &who, &terms, word).await;
    }

    pub(super) fn comes(&self, record: &str, who: &Comer, terms: Terms) {
        let (record, who) = (record.to_owned(), who.clone());
        *self.lock() = Some(Place { record, who, terms, stands: Stands::Goes });
    }

    pub(super) fn stands(&self, stands: Stands) {
        if let Some(place) = &mut *self.lock() {
            place.stands = stands;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
