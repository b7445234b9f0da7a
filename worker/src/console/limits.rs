//! What workers see of limits: asked of one of them when somebody looks, for they all see the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::addresses;
use crate::limits::{self, Seen};

/// What was found out is shown for so long.
const FRESH: Duration = Duration::from_secs(2);

/// What was answered: the limits, or why nobody tells.
pub(super) type Answer = Arc<Result<Vec<Seen>, String>>;

/// Asks workers.
pub(super) struct Limits {
    /// Where any may be: what answers otherwise is none.
    addresses: Vec<String>,
    last: Mutex<Option<(Instant, Answer)>>,
}

impl Limits {
    pub(super) fn new(addresses: impl IntoIterator<Item = String>) -> Self {
        Self { addresses: addresses.into_iter().collect(), last: Mutex::default() }
    }

    /// Whether anybody can be asked.
    pub(super) fn has_workers(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// What they see, or saw a moment ago. Whoever comes meanwhile waits for the same answer.
    pub(super) async fn look(&self) -> Answer {
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(answer);
        }
        let answer = Arc::new(self.ask().await);
        *last = Some((Instant::now(), Arc::clone(&answer)));
        answer
    }

    async fn ask(&self) -> Result<Vec<Seen>, String> {
        let found = join_all(self.addresses.iter().map(|name| addresses::all_of(name))).await;
        let answers = join_all(found.into_iter().flatten().map(limits::ask)).await;
        let mut why = "no worker answers".to_owned();
        for answer in answers {
            match answer {
                Ok(seen) => return Ok(seen),
                Err(error) => why = format!("no worker answers: {error:#}"),
            }
        }
        Err(why)
    }
}
