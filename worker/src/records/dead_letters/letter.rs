//! A dead letter as it stands in the records, without its bytes.

use serde::Serialize;
use shared::origin::Origin;

use super::state::State;
use crate::records::row::from_row;

/// The columns of a [`Letter`].
pub(super) const COLUMNS: &str = "id, identity, target, generation, attempt, queue, origin, type, \
    object_id, reason, code, error, fingerprint, received_ms, died_ms, indexed_ms, traceparent, \
    CAST(length(body) AS BIGINT) AS body_bytes, state, state_ms, job_id, previous_id, steps";

from_row! {
    /// One event given up for one target. All in it that came from outside is as it came.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Letter {
        /// The number by which people call it.
        pub id: i64,
        /// The event's identity.
        pub identity: String,
        /// The handler it was given up for; empty if none had begun.
        #[serde(rename = "handler")]
        pub target: String,
        /// How often the event was started over.
        pub generation: i64,
        /// Attempts that were spent.
        #[serde(rename = "attempts")]
        pub attempt: i64,
        /// `dead` or `unrouted`.
        pub queue: String,
        /// The sender, and the account there.
        pub origin: Origin as String,
        /// HubSpot's subscription type, empty if unreadable.
        #[serde(rename = "type")]
        pub subscription_type: String = "type",
        /// The record that the event is about.
        pub object_id: Option<i64>,
        /// The class of its end: `permanent`, `exhausted`, `unreadable`, `crashed` or `unrouted`.
        pub reason: String,
        /// A stable code, e.g. `ERP_422`.
        pub code: String,
        /// What happened.
        pub error: String,
        /// The problem it belongs to.
        #[serde(rename = "problem")]
        pub fingerprint: String,
        /// When the receiver took the event in.
        pub received_ms: i64,
        /// When it was given up.
        pub died_ms: i64,
        /// When it came into the records.
        pub indexed_ms: i64,
        /// W3C trace context of the delivery that brought the event.
        pub traceparent: Option<String>,
        /// The size of the event; none once it was erased.
        pub body_bytes: Option<i64>,
        /// What is the case with it.
        pub state: State as String,
        /// Since when.
        pub state_ms: i64,
        /// The job that claimed it last.
        pub job_id: Option<i64>,
        /// The letter whose retry ended in this one.
        pub previous_id: Option<i64>,
        /// The handler's steps that had succeeded, with commas between: a retry does not run them
        /// again.
        pub steps: String,
    }
}
