//! What a job publishes at once.

use shared::broker::{Lane, Publication, Route};
use shared::message::Message;

/// What is published at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) publications: Vec<Publication>,
    /// The letters they are of.
    pub(super) letters: Vec<i64>,
    /// Letters that cannot be published.
    pub(super) unfit: Vec<i64>,
    /// How far the log was read.
    pub(super) place: Option<(i64, i64)>,
    /// Events to be counted as published; letters are with their claim.
    pub(super) counted: i64,
    /// Events whose bytes are gone.
    pub(super) gone: i64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.publications.is_empty() && self.unfit.is_empty() && self.gone == 0
    }
}

/// A message for the bulk queue.
pub(super) fn bulk(message: Message) -> Publication {
    Publication { route: Route::Ready(Lane::Bulk), message }
}
