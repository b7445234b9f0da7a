//! What the rig's ledger has of one event, past the ledger: the same names on every engine.

use std::collections::HashMap;

use shared::clock::now_ms;
use shared::event::Identity;
use shared::testing::{DataFile, Place, redis_url};
use sqlx::Connection as _;

use super::admin::pause;
use super::{Entries, Rig, TARGET, within};

const CLAIM: &str = "\
    SELECT state, token, lowest, fence, abandoned, lease_until_ms FROM claim \
    WHERE key = ? AND expires_ms > (SELECT max(high_ms, ?) FROM clock)";
const STEPS: &str = "SELECT 'step:' || name, json FROM step \
    WHERE id >> 20 = (SELECT id FROM claim WHERE key = ?)";

impl Rig {
    /// The parts of an event's entry for [`TARGET`], named as [`Entries::of`] does; empty if
    /// there is none.
    pub(crate) async fn entry(&self, identity: &Identity) -> HashMap<String, String> {
        match &self.queues {
            Place::Cluster { .. } => {
                Entries::open(&redis_url(), &self.prefix).await.of(identity).await
            }
            Place::Embedded(file) => in_file(file, identity).await,
        }
    }

    /// Waits until `part` of the entry is `value`.
    pub(crate) async fn wait_for_entry(&self, identity: &Identity, part: &str, value: &str) {
        let waiting = async {
            while self.entry(identity).await.get(part).map(String::as_str) != Some(value) {
                pause().await;
            }
        };
        within(&format!("{part} = {value} in the ledger"), waiting).await;
    }
}

async fn in_file(file: &DataFile, identity: &Identity) -> HashMap<String, String> {
    let (mut file, key) = (file.look().await, format!("{identity}:{TARGET}:0"));
    // Both of one moment.
    let mut look = file.begin().await.unwrap();
    let claim: Option<(String, String, i64, i64, i64, i64)> =
        sqlx::query_as(CLAIM).bind(&key).bind(now_ms()).fetch_optional(&mut *look).await.unwrap();
    let Some((state, token, lowest, fence, abandoned, end)) = claim else {
        return HashMap::new();
    };
    let steps: Vec<(String, String)> =
        sqlx::query_as(STEPS).bind(&key).fetch_all(&mut *look).await.unwrap();
    let [lowest, fence, abandoned, end] =
        [lowest, fence, abandoned, end].map(|number| number.to_string());
    let parts =
        [("s", state), ("o", token), ("l", lowest), ("f", fence), ("a", abandoned), ("x", end)];
    parts.map(|(name, part)| (name.to_owned(), part)).into_iter().chain(steps).collect()
}
