//! The handle a delivery carries; how it is carried out is its engine's business.

use tokio::sync::mpsc;

#[derive(Debug)]
pub(super) enum Verb {
    Ack(u64),
    Requeue(u64),
}

/// Settles one delivery. Dropped unused (a panic), it gives the delivery back to its queue.
#[derive(Debug)]
pub struct Settlement {
    tag: u64,
    verbs: Option<mpsc::UnboundedSender<Verb>>,
}

impl Settlement {
    pub(super) fn new(tag: u64, verbs: mpsc::UnboundedSender<Verb>) -> Self {
        Self { tag, verbs: Some(verbs) }
    }

    /// Done with: the broker forgets the message. If the connection is gone by now it will
    /// come again.
    pub fn ack(mut self) {
        self.tell(Verb::Ack);
    }

    /// Back to its queue, to be delivered again at once. Not a way to wait: brokers count it.
    pub fn requeue(mut self) {
        self.tell(Verb::Requeue);
    }

    /// Whether the connection it came over is gone, so that it comes again whatever is said.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.verbs.as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
    }

    fn tell(&mut self, verb: fn(u64) -> Verb) {
        if let Some(verbs) = self.verbs.take() {
            let _ = verbs.send(verb(self.tag));
        }
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        self.tell(Verb::Requeue);
    }
}
