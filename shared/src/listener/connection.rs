//! One connection: what it is at, since when, and how long that may last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use actix_web::HttpRequest;
use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::limits::{AFTER_ACTIX, LINGER, Limits};

/// The largest part of a head that is kept while the rest is waited for, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;
/// How long a connection rests before it is taken for one that nobody needs soon.
const RESTING: Duration = Duration::from_secs(5);

/// A connection of a listener.
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    state: Mutex<State>,
    /// Wakes the task that serves it when it has to give way.
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
    /// It has to give way.
    evicted: bool,
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
    /// It has been of use, some time ago.
    KnownResting,
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
                evicted: false,
            }),
            waker: AtomicWaker::new(),
        }
    }

    /// The connection that `request` came on; `None` in tests that have none.
    pub fn of(request: &HttpRequest) -> Option<&Arc<Self>> {
        request.conn_data()
    }

    /// The request that is being answered comes from whom it should: the connection is not given up
    /// for others, and stays open even if the answer is a refusal. False if it is too late: it has been
    /// given up, and no answer will arrive.
    #[must_use]
    pub fn trust(&self) -> bool {
        let mut state = self.state();
        state.trusted = !state.evicted;
        state.trusted
    }

    /// It is let in.
    pub(super) fn enter(&self) {
        self.state().enter(Phase::Head);
    }

    /// A head has come.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.requests += 1;
        state.head_bytes = 0;
        // What came behind a request that was refused gets no time of its own.
        if state.phase != Phase::Closing {
            state.enter(Phase::Request);
        }
    }

    /// An answer is there. Says whether the connection ends with it.
    pub(super) fn end(&self, well: bool) -> bool {
        let mut state = self.state();
        state.requests = state.requests.saturating_sub(1);
        let is_refused = !well && !state.trusted;
        state.proven |= !is_refused;
        state.trusted = false;
        state.head_bytes = 0;
        if state.phase == Phase::Closing {
            return true;
        }
        if is_refused {
            state.enter(Phase::Closing);
        } else if state.requests == 0 {
            state.enter(Phase::Idle);
        }
        is_refused
    }

    /// So many bytes have come.
    pub(super) fn heard(&self, bytes: usize) {
        let mut state = self.state();
        match state.phase {
            Phase::Request | Phase::Closing => return,
            Phase::Idle => state.enter(Phase::Head),
            Phase::Head => {}
        }
        state.head_bytes += bytes;
    }

    /// Whether all that has come is no whole head, and too much to be kept.
    pub(super) fn has_too_large_a_head(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Head && state.head_bytes > MAX_HEAD_BYTES
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
            Phase::Idle if state.proven && state.since.elapsed() > RESTING => Worth::KnownResting,
            Phase::Idle if state.proven => Worth::KnownIdle,
            Phase::Head | Phase::Request if state.proven => Worth::KnownBusy,
            Phase::Head | Phase::Request | Phase::Idle => Worth::Stranger,
        };
        Some((worth, state.since))
    }

    /// It has to give way; not if it has become one that must not.
    pub(super) fn evict(&self) -> bool {
        let mut state = self.state();
        state.evicted = !state.trusted;
        let evicted = state.evicted;
        drop(state);
        if evicted {
            self.waker.wake();
        }
        evicted
    }

    /// Whether it has to give way; if not, the task is woken when it has.
    pub(super) fn poll_evicted(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.state().evicted
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

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let second = Duration::from_secs(1);
        Connection::new(Limits {
            connections: 1,
            threads: 1,
            head: second,
            request: second * 5,
            idle: second * 9,
            close: second,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_behind_a_refusal_gets_no_time_of_its_own() {
        let connection = connection();
        connection.begin();
        connection.begin();
        assert!(connection.end(false));
        let deadline = connection.deadline();
        tokio::time::advance(LINGER).await;
        connection.begin();
        assert!(connection.is_closing());
        // Not even if all is well with it.
        assert!(connection.end(true) && connection.end(true));
        assert_eq!((connection.phase(), connection.deadline()), (Phase::Closing, deadline));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_kept_up_to_a_size_and_a_body_is_none() {
        let connection = connection();
        connection.heard(MAX_HEAD_BYTES);
        assert!(!connection.has_too_large_a_head());
        connection.heard(1);
        assert!(connection.has_too_large_a_head());
        connection.begin();
        connection.heard(MAX_HEAD_BYTES * 9);
        assert!(!connection.has_too_large_a_head());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_trusted_is_not_given_up_and_who_is_given_up_is_not_trusted() {
        let (trusted, given_up) = (connection(), connection());
        trusted.begin();
        assert!(trusted.trust() && !trusted.evict() && trusted.worth().is_none());
        assert!(!trusted.end(false));
        assert!(trusted.evict());
        given_up.begin();
        assert!(given_up.evict() && !given_up.trust());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_were_of_use_go_last() {
        let [stranger, busy, idle, resting] = std::array::from_fn(|_| connection());
        for known in [&busy, &idle, &resting] {
            known.begin();
            assert!(!known.end(true));
        }
        tokio::time::advance(RESTING * 2).await;
        idle.begin();
        assert!(!idle.end(true));
        busy.begin();
        stranger.begin();
        let worths = [stranger, resting, busy, idle].map(|one| one.worth().map(|(worth, _)| worth));
        assert!(worths.is_sorted() && worths[0] != worths[1], "{worths:?}");
    }
}
