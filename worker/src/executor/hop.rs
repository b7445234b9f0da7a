//! A delivery that came by before its wait was over: on to the next queue, and nothing else. It is
//! no run, so it has no claim, no verdict and no line anywhere.

use std::time::Duration;

use shared::broker::{Lane, Publication, Route};
use shared::message::Message;

use super::Executor;
use super::disposition::Disposition;

impl Executor {
    /// Sends `message` on for the `rest` of its wait, as it is. It is acked once it is confirmed
    /// there, so a crash in between makes a copy.
    pub(super) async fn hop(&self, message: Message, lane: Lane, rest: Duration) -> Disposition {
        let route = Route::Later { lane, wait: rest };
        if !self.publish(Publication { route, message }).await {
            return Disposition::Requeue;
        }
        self.metrics.hopped(self.ladder.hop(rest).delay);
        Disposition::Ack
    }
}
