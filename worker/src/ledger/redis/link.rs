//! The connections to Redis: a few tasks, each keeping one connection for as long as it works
//! and sending whatever calls are ready as one pipeline. A pool checkout per call would cost a
//! round trip of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{self, AsyncConnectionConfig, RedisError, RedisResult, Value};
use deadpool_redis::{Connection, Manager, Pool, Runtime, Timeouts};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::script::{Call, Script};

/// Pipelines under way at once.
const LINKS: usize = 1;
/// Calls in one pipeline.
const BATCH: usize = 256;
/// How often other tasks get their turn before a pipeline is sent.
const TURNS: usize = 2;
/// A pipeline not answered by then is given up; whether it was carried out is then unknown.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Without calls for so long, Redis is asked whether it is there: readiness must not tell of
/// the last call of yesterday.
const IDLE: Duration = Duration::from_secs(1);

/// How long the sign of life stands, in ms.
const SIGN_MS: u64 = 60_000;
/// What a server says that cannot be worked with now (redis.io/docs/latest/develop/reference/protocol-spec,
/// and the sources of Redis 7): scripts gone, a replica, loading; out of memory, disk full, no rights,
/// too few replicas, no primary, a cluster that is down.
const REFUSALS: [&str; 9] = [
    "NOSCRIPT",
    "READONLY",
    "LOADING",
    "OOM",
    "MISCONF",
    "NOPERM",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
];

type Answer = Result<Value, String>;
type Waiting = (Arc<Call>, oneshot::Sender<Answer>);

#[derive(Debug)]
pub(super) struct Link {
    queues: Vec<mpsc::UnboundedSender<Waiting>>,
    next: AtomicUsize,
    up: Arc<watch::Sender<bool>>,
}

impl Link {
    /// With a `prefix` for the sign of life that is written there; without one nothing is written that
    /// nobody asked for.
    pub(super) fn start(url: &SecretString, prefix: Option<&str>) -> anyhow::Result<Self> {
        let pool = pool(url)?;
        let sign = prefix.map(|prefix| Arc::from(format!("{prefix}:alive")));
        let up = Arc::new(watch::Sender::new(false));
        let queues = (0..LINKS)
            .map(|_| {
                // Bounded by the runs a worker has under way, each with one call at a time.
                let (queue, calls) = mpsc::unbounded_channel();
                tokio::spawn(serve(pool.clone(), sign.clone(), calls, Arc::clone(&up)));
                queue
            })
            .collect();
        Ok(Self { queues, next: AtomicUsize::new(0), up })
    }

    pub(super) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Resolves when Redis, away now, is back.
    pub(super) async fn back(&self) {
        let mut up = self.up.subscribe();
        if *up.borrow() || up.wait_for(|up| *up).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves once Redis has gone away and is back.
    pub(super) async fn back_again(&self) {
        let mut up = self.up.subscribe();
        if up.wait_for(|up| !*up).await.is_err() || up.wait_for(|up| *up).await.is_err() {
            std::future::pending::<()>().await;
        }
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

/// Host and port of `url`, for people; neither user nor password.
pub(super) fn server(url: &SecretString) -> anyhow::Result<String> {
    let client = redis::Client::open(url.expose_secret()).map_err(|_| malformed())?;
    Ok(client.get_connection_info().addr().to_string())
}

fn malformed() -> anyhow::Error {
    anyhow::anyhow!("REDIS_URL is not a Redis address: write it as redis://:password@host:6379/0")
}

/// A pool for `url`; the error does not quote it.
pub(super) fn pool(url: &SecretString) -> anyhow::Result<Pool> {
    // The client's own limit is shorter than ours.
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_TIMEOUT));
    let manager = Manager::new_with_config(url.expose_secret(), config).map_err(|_| malformed())?;
    let timeouts = Timeouts {
        wait: Some(CONNECT_TIMEOUT),
        create: Some(CONNECT_TIMEOUT),
        recycle: Some(CONNECT_TIMEOUT),
    };
    Ok(Pool::builder(manager)
        .max_size(LINKS)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()?)
}

async fn serve(
    pool: Pool,
    sign: Option<Arc<str>>,
    mut calls: mpsc::UnboundedReceiver<Waiting>,
    up: Arc<watch::Sender<bool>>,
) {
    let mut connection = connect(&pool, sign.as_deref(), &up).await.ok();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        // Without calls an empty batch asks for a sign of life.
        if timeout(IDLE, calls.recv_many(&mut batch, BATCH)).await == Ok(0) {
            return;
        }
        gather(&mut calls, &mut batch).await;
        if connection.is_none() {
            connection = match connect(&pool, sign.as_deref(), &up).await {
                Ok(connection) => Some(connection),
                Err(error) => {
                    for (_, reply) in batch.drain(..) {
                        let _ = reply.send(Err(error.clone()));
                    }
                    continue;
                }
            };
        }
        let Some(open) = connection.as_mut() else { continue };
        if !answer(open, sign.as_deref(), &mut batch, &up).await {
            // Not back into the pool: answers to old questions may still be on their way.
            connection = connection.take().and_then(|broken| {
                drop(Connection::take(broken));
                None
            });
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

/// The sign of life: a write, since a Redis that is out of memory or whose disk is full answers a
/// question.
fn sign_of_life(key: Option<&str>) -> redis::Cmd {
    let Some(key) = key else { return redis::cmd("PING") };
    let mut command = redis::cmd("SET");
    command.arg(key).arg(1).arg("PX").arg(SIGN_MS);
    command
}

/// A connection that knows the scripts, to a Redis that takes writes.
async fn connect(
    pool: &Pool,
    sign: Option<&str>,
    up: &watch::Sender<bool>,
) -> Result<Connection, String> {
    let connecting = async {
        let mut connection = pool.get().await.map_err(|error| error.to_string())?;
        for script in Script::ALL {
            redis::cmd("SCRIPT")
                .arg("LOAD")
                .arg(script.code())
                .query_async::<()>(&mut connection)
                .await
                .map_err(|error| error.to_string())?;
        }
        let asked = sign_of_life(sign).query_async::<()>(&mut connection).await;
        asked.map_err(|error| error.to_string())?;
        Ok(connection)
    };
    let connected = timeout(CONNECT_TIMEOUT * 2, connecting)
        .await
        .unwrap_or_else(|_| Err("timed out".to_owned()));
    match (&connected, up.send_replace(connected.is_ok())) {
        (Ok(_), false) => tracing::info!("redis connected"),
        (Err(error), true) => {
            tracing::warn!(error, "redis is away: no event is processed until it is back");
        }
        _ => {}
    }
    connected
}

/// Answers a whole batch from one pipeline; false if the connection is of no more use.
async fn answer(
    connection: &mut Connection,
    sign: Option<&str>,
    batch: &mut Vec<Waiting>,
    up: &watch::Sender<bool>,
) -> bool {
    let mut pipeline = redis::pipe();
    if batch.is_empty() {
        pipeline.add_command(sign_of_life(sign));
    }
    for (call, _) in batch.iter() {
        call.append_to(&mut pipeline);
    }
    pipeline.ignore_errors();
    let asked =
        timeout(ANSWER_TIMEOUT, pipeline.query_async::<Vec<RedisResult<Value>>>(connection)).await;
    let lost = match asked {
        Ok(Ok(answers)) if answers.len() == batch.len().max(1) => {
            let errors = answers.iter().filter_map(|answer| answer.as_ref().err());
            let refusal = errors.into_iter().find(|error| !is_harmless(error));
            let sound = refusal.is_none();
            let changed = up.send_if_modified(|up| std::mem::replace(up, sound) != sound);
            if let (Some(error), true) = (refusal, changed) {
                let error = error.to_string();
                tracing::warn!(error, "redis refuses: no event is processed until it does not");
            }
            for ((_, reply), answer) in batch.drain(..).zip(answers) {
                let _ = reply.send(answer.map_err(|error| error.to_string()));
            }
            return sound;
        }
        Ok(Ok(_)) => "fewer answers than questions".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    up.send_replace(false);
    tracing::warn!(error = lost, "redis connection lost: no event is processed until it is back");
    for (_, reply) in batch.drain(..) {
        let _ = reply.send(Err(lost.clone()));
    }
    false
}

/// An error of one call that says nothing of the connection. Scripts that are gone (a restart)
/// come back with a new connection, and so does a primary that became a replica. A server that
/// takes no writes is tried again with a new connection, until one has taken the sign of life.
fn is_harmless(error: &RedisError) -> bool {
    !error.code().is_some_and(|code| REFUSALS.contains(&code))
}
