//! The connections to Redis: a few tasks, each keeping one connection for as long as it works
//! and sending whatever calls are ready as one pipeline. A pool checkout per call would cost a
//! round trip of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{RedisResult, Value};
use deadpool_redis::{Connection, Pool};
use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::address::{ANSWER_TIMEOUT, LINKS, pool};
use super::refusal::{Refusal, said};
use super::script::Call;

mod connecting;
mod questions;
mod state;

use connecting::{connect, sign_of_life};
use questions::Questions;
use state::State;

/// Calls in one pipeline.
const BATCH: usize = 256;
/// How often other tasks get their turn before a pipeline is sent.
const TURNS: usize = 2;
/// Without calls for so long, Redis is asked whether it is there: readiness must not tell of
/// the last call of yesterday.
const IDLE: Duration = Duration::from_secs(1);
/// How long a server that is none for Hubline is left alone: it may take a sign of life and refuse
/// the next call.
const ELSEWHERE: Duration = Duration::from_secs(5);

type Answer = Result<Value, String>;
type Waiting = (Arc<Call>, oneshot::Sender<Answer>);

#[derive(Debug)]
pub(super) struct Link {
    queues: Vec<mpsc::UnboundedSender<Waiting>>,
    next: AtomicUsize,
    state: Arc<State>,
}

impl Link {
    /// With a `prefix` for the sign of life that is written there; without one nothing is written that
    /// nobody asked for.
    pub(super) fn start(url: &SecretString, prefix: Option<&str>) -> anyhow::Result<Self> {
        let pool = pool(url)?;
        let sign = prefix.map(|prefix| Arc::from(format!("{prefix}:alive")));
        let state = Arc::new(State::new());
        let queues = (0..LINKS)
            .map(|_| {
                // Bounded by the runs a worker has under way, each with one call at a time.
                let (queue, calls) = mpsc::unbounded_channel();
                tokio::spawn(serve(pool.clone(), sign.clone(), calls, Arc::clone(&state)));
                queue
            })
            .collect();
        Ok(Self { queues, next: AtomicUsize::new(0), state })
    }

    pub(super) fn is_up(&self) -> bool {
        *self.state.up.borrow()
    }

    /// Resolves when Redis, away now, is back.
    pub(super) async fn back(&self) {
        let mut up = self.state.up.subscribe();
        if *up.borrow() || up.wait_for(|up| *up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves once Redis has gone away and is back.
    pub(super) async fn back_again(&self) {
        let mut up = self.state.up.subscribe();
        if up.wait_for(|up| !*up).await.is_err() || up.wait_for(|up| *up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when Redis is back the next time, or was found to have forgotten.
    pub(super) async fn renewed(&self) {
        if self.state.renewed.subscribe().changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says that Redis was found to have forgotten.
    pub(super) fn renew(&self) {
        self.state.renewed.send_replace(());
    }

    /// Redis' clock, ms since the Unix epoch, once it is known.
    pub(super) fn now_ms(&self) -> Option<u64> {
        self.state.now_ms()
    }

    /// Redis' `TIME` was this, ms since the Unix epoch, in an answer that has come just now: clocks drift, and
    /// a connection may last for weeks.
    pub(super) fn heard(&self, now_ms: u64) {
        self.state.clock_is_past(now_ms);
    }

    /// Whether this error was not the last that was told.
    pub(super) fn is_news(&self, error: &str) -> bool {
        self.state.is_news(error)
    }

    /// The script's answer, or why there is none; it may have been carried out all the same.
    pub(super) async fn call(&self, call: Arc<Call>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let index = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        let gone = || "the ledger's task has ended".to_owned();
        self.queues[index].send((call, reply)).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn serve(
    pool: Pool,
    sign: Option<Arc<str>>,
    mut calls: mpsc::UnboundedReceiver<Waiting>,
    state: Arc<State>,
) {
    let mut connection = connect(&pool, sign.as_deref(), None, &state).await.ok();
    let mut batch = Vec::with_capacity(BATCH);
    let mut refused: Option<Arc<Call>> = None;
    loop {
        // Without calls an empty batch asks for a sign of life.
        if timeout(IDLE, calls.recv_many(&mut batch, BATCH)).await == Ok(0) {
            return;
        }
        gather(&mut calls, &mut batch).await;
        if connection.is_none() {
            let connected = connect(&pool, sign.as_deref(), refused.as_deref(), &state).await;
            connection = match connected {
                Ok(connection) => {
                    refused = None;
                    Some(connection)
                }
                Err(error) => {
                    for (_, reply) in batch.drain(..) {
                        let _ = reply.send(Err(error.clone()));
                    }
                    continue;
                }
            };
        }
        let Some(open) = connection.as_mut() else { continue };
        let end = answer(open, sign.as_deref(), &mut batch, &state.up).await;
        if matches!(end, End::Sound) {
            continue;
        }
        // Not back into the pool: answers to old questions may still be on their way.
        connection = connection.take().and_then(|broken| {
            drop(Connection::take(broken));
            None
        });
        match end {
            End::Sound | End::Broken => {}
            End::Refused(call) => refused = Some(call),
            End::Elsewhere => tokio::time::sleep(ELSEWHERE).await,
        }
    }
}

/// Lets the tasks that are ready have their turn, and takes along what they ask: a pipeline of
/// many calls costs both sides hardly more than one of a few.
async fn gather(calls: &mut mpsc::UnboundedReceiver<Waiting>, batch: &mut Vec<Waiting>) {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
        while batch.len() < BATCH
            && let Ok(call) = calls.try_recv()
        {
            batch.push(call);
        }
    }
}

/// What a batch says of its connection.
enum End {
    Sound,
    /// Of no more use: another one may be.
    Broken,
    /// The same, once this call is allowed.
    Refused(Arc<Call>),
    /// Of no more use, and another one is not likely to be.
    Elsewhere,
}

/// Answers a whole batch from one pipeline.
async fn answer(
    connection: &mut Connection,
    sign: Option<&str>,
    batch: &mut Vec<Waiting>,
    up: &watch::Sender<bool>,
) -> End {
    // Nobody has two calls under way of which one must be the first.
    batch.sort_by_key(|(call, _)| call.completion().is_none());
    let calls: Vec<&Call> = batch.iter().map(|(call, _)| &**call).collect();
    let mut questions = Questions::of(&calls);
    if batch.is_empty() {
        questions.pipeline.add_command(sign_of_life(sign));
    }
    let pipeline = questions.pipeline.ignore_errors();
    let asked =
        timeout(ANSWER_TIMEOUT, pipeline.query_async::<Vec<RedisResult<Value>>>(connection)).await;
    let lost = match asked.map(|asked| asked.map(|given| questions.answers(given))) {
        Ok(Ok(Some(answers))) => {
            let errors = answers.iter().map(|answer| answer.as_ref().err());
            let refusal = errors.enumerate().find_map(|(index, error)| {
                let error = error?;
                Some((Refusal::of(error)?, said(error), index))
            });
            let sound = refusal.is_none();
            let changed = up.send_if_modified(|up| std::mem::replace(up, sound) != sound);
            if let (Some((_, error, _)), true) = (&refusal, changed) {
                tracing::warn!(error, "redis refuses: no event is processed until it does not");
            }
            let end = match refusal {
                None => End::Sound,
                Some((Refusal::ForNow, ..)) => End::Broken,
                Some((Refusal::ForGood, ..)) => End::Elsewhere,
                // None of the batch, if that was the sign of life.
                Some((Refusal::NotAllowed, _, index)) => {
                    batch.get(index).map_or(End::Broken, |(call, _)| End::Refused(Arc::clone(call)))
                }
            };
            for ((_, reply), answer) in batch.drain(..).zip(answers) {
                let _ = reply.send(answer.map_err(|error| said(&error)));
            }
            return end;
        }
        Ok(Ok(None)) => "fewer answers than questions".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    up.send_replace(false);
    tracing::warn!(error = lost, "redis connection lost: no event is processed until it is back");
    for (_, reply) in batch.drain(..) {
        let _ = reply.send(Err(lost.clone()));
    }
    End::Broken
}
