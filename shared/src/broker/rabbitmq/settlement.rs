//! The task that tells the broker what was settled.
//!
//! Settlements of one channel are gathered and told together: one multiple ack over the prefix
//! that is entirely settled, single acks for what is ahead of it. Awaiting each ack by itself
//! is several times slower.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::broker::settlement::Verb;

/// How many settlements are told to the broker in one go.
const BATCH: usize = 1024;
/// With so many there is nothing to gain by waiting for more.
const ENOUGH: u16 = 100;
/// How long settlements wait for company.
const MOMENT: Duration = Duration::from_millis(2);
/// How long acks wait for those ahead of them before they are told one by one.
const AHEAD: Duration = Duration::from_millis(20);

/// With how many settlements none is waited for any more where so many deliveries are out at once: while the
/// worker is done with a good part of them, the broker sends nothing in their place.
pub(super) fn enough(prefetch: u16) -> usize {
    usize::from((prefetch / 4).clamp(1, ENOUGH))
}

/// Tells the broker until every [`Settlement`] of the channel is used and gone.
pub(super) async fn tell_broker(
    channel: Channel,
    mut verbs: mpsc::UnboundedReceiver<Verb>,
    enough: usize,
) -> Result<(), lapin::Error> {
    let mut window = Window::default();
    let mut batch = Vec::with_capacity(BATCH);
    // Since when an unsettled delivery has been holding up the acks of those behind it.
    let mut stuck: Option<Instant> = None;
    loop {
        let patience = stuck.filter(|_| window.has_acked()).map(|since| since + AHEAD);
        let open = gather(&mut verbs, &mut batch, patience, enough).await;
        let mut requeue = Vec::new();
        for verb in batch.drain(..) {
            match verb {
                Verb::Ack(tag) => window.acked(tag),
                Verb::Requeue(tag) => {
                    window.told(tag);
                    requeue.push(tag);
                }
            }
        }
        // Before any multiple ack, which would swallow them.
        let options = BasicNackOptions { requeue: true, ..Default::default() };
        try_join_all(requeue.into_iter().map(|tag| channel.basic_nack(tag, options))).await?;
        if let Some(tag) = window.take_prefix() {
            channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
            stuck = None;
        }
        if window.has_acked()
            && (!open || stuck.get_or_insert_with(Instant::now).elapsed() >= AHEAD)
        {
            let single = window.take_single();
            let options = BasicAckOptions::default();
            try_join_all(single.into_iter().map(|tag| channel.basic_ack(tag, options))).await?;
        }
        if !open {
            return Ok(());
        }
    }
}

/// Waits for settlements, and a moment longer for more of them: to a quorum queue every ack is
/// an entry of its log, whether it settles one delivery or a hundred. Gives up at `patience`
/// with nothing. False once there is nobody left to settle.
async fn gather(
    verbs: &mut mpsc::UnboundedReceiver<Verb>,
    batch: &mut Vec<Verb>,
    patience: Option<Instant>,
    enough: usize,
) -> bool {
    let first = match patience {
        None => Ok(verbs.recv_many(batch, BATCH).await),
        Some(patience) => timeout_at(patience, verbs.recv_many(batch, BATCH)).await,
    };
    match first {
        Err(_) => return true,
        Ok(0) => return false,
        Ok(_) => {}
    }
    let deadline = Instant::now() + MOMENT;
    while batch.len() < enough {
        match timeout_at(deadline, verbs.recv_many(batch, BATCH)).await {
            // At the end too what was gathered is told first; the next call finds it again.
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    true
}

/// Which delivery tags of a channel are settled. Tags count up from 1 without gaps.
#[derive(Debug, Default)]
struct Window {
    /// Every tag up to here is settled and told.
    base: u64,
    /// Settled, not told yet.
    acked: BTreeSet<u64>,
    /// Above `base`, settled and told already.
    told: BTreeSet<u64>,
}

impl Window {
    fn acked(&mut self, tag: u64) {
        self.acked.insert(tag);
    }

    fn told(&mut self, tag: u64) {
        self.told.insert(tag);
    }

    /// Whether there are acks to tell.
    fn has_acked(&self) -> bool {
        !self.acked.is_empty()
    }

    /// The tag to ack with all before it, if the settled prefix has grown.
    fn take_prefix(&mut self) -> Option<u64> {
        let mut multiple = None;
        loop {
            let next = self.base + 1;
            if self.acked.remove(&next) {
                // The broker refuses a multiple ack whose own tag is not outstanding.
                multiple = Some(next);
            } else if !self.told.remove(&next) {
                return multiple;
            }
            self.base = next;
        }
    }

    /// The tags to ack by themselves: settled, but behind one that is not.
    fn take_single(&mut self) -> BTreeSet<u64> {
        let single = std::mem::take(&mut self.acked);
        self.told.extend(&single);
        single
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn take(window: &mut Window) -> (Option<u64>, Vec<u64>) {
        (window.take_prefix(), window.take_single().into_iter().collect())
    }

    #[tokio::test(start_paused = true)]
    async fn settlements_wait_for_company_and_not_where_few_are_out() {
        let (settle, mut verbs) = mpsc::unbounded_channel();
        let mut told = async |prefetch, count| {
            for tag in 1..=count {
                settle.send(Verb::Ack(tag)).unwrap();
            }
            let (mut batch, begun) = (Vec::new(), Instant::now());
            assert!(gather(&mut verbs, &mut batch, None, enough(prefetch)).await);
            assert_eq!(batch.len() as u64, count);
            begun.elapsed()
        };
        assert_eq!(told(1, 1).await, Duration::ZERO);
        assert_eq!(told(40, 10).await, Duration::ZERO);
        assert_eq!(told(10_000, 100).await, Duration::ZERO);
        assert!(told(40, 9).await >= MOMENT);
        assert!(told(800, 1).await >= MOMENT);
    }

    #[test]
    fn a_settled_prefix_is_one_multiple_ack() {
        let mut window = Window::default();
        for tag in [3, 1, 2, 5] {
            window.acked(tag);
        }
        assert_eq!(take(&mut window), (Some(3), vec![5]));
        window.acked(4);
        assert_eq!(take(&mut window), (Some(4), vec![]));
        window.acked(6);
        assert_eq!(take(&mut window), (Some(6), vec![]));
        assert!(window.told.is_empty() && window.base == 6);
    }

    #[test]
    fn a_requeued_tag_is_never_the_tag_of_a_multiple_ack() {
        let mut window = Window::default();
        window.acked(1);
        window.told(2);
        assert_eq!(take(&mut window), (Some(1), vec![]));
        assert_eq!(window.base, 2);
        window.told(3);
        assert_eq!(take(&mut window), (None, vec![]));
    }

    #[test]
    fn every_tag_is_told_once_in_any_order() {
        let mut window = Window::default();
        let mut told = BTreeSet::new();
        let mut base = 0;
        for chunk in [[7_u64, 2, 9], [1, 4, 10], [3, 8, 5], [6, 12, 11]] {
            for tag in chunk {
                window.acked(tag);
            }
            let (multiple, single) = take(&mut window);
            for tag in single {
                assert!(told.insert(tag));
            }
            if let Some(up_to) = multiple {
                assert!(!told.contains(&up_to));
                told.extend(base + 1..=up_to);
                base = up_to;
            }
        }
        assert_eq!(told, (1..=12).collect());
    }

    /// Settled in random order, some of it requeued, told after random numbers of settlements, and at
    /// random whether acks that are ahead are told by themselves.
    #[test]
    fn no_ack_covers_what_is_not_settled_and_none_is_told_twice() {
        const TAGS: u64 = 200;
        for seed in 1..=200_u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut below = move |end: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 16) % end
            };
            let (mut open, mut window): (Vec<u64>, _) = ((1..=TAGS).collect(), Window::default());
            // As the broker sees it: what is still out, and what of it the worker is done with.
            let mut outstanding: BTreeSet<u64> = (1..=TAGS).collect();
            let mut done = BTreeSet::new();
            while !open.is_empty() {
                for _ in 0..=below(9).min(open.len() as u64 - 1) {
                    // Mostly in the order in which they came.
                    let place = usize::try_from(below(open.len().min(30) as u64)).unwrap();
                    let tag = open.remove(place);
                    if below(10) == 0 {
                        window.told(tag);
                        assert!(outstanding.remove(&tag), "requeued twice: {tag}, seed {seed}");
                    } else {
                        window.acked(tag);
                        done.insert(tag);
                    }
                }
                if let Some(up_to) = window.take_prefix() {
                    assert!(outstanding.contains(&up_to), "{up_to} is not out, seed {seed}");
                    let behind = outstanding.split_off(&(up_to + 1));
                    let covered = std::mem::replace(&mut outstanding, behind);
                    assert!(covered.is_subset(&done), "{covered:?} by {up_to}, seed {seed}");
                }
                if below(3) == 0 {
                    for tag in window.take_single() {
                        assert!(
                            outstanding.remove(&tag) && done.contains(&tag),
                            "{tag}, seed {seed}"
                        );
                    }
                }
            }
            assert_eq!(outstanding, window.take_single(), "seed {seed}");
        }
    }
}
