//! The connections to one database: so many at the most, and none that stands idle for long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_postgres::Client;

/// A connection that was not used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// The connections.
pub(super) struct Pool {
    room: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// Whether somebody closes what stands idle.
    is_swept: AtomicBool,
}

struct Idle {
    client: Client,
    since: Instant,
}

impl Pool {
    pub(super) fn new(most: u32) -> Self {
        let room = Semaphore::new(usize::try_from(most.max(1)).unwrap_or(1));
        Self { room, idle: Mutex::default(), is_swept: AtomicBool::new(false) }
    }

    /// Waits until there is room for one more that works. `None` never comes: nobody closes it.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire().await.ok()
    }

    /// One that is open, the last that was used: the others grow old.
    pub(super) fn take(&self) -> Option<Client> {
        let mut idle = self.idle();
        while let Some(Idle { client, .. }) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }

    /// Keeps one for the next row.
    pub(super) fn put(self: &Arc<Self>, client: Client) {
        self.idle().push(Idle { client, since: Instant::now() });
        if !self.is_swept.swap(true, Ordering::SeqCst) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes all that stand idle.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until none is left, or nobody has the pool any more.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(IDLE / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.idle();
        idle.retain(|idle| idle.since.elapsed() < IDLE && !idle.client.is_closed());
        if idle.is_empty() {
            // Under the lock: who puts one in now sees it, and starts another.
            pool.is_swept.store(false, Ordering::SeqCst);
            return;
        }
    }
}
