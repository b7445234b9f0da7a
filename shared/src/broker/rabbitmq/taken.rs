//! What a consumer takes from: which queues, and what they need to be there.

use std::sync::atomic::{AtomicBool, Ordering};

use lapin::Connection;

use super::census;
use super::provision::{Needs, declare, look};
use super::topology::Topology;
use crate::broker::delivery::DeadQueue;
use crate::broker::lane::Lane;

/// What a consumer takes from, each queue with its prefetch.
pub(in crate::broker) struct Taken<Source> {
    topology: Topology,
    queues: Vec<(String, Source, u16)>,
    needs: Needs,
    /// By this consumer, on an earlier connection.
    is_declared: AtomicBool,
}

impl Taken<Lane> {
    /// Every work queue and the bulk queue.
    pub(in crate::broker) fn events(topology: Topology, prefetch: u16, bulk_prefetch: u16) -> Self {
        let work = topology.work_queues().map(|queue| (queue, Lane::Work, prefetch));
        let queues = work.chain([(topology.bulk_queue(), Lane::Bulk, bulk_prefetch)]).collect();
        Self { topology, queues, needs: Needs::Everything, is_declared: AtomicBool::new(false) }
    }
}

impl Taken<DeadQueue> {
    /// The dead letters, and what could not be routed.
    pub(in crate::broker) fn dead_letters(topology: Topology, prefetch: u16) -> Self {
        let queues = vec![
            (topology.dead_queue(), DeadQueue::Dead, prefetch),
            (topology.unrouted_queue(), DeadQueue::Unrouted, prefetch),
        ];
        Self { topology, queues, needs: Needs::DeadLetters, is_declared: AtomicBool::new(false) }
    }
}

impl<Source> Taken<Source> {
    /// Each queue, what it is to who takes from it, and its prefetch.
    pub(super) fn queues(&self) -> &[(String, Source, u16)] {
        &self.queues
    }

    /// Sees that all that is needed is there; gives how many messages are ready. Declares it the first
    /// time, which is where arguments that differ are found. Later only what is missing: while one of
    /// its nodes is silent a cluster answers whoever looks, and may let whoever declares wait for a minute.
    pub(super) async fn provide(&self, connection: &Connection) -> Result<u64, lapin::Error> {
        let is_declared = self.is_declared.load(Ordering::Relaxed);
        let found =
            if is_declared { look(connection, &self.topology, self.needs).await? } else { None };
        let channel = match found {
            Some(channel) => channel,
            None => declare(connection, &self.topology, self.needs).await?,
        };
        self.is_declared.store(true, Ordering::Relaxed);
        let queues: Vec<String> = self.queues.iter().map(|(queue, ..)| queue.clone()).collect();
        let ready = census::ready(&channel, &queues).await?;
        channel.close(200, "looked".into()).await?;
        Ok(ready)
    }
}
