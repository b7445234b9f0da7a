//! Writes entries that come from elsewhere. What stands on Redis already is left alone: workers
//! may have gone on with it.

use std::sync::Arc;

use deadpool_redis::redis::{FromRedisValue, Value};
use futures_util::future::try_join_all;
use secrecy::SecretString;

use super::link::Link;
use super::script::{Call, Script};
use super::{format, millis};
use crate::ledger::entry::{Entry, State};

/// Redis did not answer, or not as it should. What was asked may have been carried out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotImported(String);

/// Takes entries in under one prefix. Each call is one try.
#[derive(Debug)]
pub(crate) struct Importer {
    link: Link,
    prefix: String,
}

impl Importer {
    /// Starts connecting in the background.
    pub(crate) fn start(url: &SecretString, prefix: String) -> anyhow::Result<Self> {
        Ok(Self { link: Link::start(url, None)?, prefix })
    }

    /// Whether Redis is there.
    pub(crate) async fn ping(&self) -> Result<(), NotImported> {
        self.link.call(Arc::new(Call::Ping)).await.map_err(NotImported)?;
        Ok(())
    }

    /// Writes those of `entries` that are not there yet; gives how many that were. May be called
    /// again with the same ones.
    pub(crate) async fn import(&self, entries: &[Entry]) -> Result<u64, NotImported> {
        let writing = entries.iter().map(|entry| async {
            let answer = self.link.call(Arc::new(self.call(entry))).await;
            answer.and_then(was_written).map_err(NotImported)
        });
        let written = try_join_all(writing).await?;
        Ok(written.into_iter().map(u64::from).sum())
    }

    fn call(&self, entry: &Entry) -> Call {
        let (identity, rest) = entry.name.split_once(':').unwrap_or((&entry.name, ""));
        let key = format::key(&self.prefix, identity, rest);
        let left_ms = millis(entry.left);
        let value = format::imported(entry, left_ms);
        // What is done has no more need of its steps, and most entries are.
        if entry.state == State::Completed {
            return Call::Begin { key, value, retention_ms: left_ms };
        }
        let mut arguments = vec![value, left_ms.to_string()];
        for (name, json) in &entry.steps {
            arguments.extend([name.clone(), json.clone()]);
        }
        Call::Run { script: Script::Import, key, arguments }
    }
}

/// Whether it was written: a script says 1, `SET … NX GET` shows that nothing stood there.
fn was_written(answer: Value) -> Result<bool, String> {
    match answer {
        Value::Nil => Ok(true),
        Value::Int(written) => Ok(written == 1),
        other => match String::from_redis_value(other) {
            Ok(_) => Ok(false),
            Err(_) => Err("redis gave an answer that is not understood".to_owned()),
        },
    }
}
