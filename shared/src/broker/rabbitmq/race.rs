//! Which of several candidates is taken: the next is tried beside the one before it after a moment, and
//! the first that succeeds is taken. So one that is silent costs a moment and not the whole time.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

/// How long an address is tried alone. A broker that is well lets us in within a few round trips.
const MOMENT: Duration = Duration::from_millis(300);

/// Where an address goes among those that are tried.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    First,
    Between,
    Last,
}

/// Tries every candidate that is found, one a moment, or at once when another has failed, in the order of
/// their places; what goes last waits until all are found. The first success, or every failure.
pub(super) async fn first<C, T, Tried: Future<Output = Result<T, String>>>(
    finding: impl Iterator<Item = impl Future<Output = Result<Vec<C>, String>>>,
    place: impl Fn(&C) -> Place,
    attempt: impl Fn(C) -> Tried,
) -> Result<T, String> {
    let mut finding: FuturesUnordered<_> = finding.collect();
    let (mut waiting, mut at_last) = (VecDeque::new(), VecDeque::new());
    let mut tried = FuturesUnordered::new();
    let (mut next, mut failures) = (Instant::now(), Vec::new());
    loop {
        if finding.is_empty() {
            waiting.append(&mut at_last);
        }
        tokio::select! {
            biased;
            Some(ended) = tried.next() => match ended {
                Ok(success) => return Ok(success),
                Err(failure) => {
                    failures.push(failure);
                    next = Instant::now();
                }
            },
            Some(found) = finding.next() => match found {
                Ok(found) => for candidate in found {
                    match place(&candidate) {
                        Place::First => waiting.push_front(candidate),
                        Place::Between => waiting.push_back(candidate),
                        Place::Last => at_last.push_back(candidate),
                    }
                },
                Err(failure) => failures.push(failure),
            },
            () = sleep_until(next), if !waiting.is_empty() => {
                if let Some(candidate) = waiting.pop_front() {
                    tried.push(attempt(candidate));
                }
                next = Instant::now() + MOMENT;
            }
            else => {
                failures.dedup();
                return Err(if failures.is_empty() { "no address".to_owned() } else { failures.join("; ") });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::future::{pending, ready};

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    type Tried = BoxFuture<'static, Result<u32, String>>;

    fn answers(number: u32) -> Tried {
        ready(Ok(number)).boxed()
    }

    async fn connect(
        found: Vec<Vec<u32>>,
        last: u32,
        attempt: fn(u32) -> Tried,
    ) -> Result<u32, String> {
        let finding = found.into_iter().map(|found| ready(Ok(found)));
        let place = |number: &u32| if *number == last { Place::First } else { Place::Between };
        first(finding, place, attempt).await
    }

    #[tokio::test(start_paused = true)]
    async fn silent_addresses_cost_a_moment_each() {
        let begun = Instant::now();
        let attempt = |number| if number == 3 { answers(3) } else { pending().boxed() };
        assert_eq!(connect(vec![vec![1, 2], vec![3]], 0, attempt).await, Ok(3));
        assert_eq!(begun.elapsed(), 2 * MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn refusing_addresses_cost_nothing_and_all_are_told() {
        let begun = Instant::now();
        let attempt = |number: u32| ready(Err(format!("{number} refused"))).boxed();
        let told = connect(vec![vec![1, 2], vec![3]], 0, attempt).await.unwrap_err();
        assert_eq!(told, "1 refused; 2 refused; 3 refused");
        assert!(begun.elapsed() < MOMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_answered_last_goes_first() {
        assert_eq!(connect(vec![vec![1, 2, 3]], 2, answers).await, Ok(2));
        assert_eq!(connect(vec![vec![1, 2, 3]], 9, answers).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_that_was_of_no_use_goes_last() {
        let place = |number: &u32| if *number == 1 { Place::Last } else { Place::Between };
        let finding = || [vec![1], vec![2]].into_iter().map(|found| ready(Ok(found)));
        assert_eq!(first(finding(), place, answers).await, Ok(2));
        let attempt = |number: u32| {
            if number == 1 {
                answers(1)
            } else {
                ready(Err::<u32, _>("refused".to_owned())).boxed()
            }
        };
        assert_eq!(first(finding(), place, attempt).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_is_not_resolved_holds_up_no_other() {
        let finding: Vec<BoxFuture<'static, Result<Vec<u32>, String>>> =
            vec![pending().boxed(), ready(Ok(vec![7])).boxed()];
        assert_eq!(first(finding.into_iter(), |_| Place::Between, answers).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_address_it_is_said_why() {
        let finding = [ready(Err::<Vec<u32>, _>("nobody: not known".to_owned()))].into_iter();
        assert_eq!(
            first(finding, |_| Place::Between, answers).await,
            Err("nobody: not known".to_owned())
        );
    }
}
