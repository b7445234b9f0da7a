//! When HubSpot is asked, on a clock that tests move.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::future::{poll_fn, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use tokio::sync::Notify;
use tokio::time::advance;

use super::*;

/// What HubSpot says, the first question's answer being 1.
#[derive(Default)]
struct Said(AtomicU32);

impl Said {
    /// Says the next number once it is asked, and not before.
    fn next(&self) -> impl Future<Output = Result<u32, HandlerError>> {
        poll_fn(|_| Poll::Ready(Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)))
    }
}

fn kept() -> Kept<u32> {
    Kept::new("number")
}

fn away() -> HandlerError {
    HandlerError::transient("HUBSPOT_5XX", "HubSpot answered 503")
}

fn refusal() -> HandlerError {
    HandlerError::permanent("HUBSPOT_403", "HubSpot answered 403")
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_an_hour_for_each_portal() {
    let (kept, said) = (kept(), Said::default());
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)));
    advance(KEPT.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)));
    assert_eq!(kept.get(2, said.next()).await, Ok(Some(2)));
    advance(Duration::from_secs(1)).await;
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_asked_for_at_once_and_then_every_few_minutes() {
    let (kept, said) = (kept(), Said::default());
    let before = Instant::now();
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)));
    assert_eq!(kept.anew(1, before, said.next()).await, Ok(Some(1)), "it has just been asked");
    advance(Duration::from_secs(1)).await;
    assert_eq!(kept.anew(1, Instant::now(), said.next()).await, Ok(Some(2)));
    advance(AGAIN.saturating_sub(Duration::from_secs(1))).await;
    assert_eq!(kept.anew(1, Instant::now(), said.next()).await, Ok(Some(2)));
    advance(Duration::from_secs(1)).await;
    assert_eq!(kept.anew(1, Instant::now(), said.next()).await, Ok(Some(3)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_for_some_minutes() {
    let (kept, said) = (kept(), Said::default());
    assert_eq!(kept.get(1, ready(Err(refusal()))).await, Ok(None));
    assert_eq!(kept.get(1, said.next()).await, Ok(None));
    advance(AGAIN).await;
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)));
    advance(KEPT).await;
    assert_eq!(kept.get(1, ready(Err(refusal()))).await, Ok(Some(1)), "an old answer is one");
}

#[tokio::test(start_paused = true)]
async fn while_hubspot_is_away_what_is_old_serves_and_where_there_is_nothing_runs_wait() {
    let (kept, said) = (kept(), Said::default());
    assert_eq!(kept.get(1, ready(Err(away()))).await, Err(away()));
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)), "the next one asks again");
    advance(KEPT).await;
    assert_eq!(kept.get(1, ready(Err(away()))).await, Ok(Some(1)));
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(1)));
    advance(AGAIN).await;
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(2)));
}

#[tokio::test(start_paused = true)]
async fn one_asks_at_a_time_and_the_others_have_its_answer_or_wait_in_line() {
    let (kept, said, answer) = (Arc::new(kept()), Said::default(), Arc::new(Notify::new()));
    let ask = |value: u32| {
        let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
        tokio::spawn(async move {
            let asking = async {
                answer.notified().await;
                Ok(value)
            };
            kept.get(1, asking).await
        })
    };
    let first = ask(10);
    tokio::task::yield_now().await;
    let error = kept.get(1, said.next()).await.unwrap_err();
    assert_eq!((&*error.code, error.is_deferred()), (ASKED, true));
    answer.notify_one();
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(10)));
    assert_eq!(first.await.unwrap(), Ok(Some(10)));
    advance(KEPT).await;
    let second = ask(11);
    tokio::task::yield_now().await;
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(10)), "what is old, rather than a wait");
    answer.notify_one();
    assert_eq!(second.await.unwrap(), Ok(Some(11)));
    assert_eq!(said.0.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn the_memory_is_bounded_and_forgets_what_was_asked_the_longest_ago() {
    let (kept, said) = (kept(), Said::default());
    for portal_id in 0..=MANY as u64 {
        kept.get(portal_id, said.next()).await.unwrap();
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(kept.portals.lock().unwrap().len(), MANY);
    assert_eq!(kept.get(1, said.next()).await, Ok(Some(2)), "it is known");
    assert_eq!(
        kept.get(0, said.next()).await,
        Ok(Some(u32::try_from(MANY).unwrap() + 2)),
        "it was forgotten"
    );
}
