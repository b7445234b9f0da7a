//! One pass through a deal's contacts: which are left, and in which batches.
//!
//! Owns the taking apart of refused batches, and what is remembered of each request. From that a run
//! that goes on knows the batches of the one before: with little room at a time it would else take the
//! same one apart again and again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

/// The most records that one batch may hold.
const BATCH: usize = 100;

/// So many contacts are found one by one at the most: where everything is refused, every contact would
/// else be a request or two. What is left then is refused batch by batch.
const MOST_ALONE: usize = 20;

/// What became of the contacts of one batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    /// Done, or gone: nothing is left to do.
    pub(super) settled: BTreeSet<u64>,
    /// Refused for good, and why.
    pub(super) refused: BTreeMap<u64, String>,
    /// To be tried again.
    pub(super) failed: BTreeSet<u64>,
}

/// What is remembered of one request. The first form is all there was before the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Note {
    /// All of it is done, or what is named is.
    Settled(BTreeSet<u64>),
    /// Some are done and some are not.
    Partly {
        settled: BTreeSet<u64>,
        refused: BTreeSet<u64>,
        failed: BTreeSet<u64>,
        /// Of one of the refused, for all: a step is small.
        reason: String,
    },
    /// Refused as a whole, for one or for some of it.
    Whole { batch: BTreeSet<u64>, reason: String },
    /// The pass came to its end, and not all is done: the next begins anew.
    Over,
}

impl Note {
    pub(super) fn of(fates: Fates) -> Self {
        let Fates { settled, refused, failed } = fates;
        if refused.is_empty() && failed.is_empty() {
            return Self::Settled(settled);
        }
        let reason = refused.values().next().cloned().unwrap_or_default();
        Self::Partly { settled, refused: refused.into_keys().collect(), failed, reason }
    }
}

#[derive(Debug)]
pub(super) struct Pass {
    /// Not settled yet.
    left: BTreeSet<u64>,
    batches: VecDeque<BTreeSet<u64>>,
    /// Refused contacts that were found one by one.
    alone: usize,
    /// Refused for good, and why.
    pub(super) refused: BTreeMap<u64, String>,
    /// To be tried again.
    pub(super) failed: BTreeSet<u64>,
}

impl Pass {
    pub(super) fn of(contacts: BTreeSet<u64>) -> Self {
        Self {
            batches: in_pieces(&contacts, BATCH),
            left: contacts,
            alone: 0,
            refused: BTreeMap::new(),
            failed: BTreeSet::new(),
        }
    }

    /// The contacts of the next request.
    pub(super) fn next(&mut self) -> Option<BTreeSet<u64>> {
        self.batches.pop_front()
    }

    /// Goes by what a request has come to, of this run or of one before, when the deal may have had other
    /// contacts.
    pub(super) fn take(&mut self, note: Note) {
        match note {
            Note::Settled(settled) => self.settle(&settled),
            Note::Partly { settled, refused, failed, reason } => {
                self.settle(&settled);
                self.refuse(&refused, &reason);
                self.pass_over(&failed);
                self.failed.extend(failed.intersection(&self.left));
            }
            Note::Whole { batch, .. } if batch.len() > 1 && self.alone < MOST_ALONE => {
                self.pass_over(&batch);
                let half = batch.len().div_ceil(2);
                let batch = batch.intersection(&self.left).copied().collect();
                let halves = in_pieces(&batch, half).into_iter().rev();
                halves.for_each(|half| self.batches.push_front(half));
            }
            Note::Whole { batch, reason } => {
                self.alone += usize::from(batch.len() == 1);
                self.refuse(&batch, &reason);
            }
            Note::Over => *self = Self::of(std::mem::take(&mut self.left)),
        }
    }

    fn settle(&mut self, contacts: &BTreeSet<u64>) {
        self.pass_over(contacts);
        self.left.retain(|id| !contacts.contains(id));
    }

    fn refuse(&mut self, contacts: &BTreeSet<u64>, reason: &str) {
        self.pass_over(contacts);
        let here = contacts.intersection(&self.left);
        self.refused.extend(here.map(|id| (*id, reason.to_owned())));
    }

    /// No request of this pass is to be about them.
    fn pass_over(&mut self, contacts: &BTreeSet<u64>) {
        for batch in &mut self.batches {
            batch.retain(|id| !contacts.contains(id));
        }
        self.batches.retain(|batch| !batch.is_empty());
    }
}

/// The contacts in pieces of `size`.
fn in_pieces(contacts: &BTreeSet<u64>, size: usize) -> VecDeque<BTreeSet<u64>> {
    let contacts: Vec<u64> = contacts.iter().copied().collect();
    contacts.chunks(size).map(|batch| batch.iter().copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    /// As HubSpot would answer: it refuses what has `spoiler` in it.
    fn answer(batch: &BTreeSet<u64>, spoiler: u64) -> Note {
        if batch.contains(&spoiler) {
            Note::Whole { batch: batch.clone(), reason: "spoilt".to_owned() }
        } else {
            Note::Settled(batch.clone())
        }
    }

    #[test]
    fn a_run_that_goes_on_asks_for_nothing_again() {
        let contacts: BTreeSet<u64> = (1..=250).collect();
        let mut notes: Vec<String> = Vec::new();
        // One request a run, each with what the ones before have noted.
        let pass = loop {
            let mut pass = Pass::of(contacts.clone());
            for note in &notes {
                pass.take(serde_json::from_str(note).unwrap());
            }
            let Some(batch) = pass.next() else { break pass };
            notes.push(serde_json::to_string(&answer(&batch, 150)).unwrap());
        };
        assert_eq!((pass.left.into_iter().collect::<Vec<_>>(), pass.refused.len()), (vec![150], 1));
        assert!(notes.len() < 20, "{} requests", notes.len());
    }

    #[test]
    fn what_was_refused_is_asked_for_again_once_the_pass_is_over() {
        let mut pass = Pass::of((1..=3).collect());
        let batch = pass.next().unwrap();
        let refused = BTreeMap::from([(2, "no".to_owned())]);
        let (settled, failed) = ([1].into(), [3].into());
        pass.take(Note::of(Fates { settled, refused, failed }));
        assert_eq!((batch.len(), pass.next()), (3, None));
        assert_eq!((pass.refused.len(), pass.failed.len()), (1, 1));
        pass.take(Note::Over);
        assert_eq!((pass.next(), pass.refused.len()), (Some([2, 3].into()), 0));
    }

    #[test]
    fn a_deal_that_has_other_contacts_by_now_takes_only_what_is_about_its_own() {
        let mut pass = Pass::of([2, 3, 4].into());
        pass.take(Note::Whole { batch: [1, 2, 3].into(), reason: "spoilt".to_owned() });
        assert_eq!(pass.next(), Some([2, 3].into()));
        pass.take(serde_json::from_str("[2,3]").unwrap());
        assert_eq!((pass.next(), pass.next()), (Some([4].into()), None));
    }

    #[test]
    fn a_note_of_a_full_batch_is_small_enough_to_be_kept() {
        let batch: BTreeSet<u64> = (0..BATCH as u64).map(|number| u64::MAX - number).collect();
        let reason = "\"".repeat(super::super::MAX_REASON);
        let fates = Fates {
            settled: BTreeSet::new(),
            refused: batch.iter().map(|id| (*id, reason.clone())).collect(),
            failed: BTreeSet::new(),
        };
        for note in [Note::Settled(batch.clone()), Note::of(fates), Note::Whole { batch, reason }] {
            let json = serde_json::to_string(&note).unwrap();
            assert!(json.len() < crate::run::MAX_STEP_BYTES, "{}", json.len());
        }
    }

    #[test]
    fn every_note_is_read_as_what_it_was() {
        let reason = || "no".to_owned();
        for note in [
            Note::Settled([1].into()),
            Note::Partly {
                settled: [1].into(),
                refused: [2].into(),
                failed: [3].into(),
                reason: reason(),
            },
            Note::Whole { batch: [1].into(), reason: reason() },
            Note::Over,
        ] {
            let json = serde_json::to_string(&note).unwrap();
            assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note, "{json}");
        }
    }
}
