//! Whether Redis remembers what it has confirmed, looked at by what was written for that alone.
//!
//! A Redis that restarts replays its log, and drops without a word what its user `default` has no
//! right to: transactions, in which scripts write completions and steps. Its answers and its health
//! look as always. So two numbers are kept there: one by a script, then the same by a plain command.
//! In the log the script's comes first. Whatever the end of the log has lost, the plain one is never the
//! larger, unless scripts were dropped. If both are gone that this process has written, so is everything.
//! A failover between the two, to a replica that lags, looks like dropped scripts: it has lost some as well.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::FromRedisValue;
use tokio_util::task::AbortOnDropHandle;

use super::link::Link;
use super::script::{Call, Script};
use crate::metrics::{Forgotten, WorkerMetrics};

/// How often it is looked, beside each time that Redis is back.
const EVERY: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(1);
/// How long the numbers stand, in ms: the plain one less long, which must not outlive the other.
const PLAIN_MS: u64 = 24 * 3_600_000;
const KEPT_MS: u64 = 2 * PLAIN_MS;

/// What was kept last by a plain command and by the script, what the script keeps now, and the time.
type Recalled = (Option<u64>, Option<u64>, u64, u64);

/// Looks until the handle is dropped.
pub(super) fn watch(
    link: Arc<Link>,
    prefix: &str,
    metrics: WorkerMetrics,
) -> AbortOnDropHandle<()> {
    let key = format!("{prefix}:memory:{{all}}");
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut has_written = false;
        loop {
            let looked = look(&link, &key, has_written).await;
            match looked {
                Ok(forgotten) => {
                    has_written = true;
                    if let Some(forgotten) = forgotten {
                        link.renew();
                        metrics.ledger_forgot(forgotten);
                        tracing::error!(
                            ledger.forgotten = forgotten.as_str(),
                            "redis has forgotten what it had confirmed: what comes again runs again"
                        );
                    }
                    tokio::select! {
                        () = tokio::time::sleep(EVERY) => {}
                        () = link.back_again() => {}
                    }
                }
                Err(error) => {
                    tracing::debug!(error, "redis cannot be asked what it remembers");
                    tokio::select! {
                        () = tokio::time::sleep(AGAIN) => {}
                        () = link.back() => {}
                    }
                }
            }
        }
    }))
}

/// Looks once, and writes both numbers anew.
async fn look(link: &Link, key: &str, has_written: bool) -> Result<Option<Forgotten>, String> {
    let arguments = vec![KEPT_MS.to_string()];
    let recall = Call::Run { script: Script::Recall, key: key.to_owned(), arguments };
    let answer = link.call(Arc::new(recall)).await?;
    let (plain, kept, next, now_ms) =
        Recalled::from_redis_value(answer).map_err(|error| error.to_string())?;
    link.heard(now_ms);
    let keep = Call::Keep { key: format!("{key}:plain"), value: next, for_ms: PLAIN_MS };
    // Said also if this gets lost: the script has written, and would not find it again.
    let kept_now = link.call(Arc::new(keep)).await;
    let forgotten = judge(plain, kept, has_written);
    if forgotten.is_none() {
        kept_now?;
    }
    Ok(forgotten)
}

fn judge(plain: Option<u64>, kept: Option<u64>, has_written: bool) -> Option<Forgotten> {
    match (plain, kept) {
        (None, None) => has_written.then_some(Forgotten::Everything),
        (Some(plain), kept) => (kept.unwrap_or(0) < plain).then_some(Forgotten::Scripts),
        // The plain one was not written yet, or is over.
        (None, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_sound_log_can_show_is_forgotten() {
        for has_written in [false, true] {
            assert_eq!(judge(Some(5), Some(5), has_written), None);
            assert_eq!(judge(Some(5), Some(9), has_written), None, "the plain one got lost");
            assert_eq!(judge(None, Some(9), has_written), None, "it was the first");
            assert_eq!(judge(Some(5), Some(4), has_written), Some(Forgotten::Scripts));
            assert_eq!(judge(Some(5), None, has_written), Some(Forgotten::Scripts));
        }
        assert_eq!(judge(None, None, false), None, "a new one");
        assert_eq!(judge(None, None, true), Some(Forgotten::Everything));
    }
}
