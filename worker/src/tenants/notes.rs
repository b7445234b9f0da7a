//! The faults that are found while the file is read.

use std::cell::{Cell, RefCell};

use shared::harmless::harmless;

use super::fault::{Fault, Faults};
use super::place::Lines;
use crate::suggestion::did_you_mean;

/// So many faults are told; more only says that it is the wrong file.
const MOST_TOLD: usize = 100;

/// Each search among up to 10,000 names takes a while.
const MOST_SEARCHES: usize = 50;

/// What was noted so far. Who reads a part of the file only adds to it.
#[derive(Default)]
pub(crate) struct Notes {
    found: RefCell<Vec<Note>>,
    searches: Cell<usize>,
}

struct Note {
    at: usize,
    path: String,
    message: String,
}

impl Notes {
    /// A fault at the byte `at`. Names in a message may be no names: they are made harmless here.
    pub(crate) fn fault(&self, at: usize, path: &str, message: &str) {
        let note = Note { at, path: path.to_owned(), message: harmless(message) };
        self.found.borrow_mut().push(note);
    }

    /// `: did you mean "…"?`, if `names` have a like one.
    pub(crate) fn did_you_mean<'n>(
        &self,
        word: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        self.searches.set(self.searches.get() + 1);
        if self.searches.get() > MOST_SEARCHES { None } else { did_you_mean(word, names) }
    }

    /// The faults in the order of the text they are in; `None` if there are none.
    pub(crate) fn into_faults(self, file: &str, text: &str) -> Option<Faults> {
        let mut found = self.found.into_inner();
        if found.is_empty() {
            return None;
        }
        found.sort_by_key(|note| note.at);
        let left_off = found.len().saturating_sub(MOST_TOLD);
        found.truncate(MOST_TOLD);
        let lines = Lines::of(text);
        let first = found.into_iter().map(|Note { at, path, message }| {
            let place = lines.place(at);
            Fault { place, path, message }
        });
        Some(Faults { file: file.to_owned(), first: first.collect(), left_off })
    }
}
