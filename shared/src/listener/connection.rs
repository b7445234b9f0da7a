//! One connection: what it is at, since when, and how long that may last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use actix_web::HttpRequest;
use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::{AFTER_ACTIX, LINGER, Limits};

/// The largest head that is read on after what came with its first bytes, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// A connection of a listener.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    state: Mutex<State>,
    /// It has to give way.
    evicted: AtomicBool,
    /// Wakes the task that serves it then.
    waker: AtomicWaker,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Requests being answered; more than one where the client does not wait for answers.
    requests: usize,
    /// A request of it ended well: it was of use.
    proven: bool,
    /// The request that is being answered is known to come from whom it should.
    trusted: bool,
    /// Bytes of the next head that have come.
    head_bytes: usize,
    /// Nothing more was there to be read, after some of a head had come.
    paused: bool,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for a head: the first, or one that has begun to come.
    Head,
    /// A request is being answered.
    Request,
    /// Between two requests.
    Idle,
    /// Its last answer is on its way.
    Closing,
}

/// How willingly a connection is given up for a new one; the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// It ends anyway.
    Ending,
    /// Nothing good has come of it so far.
    Stranger,
    /// It has been of use before, and brings a request that nobody knows yet.
    KnownBusy,
    /// It has been of use, and may be again: a proxy keeps it open for the next request.
    KnownIdle,
}

impl Connection {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                phase: Phase::Head,
                since: Instant::now(),
                requests: 0,
                proven: false,
                trusted: false,
                head_bytes: 0,
                paused: false,
            }),
            evicted: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// The connection that `request` came on; `None` in tests that have none.
    pub fn of(request: &HttpRequest) -> Option<&Arc<Self>> {
        request.conn_data()
    }

    /// The request that is being answered comes from whom it should: the connection is not given up
    /// for others, and stays open even if the answer is a refusal.
    pub fn trust(&self) {
        self.state().trusted = true;
    }

    /// It is let in.
    pub(super) fn enter(&self) {
        self.state().enter(Phase::Head);
    }

    /// A head has come.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.requests += 1;
        (state.head_bytes, state.paused) = (0, false);
        state.enter(Phase::Request);
    }

    /// An answer is there. Says whether the connection ends with it.
    pub(super) fn end(&self, well: bool) -> bool {
        let mut state = self.state();
        state.requests = state.requests.saturating_sub(1);
        let closing = !well && !state.trusted;
        state.proven |= well || state.trusted;
        state.trusted = false;
        (state.head_bytes, state.paused) = (0, false);
        if closing {
            state.enter(Phase::Closing);
        } else if state.requests == 0 && state.phase != Phase::Closing {
            state.enter(Phase::Idle);
        }
        closing
    }

    /// So many bytes have come. Says whether they are too many for a head.
    pub(super) fn heard(&self, bytes: usize) -> bool {
        let mut state = self.state();
        match state.phase {
            Phase::Request | Phase::Closing => return false,
            Phase::Idle => state.enter(Phase::Head),
            Phase::Head => {}
        }
        let too_many = state.paused && state.head_bytes > MAX_HEAD_BYTES;
        state.head_bytes += bytes;
        state.paused = false;
        too_many
    }

    /// All that has come was read.
    pub(super) fn heard_all(&self) {
        self.state().paused = true;
    }

    /// Somebody takes what is sent.
    pub(super) fn taken(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.since = Instant::now();
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().phase == Phase::Closing
    }

    /// When what it is at has lasted too long.
    pub(super) fn deadline(&self) -> Instant {
        let state = self.state();
        state.since
            + match state.phase {
                Phase::Head => self.limits.head + AFTER_ACTIX,
                Phase::Request => self.limits.request,
                Phase::Idle => self.limits.idle + AFTER_ACTIX,
                Phase::Closing => LINGER + AFTER_ACTIX,
            }
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// What giving it up would cost, and since when it is at what it is at; `None` while it is not
    /// to be given up.
    pub(super) fn worth(&self) -> Option<(Worth, Instant)> {
        let state = self.state();
        if state.trusted {
            return None;
        }
        let worth = match state.phase {
            Phase::Closing => Worth::Ending,
            Phase::Idle if state.proven => Worth::KnownIdle,
            Phase::Head | Phase::Request if state.proven => Worth::KnownBusy,
            Phase::Head | Phase::Request | Phase::Idle => Worth::Stranger,
        };
        Some((worth, state.since))
    }

    /// It has to give way.
    pub(super) fn evict(&self) {
        self.evicted.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it has to give way; if not, the task is woken when it has.
    pub(super) fn poll_evicted(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.evicted.load(Ordering::Acquire)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }
}
