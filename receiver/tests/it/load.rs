//! Deliveries without pause, as HubSpot's several connections make them, and which of them were
//! answered 200.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::delivery::{Delivery, client};
use crate::events;

const CLIENTS: usize = 4;
const EVENTS: usize = 3;
/// Each client's. A receiver without its broker refuses at once and would be asked all the time.
const PACE: Duration = Duration::from_millis(4);

/// What became of the deliveries so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Every event of a delivery that was answered 200.
    pub(crate) confirmed: BTreeSet<Vec<u8>>,
    /// Deliveries answered 200.
    pub(crate) received: usize,
    /// Deliveries answered anything else, by code.
    pub(crate) refused: BTreeMap<String, usize>,
    /// Deliveries whose connection broke before the answer.
    pub(crate) broken: usize,
    /// The longest wait for an answer.
    pub(crate) slowest: Duration,
}

impl Tally {
    pub(crate) fn refusals(&self) -> usize {
        self.refused.values().sum()
    }

    fn count(&mut self, events: Vec<String>, answer: &Answer) {
        self.slowest = self.slowest.max(answer.took);
        if answer.status == 200 {
            answer.assert_received(EVENTS);
            self.received += 1;
            self.confirmed.extend(events.into_iter().map(String::into_bytes));
        } else {
            let code = answer.json()["error"].as_str().unwrap().to_owned();
            answer.assert_refused(503, &code);
            *self.refused.entry(code).or_default() += 1;
        }
    }
}

/// Deliveries that go on until [`Load::stop`].
pub(crate) struct Load {
    tally: Arc<watch::Sender<Tally>>,
    stop: CancellationToken,
    clients: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let tally = Arc::new(watch::Sender::new(Tally::default()));
        let stop = CancellationToken::new();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(deliver(address, Arc::clone(&tally), stop.clone()));
        }
        Self { tally, stop, clients }
    }

    /// Waits until `enough` of what came in since now, at most 60 s.
    pub(crate) async fn until(&mut self, enough: impl Fn(&Tally, &Tally) -> bool) {
        let mut tally = self.tally.subscribe();
        let before = tally.borrow().clone();
        let waiting = tally.wait_for(|now| enough(&before, now));
        tokio::select! {
            reached = tokio::time::timeout(Duration::from_secs(60), waiting) => {
                assert!(reached.is_ok(), "not within 60 s: {:?}", self.shown());
            }
            // A client only ends early by a failed assertion.
            Some(ended) = self.clients.join_next() => ended.unwrap(),
        }
    }

    /// Waits for so many more deliveries answered 200.
    pub(crate) async fn until_received(&mut self, more: usize) {
        self.until(|before, now| now.received >= before.received + more).await;
    }

    /// Waits for so many more deliveries refused.
    pub(crate) async fn until_refused(&mut self, more: usize) {
        self.until(|before, now| now.refusals() >= before.refusals() + more).await;
    }

    /// Lets every delivery come to its answer.
    pub(crate) async fn stop(mut self) -> Tally {
        self.stop.cancel();
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.tally.borrow().clone()
    }

    fn shown(&self) -> String {
        let tally = self.tally.borrow();
        format!("{} received, {} broken, refused {:?}", tally.received, tally.broken, tally.refused)
    }
}

async fn deliver(address: SocketAddr, tally: Arc<watch::Sender<Tally>>, stop: CancellationToken) {
    let client = client();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        pace.tick().await;
        let events = events::batch(EVENTS);
        match Delivery::new(events::body(&events)).try_send(&client, address).await {
            Ok(answer) => tally.send_modify(|tally| tally.count(events, &answer)),
            Err(_) => tally.send_modify(|tally| tally.broken += 1),
        }
    }
}
