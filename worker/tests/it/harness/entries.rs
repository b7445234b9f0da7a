//! The ledger's entries as they stand in Redis, past the ledger.

use std::collections::HashMap;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, AsyncTypedCommands as _, Client};
use shared::event::Identity;

use super::admin::pause;
use super::{PATIENCE, TARGET, within};

/// All keys under one prefix.
pub(crate) struct Entries {
    prefix: String,
    pub(crate) redis: MultiplexedConnection,
}

impl Entries {
    pub(crate) async fn open(url: &str, prefix: &str) -> Self {
        // Other tests may keep a server busy for longer than a client waits by itself.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let client = Client::open(url).unwrap();
        let redis = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        Self { prefix: prefix.to_owned(), redis }
    }

    /// The parts of an event's entry for [`TARGET`] by name: `s` state, `o` owner's token, `l`
    /// lowest live attempt, `f` fence, `a` abandoned runs, `x` end of the lease (ms since the
    /// epoch), `step:<name>`; empty if there is none.
    pub(crate) async fn of(&self, identity: &Identity) -> HashMap<String, String> {
        let key = self.key(identity);
        let mut redis = self.redis.clone();
        let Some(value) = redis.get(&key).await.unwrap() else { return HashMap::new() };
        let left: i64 =
            deadpool_redis::redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
        // The number of the format stands in front.
        let value = value.strip_prefix('2').unwrap_or_else(|| panic!("{value}"));
        let parts: Vec<&str> = value.split(':').collect();
        let names = ["s", "o", "l", "f", "a"];
        let mut entry: HashMap<String, String> =
            names.iter().zip(&parts).map(|(name, part)| ((*name).into(), (*part).into())).collect();
        if let [.., lease, retention] = parts[..]
            && parts[0] == "S"
        {
            let [lease, retention] = [lease, retention].map(|ms| ms.parse::<i64>().unwrap());
            let end = shared::clock::now_ms() + left - (retention - lease);
            entry.insert("x".to_owned(), end.to_string());
        }
        let steps: HashMap<String, String> = redis.hgetall(format!("{key}:steps")).await.unwrap();
        entry.extend(steps.into_iter().map(|(name, json)| (format!("step:{name}"), json)));
        entry
    }

    /// Takes the entry away with its steps.
    pub(crate) async fn lose(&self, identity: &Identity) {
        self.lose_steps(identity).await;
        self.redis.clone().del(self.key(identity)).await.unwrap();
    }

    /// Takes its steps away.
    pub(crate) async fn lose_steps(&self, identity: &Identity) {
        self.redis.clone().del(format!("{}:steps", self.key(identity))).await.unwrap();
    }

    /// A key under the prefix.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }

    fn key(&self, identity: &Identity) -> String {
        format!("{}:run:{{{identity}}}:{TARGET}:0", self.prefix)
    }

    /// Waits until `field` of the entry is `value`.
    pub(crate) async fn wait_for(&self, identity: &Identity, field: &str, value: &str) {
        let waiting = async {
            while self.of(identity).await.get(field).map(String::as_str) != Some(value) {
                pause().await;
            }
        };
        within(&format!("{field} = {value} in Redis"), waiting).await;
    }

    /// Every key, with the ms it has to live; `None` for ever.
    pub(crate) async fn keys(&self) -> Vec<(String, Option<i64>)> {
        let mut redis = self.redis.clone();
        let mut keys = Vec::new();
        for key in redis.keys(format!("{}:*", self.prefix)).await.unwrap() {
            let left: i64 =
                deadpool_redis::redis::cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
            keys.push((key, (left >= 0).then_some(left)));
        }
        keys
    }
}
