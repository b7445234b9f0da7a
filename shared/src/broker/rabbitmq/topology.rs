//! The names of everything Hubline has on RabbitMQ, and where a message goes among them. How it is
//! declared is `declare`'s.

use std::sync::Arc;
use std::time::Duration;

use lapin::types::ShortString;

use crate::broker::lane::Lane;
use crate::broker::queue::QueueKind;
use crate::broker::route::Route;
use crate::origin::Origin;
use crate::retry::{Hop, Ladder, RetrySchedule, delay_name};

/// The header by which the retry exchange finds the queue of a delay.
pub(super) const DELAY_HEADER: &str = "hubline-delay";

/// The names on the broker.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: String,
    work_shards: u32,
    ladder: Option<Ladder>,
    exchanges: Arc<Exchanges>,
}

/// What is published to, named once and not for each message.
#[derive(Debug)]
struct Exchanges {
    events: ShortString,
    retry: ShortString,
    dead: ShortString,
}

impl Topology {
    /// The topology under `prefix` with `work_shards` work queues. Without a schedule the retry
    /// queues are left alone: the receiver neither uses nor knows them.
    #[must_use]
    pub fn new(prefix: &str, work_shards: u32, schedule: Option<&RetrySchedule>) -> Self {
        let exchange = |name| named(prefix, name).into();
        let exchanges = Exchanges {
            events: exchange("events"),
            retry: exchange("retry"),
            dead: exchange("dead"),
        };
        Self {
            prefix: prefix.to_owned(),
            work_shards: work_shards.max(1),
            ladder: schedule.map(RetrySchedule::ladder),
            exchanges: Arc::new(exchanges),
        }
    }

    /// `name` under the prefix.
    pub(super) fn name(&self, name: &str) -> String {
        named(&self.prefix, name)
    }

    /// The work queues, by shard.
    pub fn work_queues(&self) -> impl Iterator<Item = String> {
        (0..self.work_shards).map(|shard| self.name(&format!("work.{shard}")))
    }

    /// The queue for replays, backfill and bulk retries.
    #[must_use]
    pub fn bulk_queue(&self) -> String {
        self.name("bulk")
    }

    /// The queue of dead letters.
    #[must_use]
    pub fn dead_queue(&self) -> String {
        self.name("dead")
    }

    /// Where messages land whose routing key has no queue.
    #[must_use]
    pub fn unrouted_queue(&self) -> String {
        self.name("unrouted")
    }

    /// The retry queues, ascending by delay.
    pub fn retry_queues(&self) -> impl Iterator<Item = String> {
        self.retry_delays().map(|delay| self.retry_queue(delay))
    }

    /// The queues of a lane.
    pub(super) fn lane_queues(&self, lane: Lane) -> Vec<String> {
        match lane {
            Lane::Work => self.work_queues().collect(),
            Lane::Bulk => vec![self.bulk_queue()],
        }
    }

    /// Every queue and what it is for, those with live events first.
    pub fn queues(&self) -> impl Iterator<Item = (String, QueueKind)> {
        let work = self.work_queues().map(|name| (name, QueueKind::Work));
        let retry = self.retry_queues().map(|name| (name, QueueKind::Retry));
        let others =
            [(self.dead_queue(), QueueKind::Dead), (self.unrouted_queue(), QueueKind::Unrouted)];
        work.chain([(self.bulk_queue(), QueueKind::Bulk)]).chain(retry).chain(others)
    }

    pub(super) fn retry_delays(&self) -> impl Iterator<Item = Duration> {
        self.ladder.iter().flat_map(Ladder::delays)
    }

    /// The next stay of what is to wait. Without a schedule there is none, and what is to wait lands
    /// among the unrouted.
    pub(super) fn hop(&self, route: Route) -> Option<Hop> {
        match (route, &self.ladder) {
            (Route::Later { wait, .. }, Some(ladder)) => Some(ladder.hop(wait)),
            _ => None,
        }
    }

    pub(super) fn retry_queue(&self, delay: Duration) -> String {
        self.name(&format!("retry.{}", delay_name(delay)))
    }

    pub(super) fn exchange(&self, name: &str) -> ShortString {
        self.name(name).into()
    }

    /// The exchange and routing key of `route` for a message of `origin`.
    pub(super) fn address(&self, route: Route, origin: &Origin) -> (ShortString, ShortString) {
        let Exchanges { events, retry, dead } = &*self.exchanges;
        match route {
            Route::Ready(lane) => (events.clone(), self.key(lane, origin)),
            Route::Later { lane, .. } => (retry.clone(), self.key(lane, origin)),
            Route::Dead => (dead.clone(), self.key(Lane::Work, origin)),
        }
    }

    fn key(&self, lane: Lane, origin: &Origin) -> ShortString {
        match lane {
            Lane::Work => self.shard(origin).to_string().into(),
            Lane::Bulk => "bulk".into(),
        }
    }

    /// The shard of an account: the same in every process and every version.
    fn shard(&self, origin: &Origin) -> u32 {
        // FNV's steps over its text, and one of splitmix64: accounts that are alike still spread evenly.
        let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = origin.parts().into_iter().flat_map(str::bytes).fold(0, step);
        let mut hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        u32::try_from(hash % u64::from(self.work_shards)).unwrap_or(0)
    }
}

fn named(prefix: &str, name: &str) -> String {
    format!("{prefix}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_keeps_its_shard_and_accounts_spread_evenly() {
        let topology = Topology::new("t", 8, None);
        let mut counts = [0_u32; 8];
        for portal in 0..8000 {
            counts[topology.shard(&Origin::hubspot(portal * 1000)) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        // Fixed for all time: a change would send an account's retries to another queue.
        let shards = |topology: &Topology| {
            [1, 62_515, 242_711_451].map(|portal| topology.shard(&Origin::hubspot(portal)))
        };
        assert_eq!(shards(&topology), shards(&Topology::new("other", 8, None)));
        assert_eq!(shards(&topology), [5, 4, 0]);
    }
}
