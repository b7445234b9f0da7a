//! Calls that come together, run together: what waits while one job is being written becomes the
//! next job, whose statements are one for all instead of one for each.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use shared::store::{NotWritten, Store, Turn};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

/// Calls of one job.
const BATCH: usize = 256;

type Waiting<Q, A> = (Q, oneshot::Sender<A>);

/// Gives the answers to all questions, in their order.
type Job<Q, A> = for<'c> fn(&'c mut Turn, Vec<Q>) -> BoxFuture<'c, Result<Vec<A>, sqlx::Error>>;

/// One kind of call.
pub(super) struct Gather<Q, A> {
    waiting: mpsc::UnboundedSender<Waiting<Q, A>>,
    _task: AbortOnDropHandle<()>,
}

/// Questions hold tokens, which are nobody else's to see.
impl<Q, A> fmt::Debug for Gather<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    pub(super) fn start(store: Arc<Store>, job: Job<Q, A>) -> Self {
        let (waiting, mut calls) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while calls.recv_many(&mut batch, BATCH).await > 0 {
                let (questions, callers): (Vec<Q>, Vec<oneshot::Sender<A>>) =
                    batch.drain(..).unzip();
                // Not written: the callers are dropped, and find out by that.
                if let Ok(answers) = store.write(move |turn| job(turn, questions)).await {
                    for (caller, answer) in callers.into_iter().zip(answers) {
                        let _ = caller.send(answer);
                    }
                }
            }
        });
        Self { waiting, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) async fn call(&self, question: Q) -> Result<A, NotWritten> {
        let (caller, answer) = oneshot::channel();
        self.waiting.send((question, caller)).map_err(|_| NotWritten)?;
        answer.await.map_err(|_| NotWritten)
    }
}
