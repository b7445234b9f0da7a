//! Calls that come together, run together: what waits while one job is being written becomes the
//! next job, one errand for all instead of one for each. Only if that job fails by its
//! own fault has each call a job of its own, so that one does not fail the others.

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use shared::store::{NotWritten, Store, Turn};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

/// Calls of one job.
const BATCH: usize = 256;

type Caller<A> = oneshot::Sender<Result<A, NotWritten>>;
type Waiting<Q, A> = (Q, Caller<A>);

/// Gives the answers to all questions, in their order.
type Job<Q, A> = fn(&mut Turn, &[Q]) -> Result<Vec<A>, rusqlite::Error>;

/// What becomes of a call that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unawaited {
    Run,
    Skipped,
}

/// What of a call must survive: a claim leads to nothing that is not in the file too, and after a loss of power
/// its event is there to be claimed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survives {
    Process,
    PowerLoss,
}

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

impl<Q: Clone + Send + 'static, A: Send + 'static> Gather<Q, A> {
    pub(super) fn start(
        store: Arc<Store>,
        unawaited: Unawaited,
        survives: Survives,
        job: Job<Q, A>,
    ) -> Self {
        let (waiting, mut calls) = mpsc::unbounded_channel::<Waiting<Q, A>>();
        let task = tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while calls.recv_many(&mut batch, BATCH).await > 0 {
                if unawaited == Unawaited::Skipped {
                    batch.retain(|(_, caller)| !caller.is_closed());
                }
                let (questions, callers): (Vec<Q>, Vec<Caller<A>>) = batch.drain(..).unzip();
                answer(&store, survives, job, questions, callers).await;
            }
        });
        Self { waiting, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) async fn call(&self, question: Q) -> Result<A, NotWritten> {
        let (caller, answer) = oneshot::channel();
        self.waiting.send((question, caller)).map_err(|_| NotWritten::Down)?;
        answer.await.map_err(|_| NotWritten::Down)?
    }
}

/// Gives each caller the answer to its question.
async fn answer<Q: Clone + Send + 'static, A: Send + 'static>(
    store: &Store,
    survives: Survives,
    job: Job<Q, A>,
    questions: Vec<Q>,
    callers: Vec<Caller<A>>,
) {
    let ask = |questions: Vec<Q>| async move {
        match survives {
            Survives::Process => store.write_unsynced(move |turn| job(turn, &questions)).await,
            Survives::PowerLoss => store.write_soon(move |turn| job(turn, &questions)).await,
        }
    };
    match ask(questions.clone()).await {
        Ok(answers) => {
            for (caller, answer) in callers.into_iter().zip(answers) {
                let _ = caller.send(Ok(answer));
            }
        }
        Err(NotWritten::Refused) if callers.len() > 1 => {
            // Side by side: they still share a transaction.
            let ask = &ask;
            let alone = questions.into_iter().zip(callers).map(|(question, caller)| async move {
                let answers = ask(vec![question]).await;
                let answer = answers
                    .and_then(|answers| answers.into_iter().next().ok_or(NotWritten::Refused));
                let _ = caller.send(answer);
            });
            join_all(alone).await;
        }
        Err(error) => {
            for caller in callers {
                let _ = caller.send(Err(error));
            }
        }
    }
}
