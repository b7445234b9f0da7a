//! An event in a batch: its run, its delivery, and how it is told what became of it.

use bytes::Bytes;
use shared::origin::Origin;
use tokio::sync::oneshot;

use super::form::Part;
use crate::clients::destinations::Answered;
use crate::context::Context;
use crate::error::HandlerError;

/// What the events of a batch have in common. Two tenants' events are never in one, wherever they go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) origin: Origin,
    /// No live event waits for room with those that come of a replay.
    pub(crate) is_bulk: bool,
    /// Events of a batch at the most.
    pub(crate) most: usize,
}

/// An event in a batch.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) cx: Context,
    /// What names the delivery.
    pub(crate) id: String,
    /// In JSON.
    pub(crate) body: Bytes,
    pub(crate) tell: oneshot::Sender<Result<Told, HandlerError>>,
}

/// What an event of a batch was answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) answered: Answered,
    /// How many events the answer is about.
    pub(crate) events: usize,
    /// Whether it was said of all of them, and not of this one alone.
    pub(crate) is_of_all: bool,
    /// Whether others were told already that the destination wants to be left alone.
    pub(crate) is_known: bool,
}

impl Member {
    pub(crate) fn part(&self) -> Part<'_> {
        Part { id: &self.id, body: &self.body }
    }
}
