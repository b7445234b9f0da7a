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
        let last = taken.iter().map(|(id, _)| *id).max();
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
    Message { event, ..message }
}
