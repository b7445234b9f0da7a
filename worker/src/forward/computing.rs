//! What a tenant's filters and templates compute, where that takes its time: one after the other for each tenant, and on
//! a part of the machine.
//!
//! Owns that nobody's computing keeps others from theirs, nor from what only waits for answers; and that who waits for
//! its turn for too long comes back, without an attempt spent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use shared::origin::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::HandlerError;
use crate::run::Run;

/// So long a run waits for its turn where it is, if it has asked others for nothing yet.
const PATIENCE: Duration = Duration::from_secs(3);
/// And comes back after this, or up to twice as long.
const LATER: Duration = Duration::from_secs(2);

/// What is computed. Each kind has a part of the machine of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Filter,
    Template,
}

/// What takes no longer than this, in µs, keeps nobody from anything.
const LIGHT_US: u32 = 5_000;

/// How long work has taken lately: a mean, in µs, in which the last one counts for an eighth. By the clock on the wall:
/// much of it at once takes each of them longer, and then they wait for their turns.
#[derive(Debug, Default)]
pub(crate) struct Lately(AtomicU32);

impl Lately {
    /// Whether it takes so little that it need not wait for a turn. So it does what nobody knows yet.
    pub(crate) fn is_light(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= LIGHT_US
    }

    pub(crate) fn note(&self, took: Duration) {
        let took_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX) / 8;
        let mean_us = self.0.load(Ordering::Relaxed);
        // Two at once may lose one of them.
        self.0.store((mean_us - mean_us / 8).saturating_add(took_us), Ordering::Relaxed);
    }
}

/// One tenant's.
#[derive(Clone, Debug)]
pub(crate) struct Computing(Arc<Semaphore>);

/// Of nobody in particular.
impl Default for Computing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Computing {
    /// This origin's: the same in every version of its tenant, as long as one of them is at work.
    pub(crate) fn of(origin: &Origin) -> Self {
        static ALL: LazyLock<Mutex<HashMap<Origin, Weak<Semaphore>>>> =
            LazyLock::new(Mutex::default);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(origin).and_then(Weak::upgrade) {
            return Self(known);
        }
        // Before it would grow: so this is seldom.
        if all.len() == all.capacity() {
            all.retain(|_, tenant| tenant.strong_count() > 0);
        }
        let new = Self::default();
        all.insert(origin.clone(), Arc::downgrade(&new.0));
        new
    }

    /// Does `work` when it is its turn: of this tenant's, and then of all tenants'. The error is that of a run that
    /// comes back for it. One that would have to ask others again what it has asked waits for as long as its time allows.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        kind: Kind,
        run: Option<&Run>,
        has_asked: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HandlerError> {
        if let Some(turn) = self.turn_now(kind.processors()) {
            return done(turn, work).await;
        }
        let patience = match run {
            Some(run) if has_asked => run.time_left() / 2,
            _ => PATIENCE,
        };
        let Some(run) = run else { return self.in_turn(kind.processors(), patience, work).await };
        // Where few wait: others need the places.
        let seat = run.rooms.seat(patience);
        let patience = if seat.is_some() || has_asked { patience } else { Duration::ZERO };
        let done = self.in_turn(kind.processors(), patience, work).await;
        run.waiting_elsewhere(done)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        processors: &Arc<Semaphore>,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HandlerError> {
        let turn = async {
            let own = Arc::clone(&self.0).acquire_owned().await;
            // Neither is ever closed.
            (own.ok(), Arc::clone(processors).acquire_owned().await.ok())
        };
        let Ok(turn) = tokio::time::timeout(patience, turn).await else {
            let message = "other filters and templates of the tenant's are being computed";
            let wait = LATER.mul_f64(1.0 + rand::random::<f64>());
            return Err(HandlerError::deferred(wait, "TENANT_COMPUTES", message));
        };
        done(turn, work).await
    }

    fn turn_now(&self, processors: &Arc<Semaphore>) -> Option<Turn> {
        let own = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some((Some(own), Some(Arc::clone(processors).try_acquire_owned().ok()?)))
    }
}

/// Whoever goes away gives both back when the work is done, which goes on.
type Turn = (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>);

async fn done<T: Send + 'static>(
    turn: Turn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HandlerError> {
    let working = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(turn);
        done
    });
    Ok(working.await?)
}

impl Kind {
    /// Each kind leaves one processor to what does not compute, where there are several.
    fn processors(self) -> &'static Arc<Semaphore> {
        static FILTERS: LazyLock<Arc<Semaphore>> = LazyLock::new(all_but_one);
        static TEMPLATES: LazyLock<Arc<Semaphore>> = LazyLock::new(all_but_one);
        match self {
            Self::Filter => &FILTERS,
            Self::Template => &TEMPLATES,
        }
    }
}

fn all_but_one() -> Arc<Semaphore> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(processors.saturating_sub(1).max(1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    use super::*;

    const A_MINUTE: Duration = Duration::from_secs(60);

    /// Work that has begun, and what ends it.
    async fn begun(
        computing: &Computing,
        processors: &Arc<Semaphore>,
    ) -> (tokio::task::JoinHandle<Result<(), HandlerError>>, mpsc::Sender<()>) {
        let ((begin, has_begun), (end, may_end)) =
            (tokio::sync::oneshot::channel(), mpsc::channel());
        let (computing, processors) = (computing.clone(), Arc::clone(processors));
        let working = tokio::spawn(async move {
            let work = move || {
                begin.send(()).unwrap();
                may_end.recv().unwrap();
            };
            computing.in_turn(&processors, PATIENCE, work).await
        });
        has_begun.await.unwrap();
        (working, end)
    }

    #[tokio::test]
    async fn one_tenants_work_is_done_one_after_the_other_also_if_nobody_waits_for_it() {
        let processors = Arc::new(Semaphore::new(8));
        let (acme, umbrella) =
            (Computing::of(&Origin::hubspot(1)), Computing::of(&Origin::hubspot(2)));
        let (working, end) = begun(&acme, &processors).await;
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        // Another tenant's is done beside it.
        umbrella.in_turn(&processors, PATIENCE, || ()).await.unwrap();
        // And not its own, also of another version of the tenant.
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let second = tokio::spawn(async move {
            let again = Computing::of(&Origin::hubspot(1));
            let processors = Arc::new(Semaphore::new(8));
            let look = move || seen.load(Ordering::SeqCst);
            again.in_turn(&processors, A_MINUTE, look).await
        });
        umbrella.in_turn(&processors, PATIENCE, || ()).await.unwrap();
        is_over.store(true, Ordering::SeqCst);
        end.send(()).unwrap();
        assert!(second.await.unwrap().unwrap(), "it was not done before the first one was over");
    }

    #[test]
    fn what_took_its_time_lately_waits_for_a_turn_until_it_takes_none_again() {
        let lately = Lately::default();
        let after = |took: Duration, count| {
            (0..count).for_each(|_| lately.note(took));
            lately.is_light()
        };
        assert!(lately.is_light() && after(Duration::from_millis(4), 100));
        assert!(after(Duration::from_millis(12), 1), "once is nothing");
        assert!(!after(Duration::from_millis(6), 50) && !after(Duration::MAX, 3));
        assert!(after(Duration::from_micros(30), 200));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_its_turn_for_too_long_comes_back() {
        let (computing, processors) = (Computing::default(), Arc::new(Semaphore::new(1)));
        for taken in [&computing.0, &processors] {
            let turn = Arc::clone(taken).acquire_owned().await.unwrap();
            let error = computing.in_turn(&processors, PATIENCE, || ()).await.unwrap_err();
            assert!(error.is_deferred() && error.code == "TENANT_COMPUTES", "{error}");
            drop(turn);
            computing.in_turn(&processors, PATIENCE, || ()).await.unwrap();
        }
    }
}
