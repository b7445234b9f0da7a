//! What was just published, as it was: to hand it out nothing need be read again.
//!
//! Owns a few messages in memory, of which the file knows everything. It refuses to say what there is to hand
//! out: the file does. What it has forgotten, or never had room for, is read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::event::Event;
use crate::message::Message;

/// Messages it has, and the bytes of their bodies.
const MESSAGES: usize = 1024;
const BYTES: usize = 1024 * 1024;

/// Of one queue.
#[derive(Debug, Default)]
pub(super) struct Fresh(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    messages: BTreeMap<i64, Message>,
    bytes: usize,
    /// What has a lower id has been handed out: ids of what is due at once grow with the time.
    taken: i64,
}

impl Fresh {
    /// Keeps a message that was due at once, if there is room.
    pub(super) fn keep(&self, id: i64, message: Message) {
        let mut known = self.lock();
        let length = message.event.body().len();
        let has_room = known.messages.len() < MESSAGES && known.bytes + length <= BYTES;
        if id <= known.taken || !has_room {
            return;
        }
        known.bytes += length;
        known.messages.insert(id, own(message));
    }

    /// Those of `ids` that are here. They are here no longer, nor is what should have been taken before.
    pub(super) fn take(&self, ids: &[i64]) -> Vec<(i64, Message)> {
        let mut known = self.lock();
        let taken: Vec<_> = ids.iter().filter_map(|id| known.messages.remove_entry(id)).collect();
        // Whether they were here or not: what is due at once and has a lower id was taken before them, and kept
        // from now on it would never be asked for.
        let last = ids.iter().copied().max();
        known.taken = known.taken.max(last.unwrap_or_default());
        let left = known.taken + 1;
        known.messages = known.messages.split_off(&left);
        known.bytes = known.messages.values().map(|message| message.event.body().len()).sum();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With a body of its own: the one it came with is a part of a whole delivery, which it would keep.
fn own(message: Message) -> Message {
    let Message { event, .. } = &message;
    let body = Bytes::copy_from_slice(event.body());
    let event = Event::new(event.origin.clone(), event.topic.clone(), event.identity.clone(), body);
    // As the file gives it.
    let traceparent = message.trace_context().map(|context| context.to_string().into());
    Message { event, traceparent, ..message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;
    use crate::origin::Origin;

    fn message(body: &'static [u8]) -> Message {
        let body = Bytes::from_static(body);
        let event =
            Event::new(Origin::hubspot(1), "deal.creation", Identity::of_unreadable(b"x"), body);
        Message::fresh(event, 1)
    }

    /// Whoever published it can hear of it after it was read from the file.
    #[test]
    fn what_is_kept_after_it_was_taken_takes_up_no_room() {
        let fresh = Fresh::default();
        for id in 1..=2 * i64::try_from(MESSAGES).unwrap_or_default() {
            assert_eq!(fresh.take(&[id]), []);
            fresh.keep(id, message(b"{}"));
        }
        fresh.keep(9_000, message(b"{}"));
        assert_eq!(fresh.take(&[9_000]), [(9_000, message(b"{}"))]);
    }

    #[test]
    fn what_comes_in_another_order_is_given_out_once() {
        let fresh = Fresh::default();
        for id in [3, 1, 2, 5] {
            fresh.keep(id, message(b"{}"));
        }
        let taken =
            |ids: &[i64]| -> Vec<i64> { fresh.take(ids).into_iter().map(|(id, _)| id).collect() };
        assert_eq!(taken(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(taken(&[2]), [0_i64; 0], "given back, it is read from the file");
        assert_eq!(taken(&[4, 5]), [5]);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_kept() {
        let fresh = Fresh::default();
        let large = vec![b' '; BYTES].leak();
        fresh.keep(1, message(large));
        fresh.keep(2, message(b"{}"));
        assert_eq!(fresh.take(&[2]), []);
        fresh.keep(3, message(b"{}"));
        assert_eq!(fresh.take(&[3]).len(), 1, "what was before it has gone");
    }
}
