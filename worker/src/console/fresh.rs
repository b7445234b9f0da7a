//! What was found out a moment ago is shown again: whoever looks meanwhile asks nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// For so long.
const FRESH: Duration = Duration::from_secs(2);

/// The last answer.
pub(super) struct Fresh<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Fresh<T> {
    /// The last answer, or what `ask` finds out. Whoever comes meanwhile waits for the same.
    pub(super) async fn or(&self, ask: impl Future<Output = T>) -> Arc<T> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(answer);
        }
        let answer = Arc::new(ask.await);
        *last = Some((Instant::now(), Arc::clone(&answer)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_holds_for_a_moment() {
        let fresh = Fresh::default();
        assert_eq!(*fresh.or(async { 1 }).await, 1);
        assert_eq!(*fresh.or(async { panic!("nobody is asked") }).await, 1);
    }
}
