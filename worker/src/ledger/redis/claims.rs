//! Claims on Redis, and what their owners write: each is one call of a script, or for a first claim of a
//! plain command. Completions that wait at the same time are one call together. What an answer means is said
//! here, what is done on Redis in [`super::script`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{FromRedisValue, Value};

use super::script::{Call, Script};
use super::{Ledger, format, millis};
use crate::ledger::lease::Steps;
use crate::ledger::{Claim, EntryKey, Lease, Write, Written};
use crate::metrics::Operation;

/// A first claim that is answered later than that has its fence from Redis. And so has the next one from the
/// beginning: under load a second call for each would make more of it.
const FRESH: Duration = Duration::from_millis(200);

impl Ledger {
    pub(in crate::ledger) async fn claim(
        &self,
        entry: &EntryKey<'_>,
        attempt: u32,
        apart: &[u32],
    ) -> Claim {
        let key = self.key(entry);
        let token = format!("{:032x}", rand::random::<u128>());
        let (lease, retention) = (millis(self.lease), millis(self.retention));
        // Redis' time as of now, without asking. The call may wait, and meanwhile somebody else may claim
        // the entry with a larger fence, and Redis lose it: so what is answered late has another fence.
        // Another's claim and its loss do not fit into less.
        let (asked, mut is_first) = (Instant::now(), true);
        let known = self.link.now_ms().filter(|_| !self.is_slow.load(Ordering::Relaxed));
        if let Some(fence) = known {
            let begin = Call::Begin {
                key: key.clone(),
                value: format::started(&token, attempt.into(), fence, 0, lease, retention),
                retention_ms: retention,
            };
            let answer = self.call(Operation::Claim, &Arc::new(begin)).await;
            let is_late = self.is_late(asked);
            is_first = false;
            match Option::<String>::from_redis_value(answer) {
                Ok(None) if !is_late => {
                    return Claim::Started(Lease::new(key, token, attempt, fence, 0, []));
                }
                Ok(Some(value)) if format::is_completed(&value) => return Claim::Completed,
                // What is the caller's own already, the script finds to be so, and raises its fence.
                _ => {}
            }
        }
        let mut arguments =
            vec![token.clone(), lease.to_string(), attempt.to_string(), retention.to_string()];
        arguments.extend(apart.iter().map(u32::to_string));
        loop {
            let reply = self.run(Operation::Claim, Script::Claim, &key, arguments.clone()).await;
            if std::mem::take(&mut is_first) {
                self.is_late(asked);
            }
            match claimed(reply) {
                Some(Claimed::Started(fence, abandoned, steps)) => {
                    let lease = Lease::new(key, token, attempt, fence, abandoned, steps);
                    return Claim::Started(lease);
                }
                Some(Claimed::Held(left)) => return Claim::Held(left),
                Some(Claimed::Completed) => return Claim::Completed,
                Some(Claimed::Stale) => return Claim::Stale,
                Some(Claimed::Apart(abandoned)) => return Claim::Apart(abandoned),
                Some(Claimed::Foreign) => {
                    tracing::error!(
                        ledger.entry = key,
                        "ledger entry was written by another build: let that build end its \
                         events, or use another PREFIX"
                    );
                    return Claim::Held(self.lease);
                }
                None => self.malformed(Operation::Claim).await,
            }
        }
    }

    /// Whether what was asked then is answered late, as is remembered for the next claim.
    fn is_late(&self, asked: Instant) -> bool {
        let is_late = asked.elapsed() > FRESH;
        self.is_slow.store(is_late, Ordering::Relaxed);
        is_late
    }

    /// One write under a lease. `steps` are those that may not be there yet.
    pub(in crate::ledger) async fn write(
        &self,
        lease: &Lease,
        write: Write,
        steps: &Steps,
    ) -> Written {
        let known = lease.step_count();
        if write == Write::Complete && known == 0 {
            // Nearly all of them: together with all others that wait now. What is not plainly one's own is
            // asked for by itself.
            let (key, token) = (lease.key.clone(), lease.token.clone());
            let call = Arc::new(Call::Complete { key, token });
            let answer = self.call(Operation::Complete, &call).await;
            if matches!(answer, Value::Int(1)) {
                return Written::Done;
            }
        }
        let (length, retention) =
            (millis(self.lease).to_string(), millis(self.retention).to_string());
        let (token, known) = (lease.token.clone(), known.to_string());
        let (operation, script, mut arguments) = match write {
            Write::Extend => (Operation::Extend, Script::Extend, vec![token, length, retention]),
            Write::Remember | Write::Note => {
                (Operation::Step, Script::Step, vec![token, retention])
            }
            Write::Complete => (Operation::Complete, Script::Complete, vec![token, known]),
            Write::Release(release) => {
                let [next, abandoned] = [release.lowest(), release.abandoned()]
                    .map(|number| number.map_or_else(String::new, |number| number.to_string()));
                let arguments = vec![token, next, abandoned, retention, known];
                (Operation::Release, Script::Release, arguments)
            }
        };
        if matches!(write, Write::Remember | Write::Note | Write::Release(_)) {
            arguments.extend(steps.iter().cloned().flat_map(<[String; 2]>::from));
        }
        match self.answer(operation, script, lease, arguments).await {
            1 => Written::Done,
            2 => Written::Missing,
            _ => Written::Refused,
        }
    }

    /// Puts back what the lease knows; false if somebody else has the entry.
    pub(in crate::ledger) async fn restore(&self, lease: &Lease) -> bool {
        let (length, retention) = (millis(self.lease), millis(self.retention));
        let (attempt, abandoned) = (lease.attempt.into(), lease.abandoned.into());
        let value =
            format::started(&lease.token, attempt, lease.fence, abandoned, length, retention);
        let mut arguments = vec![value, lease.token.clone(), retention.to_string()];
        arguments.extend(lease.steps().into_iter().flat_map(<[String; 2]>::from));
        self.answer(Operation::Restore, Script::Restore, lease, arguments).await == 1
    }

    async fn answer(
        &self,
        operation: Operation,
        script: Script,
        lease: &Lease,
        arguments: Vec<String>,
    ) -> i64 {
        let call = Arc::new(Call::Run { script, key: lease.key.clone(), arguments });
        loop {
            match i64::from_redis_value(self.call(operation, &call).await) {
                Ok(answer) => return answer,
                Err(_) => self.malformed(operation).await,
            }
        }
    }

    fn key(&self, entry: &EntryKey<'_>) -> String {
        let EntryKey { identity, target, generation } = entry;
        format::key(&self.prefix, identity.as_ref(), format_args!("{target}:{generation}"))
    }
}

/// What a claim is answered.
enum Claimed {
    Started(u64, u32, Steps),
    Held(Duration),
    Completed,
    Stale,
    Apart(u32),
    /// What stands there is of another format.
    Foreign,
}

fn claimed(reply: Value) -> Option<Claimed> {
    let (code, first, second, steps) =
        <(i64, u64, u32, Vec<String>)>::from_redis_value(reply).ok()?;
    Some(match code {
        0 => {
            let mut fields = steps.into_iter();
            let pairs = std::iter::from_fn(|| Some((fields.next()?, fields.next()?)));
            Claimed::Started(first, second, pairs.collect())
        }
        1 => Claimed::Held(Duration::from_millis(first)),
        2 => Claimed::Completed,
        3 => Claimed::Stale,
        4 => Claimed::Foreign,
        5 => Claimed::Apart(second),
        _ => return None,
    })
}
