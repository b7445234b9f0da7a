//! A run that was checked against one portal's token, and waits for room while another's takes its place.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::pin::pin;
use std::task::Poll;

use secrecy::SecretString;
use shared::broker::Lane;
use shared::event::Identity;
use shared::metrics::registry;
use shared::origin::Origin;
use shared::store::Store;
use shared::testing::within;

use super::*;
use crate::credentials::{Credential, Keeper};
use crate::ledger::{Claim, EntryKey, Ledger};
use crate::metrics::WorkerMetrics;
use crate::run::Time;
use crate::settings::access::Secret;
use crate::stand_ins::StandIns;
use crate::trial::Directory;
use crate::turns::{Rooms, Seats};

const MINUTE: Duration = Duration::from_secs(60);
const PORTAL: u64 = 62_515;
const TARGET: &str = "on_deal_created";

struct Bench {
    tokens: Directory,
    data: Directory,
    metrics: WorkerMetrics,
    stand_ins: StandIns,
    api: HubSpotApi,
}

impl Bench {
    async fn new() -> Self {
        let (tokens, data) = (Directory::new("tokens").unwrap(), Directory::new("data").unwrap());
        let metrics = WorkerMetrics::register(&mut registry("worker"), false);
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.set_portal(PORTAL);
        stand_ins.put_deal(7, &[("dealname", "Big one")], &[]);
        let (service, base) = (Service::HubSpot, stand_ins.url("hubspot").parse().unwrap());
        let file = tokens.0.join("hubspot");
        std::fs::write(&file, "pat-1").unwrap();
        let value = SecretString::from("pat-1".to_owned());
        let secret = Some(Secret { name: "HUBSPOT_ACCESS_TOKEN", value, file: Some(file) });
        let (keeper, told) = (Keeper::process(), metrics.clone());
        let credential = Credential::new(service, &base, secret, MINUTE, keeper, told).unwrap();
        let api = Api::new(service, base, credential, MINUTE, metrics.clone()).unwrap();
        let api = HubSpotApi::new(api, None, 100, Vec::new());
        Self { tokens, data, metrics, stand_ins, api }
    }

    async fn ledger(&self) -> Arc<Ledger> {
        let store = Arc::new(Store::open(&self.data.0).await.unwrap());
        Arc::new(Ledger::embedded(store, MINUTE, MINUTE, self.metrics.clone()))
    }

    /// Waits until requests for this portal may go out.
    async fn vouched_for(&self, portal: u64) {
        let credential = self.api.http.credential();
        let vouched = async {
            loop {
                let pass = credential.pass().await.unwrap();
                if credential.vouched(&pass.token, Some(portal)).is_ok() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        within("the portal to be known", vouched).await;
    }

    /// The token's file has another one, and it is taken.
    async fn exchange(&self, token: &str) {
        let credential = self.api.http.credential();
        let seen = credential.tokens();
        std::fs::write(self.tokens.0.join("hubspot"), token).unwrap();
        let exchanging = async {
            while !seen.has_changed().unwrap() {
                let pass = credential.pass().await.unwrap();
                drop(credential.anew(&pass).await);
            }
        };
        within("the other token", exchanging).await;
    }
}

/// A run of an event of this portal.
pub(super) async fn run(ledger: &Arc<Ledger>, portal: u64) -> Run {
    let identity = Identity::of_unreadable(&rand::random::<[u8; 16]>());
    let origin = Origin::hubspot(portal);
    let entry = EntryKey { identity: &identity, target: TARGET, generation: 0 };
    let Claim::Started(lease) = ledger.claim(&entry, 0).await else { panic!("not claimed") };
    let (lane, seats) = (Lane::Work, Arc::new(Seats::of_runs(8, MINUTE)));
    let rooms = Rooms::new(lane, TARGET, MINUTE, None, Arc::default(), seats, origin.to_string());
    Run {
        ledger: Arc::clone(ledger),
        lease: Arc::new(lease),
        identity,
        origin,
        target: Arc::from(TARGET),
        lane,
        attempt: 0,
        generation: 0,
        rooms: Arc::new(rooms),
        time: Arc::new(Time::of(MINUTE)),
        in_line: Arc::default(),
        wait_left: Duration::ZERO,
        age: Duration::ZERO,
        since_change: Duration::ZERO,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_goes_out_with_the_token_of_another_portal_than_its_run_was_checked_for() {
    let bench = Bench::new().await;
    let ledger = bench.ledger().await;
    let run = run(&ledger, PORTAL).await;
    bench.vouched_for(PORTAL).await;
    // Should it not wait after all it is refused, and finds the other token as well.
    bench.stand_ins.take_only("hubspot", "pat-2");
    let hubspot = HubSpot::new(&bench.api, &run).unwrap();
    ledger.hold(&hubspot.limit(), Duration::from_millis(1_900)).await;
    let mut reading = pin!(hubspot.deal(7, &["dealname"]));
    // A limit has a size once somebody has asked there: it was checked, waits, and is left alone.
    while ledger.limits().await.iter().all(|seen| seen.size.is_none()) {
        let polled = std::future::poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
        tokio::task::yield_now().await;
    }
    bench.stand_ins.set_portal(99);
    bench.exchange("pat-2").await;
    bench.vouched_for(99).await;
    let error = reading.await.unwrap_err();
    assert_eq!(error.code, "HUBSPOT_TOKEN_NEW");
    assert!(error.is_deferred(), "{error}");
    assert!(bench.stand_ins.calls().iter().all(|call| call.status == 401));
    // Whoever comes back is told whose token it is.
    let error = HubSpot::new(&bench.api, &run).unwrap_err();
    assert_eq!(error.code, "HUBSPOT_WRONG_PORTAL");
}
