//! Facts whose work waits in line, on a ledger in a data file.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::registry::Registry;
use shared::broker::Lane;
use shared::message::Waiting;
use shared::origin::Origin;
use shared::store::Store;
use shared::testing::prefix;

use super::*;
use crate::ledger::Ledger;
use crate::limits::Limit;
use crate::metrics::WorkerMetrics;
use crate::run::Time;
use crate::turns::{Rooms, Seats};

const MINUTE: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(3600);
const HANDLER: &str = "on_deal_closed";
const CHANNEL: &str = "slack/C1";

/// A channel that takes a message a minute.
struct Channel {
    directory: PathBuf,
    ledger: Arc<Ledger>,
    posts: AtomicU64,
}

/// What an event's run ended in.
struct Told {
    result: Result<(), HandlerError>,
    /// As it is when it comes back.
    waiting: Waiting,
}

impl Told {
    /// The code with which it waits, and for how long.
    fn wait(&self) -> (&str, Duration) {
        match &self.result {
            Err(HandlerError { kind: Failure::Deferred { wait }, code, .. }) => (&**code, *wait),
            other => panic!("does not wait: {other:?}"),
        }
    }
}

impl Channel {
    async fn open() -> Self {
        let directory = std::env::temp_dir().join(prefix());
        let store = Arc::new(Store::open(&directory).await.unwrap());
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        let ledger = Arc::new(Ledger::embedded(store, MINUTE, 60 * MINUTE, metrics));
        Self { directory, ledger, posts: AtomicU64::new(0) }
    }

    /// One run of `event`, which tells the channel of `fact`.
    async fn hear(&self, event: &str, fact: &str, waiting: Option<&Waiting>) -> Told {
        let run = self.run(event, waiting).await;
        let limit = Limit::of(1, MINUTE, CHANNEL).shared();
        let post = async {
            let posted = run.room(&limit, 1.0, "SLACK_PACE", "others post first").await;
            self.posts.fetch_add(u64::from(posted.is_ok()), Ordering::SeqCst);
            posted
        };
        let result = run.once(fact, post).await;
        self.ledger.release(&run.lease, Release::Same).await;
        let places = run.rooms.places(result.is_err());
        let waiting = waiting.cloned().unwrap_or_default().and(Duration::ZERO, places);
        Told { result, waiting }
    }

    async fn run(&self, event: &str, waiting: Option<&Waiting>) -> Run {
        let identity = Identity::of_unreadable(event.as_bytes());
        let entry = EntryKey { identity: &identity, target: HANDLER, generation: 0 };
        let Claim::Started(lease) = self.ledger.claim(&entry, 0).await else {
            panic!("{event} is not free");
        };
        let origin = Origin::hubspot(62515);
        let waited = Duration::from_millis(waiting.map_or(0, |waiting| waiting.waited_ms));
        let (costs, seats) = (Arc::default(), Arc::new(Seats::of_runs(8, MINUTE)));
        let account = origin.to_string();
        let rooms = Rooms::new(Lane::Work, HANDLER, MINUTE, waiting, costs, seats, account);
        Run {
            ledger: Arc::clone(&self.ledger),
            lease: Arc::new(lease),
            identity,
            origin,
            target: HANDLER.into(),
            lane: Lane::Work,
            attempt: 0,
            generation: 0,
            rooms: Arc::new(rooms),
            time: Arc::new(Time::of(MINUTE)),
            in_line: Arc::default(),
            wait_left: WAIT_MAX.saturating_sub(waited),
            age: Duration::ZERO,
            since_change: Duration::ZERO,
        }
    }

    /// As if the time had passed that `fact`'s other events wait for its place.
    async fn pass(&self, fact: &str) {
        let run = self.run("a clock", None).await;
        let claimed = run.claim(fact).await.unwrap().unwrap();
        let lease = &claimed.run.lease;
        let places = Booking::of(lease).unwrap().places;
        let then_ms = lease.fence.saturating_sub(3_600_000);
        Booking::new("a dead event".to_owned(), false, places, MINUTE, then_ms).keep(lease);
        claimed.release().await;
        self.ledger.release(&run.lease, Release::Same).await;
    }

    fn posts(&self) -> u64 {
        self.posts.load(Ordering::SeqCst)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn events_of_one_fact_have_one_place_in_line() {
    let channel = Channel::open().await;
    for event in ["stage 0", "sign 0"] {
        assert_eq!(channel.hear(event, "won 0", None).await.result, Ok(()));
    }
    assert_eq!(channel.posts(), 1);
    for number in 1..=3 {
        let fact = format!("won {number}");
        let stage = channel.hear(&format!("stage {number}"), &fact, None).await;
        let sign = channel.hear(&format!("sign {number}"), &fact, None).await;
        let ((code, due), (other_code, wait)) = (stage.wait(), sign.wait());
        assert_eq!((code, other_code), ("SLACK_PACE", "FACT_IN_LINE"));
        assert!(due > MINUTE * (number - 1) && due <= MINUTE * number, "{due:?}");
        assert!(wait > due, "{wait:?} for what is due after {due:?}");
        let places = BTreeSet::from([CHANNEL.to_owned()]);
        assert_eq!(stage.waiting.places, places);
        assert_eq!(sign.waiting.places, places);
    }
    let seen = channel.ledger.limits().await;
    let limit = seen.iter().find(|seen| seen.limit == CHANNEL).unwrap();
    assert!(limit.waiting_live == 3 && limit.drained_ms <= 180_000, "{limit:?}");
}

#[tokio::test]
async fn whose_place_it_is_goes_ahead_and_others_once_its_time_is_over() {
    let channel = Channel::open().await;
    channel.hear("stage 0", "won 0", None).await;
    let stage = channel.hear("stage 1", "won 1", None).await;
    let sign = channel.hear("sign 1", "won 1", None).await;
    // Whoever asks the channel is told so in the channel's words.
    let again = channel.hear("stage 1", "won 1", Some(&stage.waiting)).await;
    assert_eq!(again.wait().0, "SLACK_PACE");
    let other = channel.hear("sign 1", "won 1", Some(&sign.waiting)).await;
    assert_eq!(other.wait().0, "FACT_IN_LINE");
    channel.pass("won 1").await;
    let other = channel.hear("sign 1", "won 1", Some(&other.waiting)).await;
    assert_eq!(other.wait().0, "SLACK_PACE");
    // Now it is the other way round.
    let again = channel.hear("stage 1", "won 1", Some(&again.waiting)).await;
    assert_eq!(again.wait().0, "FACT_IN_LINE");
    assert_eq!(channel.posts(), 1);
}

/// A fact that failed is free, as ever.
#[tokio::test]
async fn what_waits_for_nothing_in_line_keeps_no_other_event_waiting() {
    let channel = Channel::open().await;
    let failures = [
        HandlerError::transient("TEST_503", "down"),
        HandlerError::deferred(MINUTE, "TEST_BUDGET", "spent"),
        HandlerError::permanent("TEST_422", "refused"),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let run = channel.run(&format!("failing {number}"), None).await;
        assert!(run.once("won 0", async { Err(failure) }).await.is_err());
    }
    assert_eq!(channel.hear("sign 0", "won 0", None).await.result, Ok(()));
    assert_eq!(channel.posts(), 1);
}

/// As one that has waited for so long that this much is left.
fn with_left(left: Duration) -> Waiting {
    Waiting::default().and(WAIT_MAX.saturating_sub(left), [])
}

#[tokio::test]
async fn nobody_waits_for_an_event_that_is_given_up() {
    let channel = Channel::open().await;
    channel.hear("stage 0", "won 0", None).await;
    // It is due after a minute, and half of one is all that may be waited.
    let stage = channel.hear("stage 1", "won 1", Some(&with_left(MINUTE / 2))).await;
    assert_eq!(stage.wait().0, "SLACK_PACE");
    let sign = channel.hear("sign 1", "won 1", None).await;
    assert_eq!(sign.wait().0, "SLACK_PACE", "the place is nobody's");
}

#[tokio::test]
async fn an_event_that_cannot_wait_for_anothers_place_asks_for_its_own() {
    let channel = Channel::open().await;
    channel.hear("stage 0", "won 0", None).await;
    let stage = channel.hear("stage 1", "won 1", None).await;
    assert_eq!(stage.wait().0, "SLACK_PACE");
    // Others wait for a minute, and a tenth of it and some seconds.
    let placed = with_left(MINUTE + Duration::from_secs(5));
    let placed = placed.and(Duration::ZERO, [CHANNEL.to_owned()]);
    let (code, wait) = {
        let sign = channel.hear("sign 1", "won 1", Some(&placed)).await;
        let (code, wait) = sign.wait();
        (code.to_owned(), wait)
    };
    assert!(code == "SLACK_PACE" && wait <= MINUTE, "{code} {wait:?}");
    // The place stays whose it was.
    let again = channel.hear("stage 1", "won 1", Some(&stage.waiting)).await;
    assert_eq!(again.wait().0, "SLACK_PACE");
    assert_eq!(channel.hear("third 1", "won 1", None).await.wait().0, "FACT_IN_LINE");
}

/// Many only look, and are gone in a moment.
#[tokio::test]
async fn a_fact_that_another_event_has_is_asked_after_again_soon() {
    let channel = Channel::open().await;
    let run = channel.run("stage 1", None).await;
    let claimed = run.claim("won 1").await.unwrap().unwrap();
    let (code, wait) = {
        let sign = channel.hear("sign 1", "won 1", None).await;
        let (code, wait) = sign.wait();
        (code.to_owned(), wait)
    };
    assert_eq!(code, "FACT_HELD");
    assert!(wait <= LOOK && !wait.is_zero(), "{wait:?}");
    claimed.release().await;
    assert_eq!(channel.hear("sign 1", "won 1", None).await.result, Ok(()));
}
