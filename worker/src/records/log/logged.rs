//! What is to be a line of the event log: what became of one delivery, for one target.

use std::sync::Arc;

use shared::clock::now_ms;
use shared::event::Event;
use shared::message::Message;
use shared::origin::Origin;

use crate::records::contact::{Contact, contact_of, merged_of};
use crate::verdict::Verdict;

/// The longest error that is kept, in bytes.
const MAX_ERROR_BYTES: usize = 2000;
/// The most of an answer.
const MAX_ANSWER_BYTES: usize = 2048;

/// A delivery's facts and its end.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) identity: String,
    pub(crate) origin: Origin,
    pub(crate) subscription_type: String,
    pub(crate) object_id: Option<i64>,
    /// The contact that the event is about, if it is about one.
    pub(crate) contact_id: Option<i64>,
    /// The contacts that were merged into that one, if the event tells of a merge.
    pub(crate) merged: Vec<i64>,
    pub(crate) property: Option<String>,
    pub(crate) received_ms: i64,
    pub(crate) started_ms: i64,
    pub(crate) settled_ms: i64,
    pub(crate) attempt: i32,
    pub(crate) generation: i32,
    pub(crate) target: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) code: Option<String>,
    pub(crate) error: Option<String>,
    /// The beginning of what the other side answered, if that was the failure.
    pub(crate) answer: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// The job that published it.
    pub(crate) job_id: Option<i64>,
    /// The attempt that the job had published it as.
    pub(crate) published_as: i64,
    /// Of a job's message to all handlers: those that want the event.
    pub(crate) targets: Vec<Arc<str>>,
    /// Only of a first attempt, also of one that has waited for room: later ones carry the same bytes.
    pub(crate) body: Option<Vec<u8>>,
}

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'a> {
    pub(crate) target: Option<&'a str>,
    /// The handlers that want the event, as far as it was looked.
    pub(crate) targets: &'a [Arc<str>],
    pub(crate) started_ms: i64,
    pub(crate) settled_ms: i64,
    pub(crate) verdict: Verdict,
    /// Code and message, if it failed.
    pub(crate) error: Option<(&'a str, &'a str)>,
    /// What the other side answered, if that was it.
    pub(crate) answer: Option<&'a str>,
}

impl Course<'_> {
    /// Of what was settled at once, without a handler.
    pub(crate) fn now(verdict: Verdict) -> Self {
        let now_ms = now_ms();
        let (started_ms, settled_ms) = (now_ms, now_ms);
        let (target, targets, error, answer) = (None, &[][..], None, None);
        Self { target, targets, started_ms, settled_ms, verdict, error, answer }
    }
}

impl Logged {
    /// `event` is what the message's body could be read as, if it could.
    pub(crate) fn new(message: &Message, event: Option<&Event>, course: &Course<'_>) -> Self {
        let Event { origin, topic, identity, .. } = &message.event;
        let event = event.and_then(|event| event.hubspot().ok());
        let is_to_all = message.job.is_some() && message.target.is_none();
        // One that has waited names its target, and has no line of the time before.
        let is_first = message.attempt == 0 && message.job.is_none();
        Self {
            identity: identity.to_string(),
            origin: origin.clone(),
            subscription_type: clean(topic),
            object_id: event.and_then(|event| event.object_id).map(u64::cast_signed),
            contact_id: event.and_then(contact_of),
            merged: event.map(merged_of).unwrap_or_default(),
            property: event.and_then(|event| event.property_name.as_deref()).map(clean),
            received_ms: message.received_ms,
            started_ms: course.started_ms,
            settled_ms: course.settled_ms,
            attempt: i32::try_from(message.attempt).unwrap_or(i32::MAX),
            generation: i32::try_from(message.generation).unwrap_or(i32::MAX),
            target: course.target.map(clean),
            verdict: course.verdict,
            code: course.error.map(|(code, _)| clean(code)),
            error: course.error.map(|(_, error)| clean(start(error, MAX_ERROR_BYTES))),
            // What takes the place of a NUL is longer.
            answer: course.answer.map(|answer| start(&clean(answer), MAX_ANSWER_BYTES).to_owned()),
            trace_id: message.trace_context().map(|context| context.trace_id.to_string()),
            job_id: message.job.map(|job| job.id.cast_signed()),
            published_as: i64::from(message.job.map_or(message.attempt, |job| job.attempt)),
            targets: course.targets.iter().filter(|_| is_to_all).cloned().collect(),
            body: is_first.then(|| message.event.body().to_vec()),
        }
    }

    pub(in crate::records) fn contact(&self) -> Option<Contact> {
        self.contact_id.map(|id| Contact { origin: self.origin.clone(), id })
    }

    /// What it takes up in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.error, &self.answer].into_iter().flatten().map(String::len);
        500 + self.body.as_ref().map_or(0, Vec::len) + texts.sum::<usize>()
    }
}

fn start(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// PostgreSQL takes no NUL in a text, and one line that it refuses would hold up all behind it.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
