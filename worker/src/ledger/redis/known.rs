//! Which limits there are: whoever asks at one notes it, and all that was noted by any worker lately is
//! looked at for people.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::FromRedisValue as _;
use futures_util::future::join_all;

use super::script::Script;
use super::{Ledger, millis};
use crate::limits::{Of, Seen, Sight};
use crate::metrics::Operation;

/// For how long a limit is known after it mattered last.
const KNOWN: Duration = Duration::from_secs(3600);
/// The most that are looked at: whoever has more portals sees those that were busy last.
const MOST: usize = 1000;

/// What this worker has asked at since it last told, and how long from then on that matters.
#[derive(Debug, Default)]
pub(super) struct Noted(Mutex<HashMap<String, u64>>);

impl Noted {
    pub(super) fn note(&self, of: Of, key: &str, wait: Duration) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = noted.entry(format!("{} {key}", of.as_str())).or_default();
        *wait_ms = (*wait_ms).max(millis(wait));
    }

    fn take(&self) -> HashMap<String, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ledger {
    pub(in crate::ledger) async fn limits(&self) -> Vec<Seen> {
        let key = format!("{}:limits:{{all}}", self.prefix);
        let mut arguments = vec![millis(KNOWN).to_string(), MOST.to_string()];
        for (name, wait_ms) in self.noted.take() {
            arguments.extend([name, wait_ms.to_string()]);
        }
        let reply = self.run(Operation::Look, Script::Known, &key, arguments).await;
        let names = Vec::<String>::from_redis_value(reply).unwrap_or_default();
        let seen = join_all(names.iter().map(|name| self.look(name))).await;
        seen.into_iter().flatten().collect()
    }

    async fn look(&self, name: &str) -> Option<Seen> {
        let (of, limit) = name.split_once(' ')?;
        let (of, key) = match of {
            "requests" => (Of::Requests, format!("{}:limit:{{{limit}}}", self.prefix)),
            "calls" => (Of::Calls, format!("{}:gate:{{{limit}}}", self.prefix)),
            _ => return None,
        };
        let arguments = vec![of.as_str().to_owned()];
        let reply = self.run(Operation::Look, Script::Look, &key, arguments).await;
        let sight = Option::<Vec<i64>>::from_redis_value(reply).ok()??;
        Some(Seen::new(of, limit, Sight::try_from(sight).ok()?))
    }
}
