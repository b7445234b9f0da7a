//! The lines of one process, in its memory: nobody else runs in its name. A restart forgets them: what had
//! failed before is waited for again only once it has come again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Comer, Line, Terms, Turn, Word, millis};

/// So many lines are kept before those are looked for that are over.
const MANY: usize = 10_000;

/// Every line in which somebody is.
#[derive(Debug)]
pub(crate) struct Orders {
    begun: Instant,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    by_record: HashMap<String, Line>,
    /// With so many it is looked again for those that are over.
    many: usize,
}

impl Default for Orders {
    fn default() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default() }
    }
}

impl Orders {
    pub(crate) fn hear(&self, record: &str, who: &Comer, terms: &Terms, word: Word) -> Turn {
        // After whatever is 0 in an entry that is new.
        let now_ms = millis(self.begun.elapsed()).saturating_add(1);
        self.hear_at(record, who, terms, word, now_ms)
    }

    pub(crate) fn hear_at(
        &self,
        record: &str,
        who: &Comer,
        terms: &Terms,
        word: Word,
        now_ms: i64,
    ) -> Turn {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.by_record.len() >= lines.many.max(MANY) {
            lines.by_record.retain(|_, line| line.end_ms() > now_ms);
            lines.many = lines.by_record.len() * 2;
        }
        let mut line = lines.by_record.remove(record).unwrap_or_default();
        let turn = line.hear(who, terms, word, now_ms);
        if !line.0.is_empty() {
            lines.by_record.insert(record.to_owned(), line);
        }
        turn
    }

    /// How many records have a line.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lines.lock().map(|lines| lines.by_record.len()).unwrap_or_default()
    }
}
