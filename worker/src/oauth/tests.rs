//! Refreshes against the stand-in for HubSpot: PostgreSQL with Redis, and a file with the process's memory.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use shared::clock::now_ms;
use shared::origin::Origin;
use shared::store::Store;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database, prefix, redis_url, within};

use super::terms::refresh_token_of;
use super::*;
use crate::ledger::{Ledger, LedgerOptions};
use crate::metrics::{OauthMetrics, WorkerMetrics};
use crate::records::{Before, InstallationState, PortalFacts, Records};
use crate::sealed::Keys;
use crate::stand_ins::{Fault, StandIns};
use crate::trial::Directory;

mod ending;

const MINUTE: Duration = Duration::from_secs(60);
const PORTAL: u64 = 62_515;
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const KEPT: Duration = Duration::from_secs(3600);

struct Bench {
    stand_ins: StandIns,
    test: TestDatabase,
    records: Records,
    registry: Registry,
    app: Arc<App>,
    prefix: String,
    store: Option<Arc<Store>>,
    _data: Directory,
    origin: Origin,
}

impl Bench {
    async fn new(engine: DatabaseEngine) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.register_app("client-1", "hunter2-client");
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let mut registry = shared::metrics::registry("worker");
        let metrics = OauthMetrics::register(&mut registry);
        let data = Directory::new("oauth").unwrap();
        let store = match engine {
            DatabaseEngine::Postgres => None,
            DatabaseEngine::Sqlite => Some(Arc::new(Store::open(&data.0).await.unwrap())),
        };
        let secret = SecretString::from("hunter2-client".to_owned());
        let base = stand_ins.url("hubspot").parse().unwrap();
        let endpoint = Endpoint::new(base, "client-1".to_owned(), secret, MINUTE).unwrap();
        let keys = Keys::parse(&SecretString::from(KEY.to_owned())).unwrap();
        let app = Arc::new(App::new(endpoint, keys, records.clone(), metrics));
        let origin = Origin::hubspot(PORTAL);
        let prefix = prefix();
        Self { stand_ins, test, records, registry, app, prefix, store, _data: data, origin }
    }

    /// A worker's ledger: of its own on Redis, the one there is in a file.
    fn ledger(&self) -> Arc<Ledger> {
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        if let Some(store) = &self.store {
            return Arc::new(Ledger::embedded(Arc::clone(store), MINUTE, MINUTE, metrics));
        }
        let options = LedgerOptions {
            url: redis_url().into(),
            prefix: self.prefix.clone(),
            lease: MINUTE,
            retention: MINUTE,
        };
        Arc::new(Ledger::start(options, metrics).unwrap())
    }

    /// So many workers that share what they share.
    fn workers(&self, count: usize) -> Vec<Arc<Tokens>> {
        let shared = self.store.is_some().then(|| self.ledger());
        let ledger = || shared.clone().unwrap_or_else(|| self.ledger());
        let worker = || Tokens::new(Arc::clone(&self.app), ledger(), MINUTE, KEPT);
        (0..count).map(|_| worker()).collect()
    }

    async fn install(&self) -> Before {
        self.install_in(PORTAL).await
    }

    async fn install_in(&self, portal: u64) -> Before {
        let code = SecretString::from(self.stand_ins.consent(portal, &["oauth"]));
        let granted =
            self.app.endpoint.exchange(&code, "https://x.example/callback").await.unwrap();
        let facts = PortalFacts::default();
        self.app.install(&Origin::hubspot(portal), &granted, &facts).await.unwrap()
    }

    async fn state(&self) -> InstallationState {
        self.records.installation(&self.origin).await.unwrap().unwrap().state
    }

    /// Refresh tokens that are there.
    async fn tokens(&self) -> i64 {
        let there = "SELECT count(*) FROM installation WHERE refresh_token IS NOT NULL";
        self.test.number(there).await
    }

    /// The refresh token that is kept, opened.
    async fn kept(&self) -> String {
        let taking = self.records.take_installation(&self.origin, "client-1", false, i64::MAX, 0);
        let sealed = taking.await.unwrap().unwrap().refresh_token.unwrap();
        let kept = self.app.keys.open(&refresh_token_of(&self.origin), &sealed).unwrap();
        kept.expose_secret().to_owned()
    }

    fn shown(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text
    }

    fn asked(&self) -> usize {
        self.stand_ins.calls().iter().filter(|call| call.path.ends_with("/token")).count()
    }

    async fn end(self) {
        self.records.close().await;
        self.test.end().await;
    }
}

/// Asks until nobody else is at it.
async fn got(worker: &Arc<Tokens>, origin: &Origin, why: Why) -> Result<AccessToken, NoToken> {
    let asking = async {
        loop {
            match worker.get(origin, why).await {
                Err(NoToken::Busy) => tokio::task::yield_now().await,
                got => return got,
            }
        }
    };
    within("a token", asking).await
}

async fn workers_that_need_a_token_at_once_refresh_it_once(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    assert_eq!(bench.install().await, Before::Unknown);
    let workers = bench.workers(2);
    let asking = (0..20).map(|index| {
        let (worker, origin) = (Arc::clone(&workers[index % 2]), bench.origin.clone());
        tokio::spawn(async move { got(&worker, &origin, Why::Missing).await.unwrap() })
    });
    let asking: Vec<_> = asking.collect();
    let mut tokens = std::collections::BTreeSet::new();
    for asking in asking {
        tokens.insert(asking.await.unwrap().secret.expose_secret().to_owned());
    }
    assert_eq!((tokens.len(), bench.stand_ins.refreshes()), (1, 1));
    // Refused, it is refreshed once as well: whoever comes second takes what the first one got.
    let fence = got(&workers[0], &bench.origin, Why::Missing).await.unwrap().fence;
    for worker in &workers {
        let other = got(worker, &bench.origin, Why::Refused(fence)).await.unwrap();
        assert!(other.fence > fence && !tokens.contains(other.secret.expose_secret()));
    }
    assert_eq!(bench.stand_ins.refreshes(), 2);
    bench.end().await;
}

async fn what_is_due_is_refreshed_by_the_clock_and_by_one_worker(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let workers = bench.workers(2);
    let (one, other) = tokio::join!(workers[0].refresh_due(), workers[1].refresh_due());
    assert!(!one.unwrap() && !other.unwrap());
    assert_eq!(bench.stand_ins.refreshes(), 1, "it is due from the beginning");
    let token = workers[1].get(&bench.origin, Why::Missing).await.unwrap();
    assert_eq!(bench.stand_ins.refreshes(), 1, "what one got the other has");
    let due = "SELECT due_ms FROM installation";
    let due_ms = bench.test.number(due).await;
    assert_eq!(due_ms - token.given_ms, 1_440_000, "80 % of half an hour");
    workers[0].refresh_due().await.unwrap();
    assert_eq!(bench.stand_ins.refreshes(), 1, "it is not due yet");
    bench.test.run("UPDATE installation SET due_ms = 1").await;
    workers[1].refresh_due().await.unwrap();
    workers[0].refresh_due().await.unwrap();
    assert_eq!(bench.stand_ins.refreshes(), 2);
    let younger = workers[0].get(&bench.origin, Why::Missing).await.unwrap();
    assert!(younger.fence > token.fence);
    assert!(bench.shown().contains("hubline_oauth_refreshes_total{outcome=\"refreshed\"} 2"));
    bench.end().await;
}

/// The process ends between HubSpot's answer and the write.
async fn a_crash_after_hubspots_answer_loses_nothing(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    bench.stand_ins.rotate_refresh_tokens();
    let old = bench.kept().await;
    let now_ms = now_ms();
    let taking =
        bench.records.take_installation(&bench.origin, "client-1", false, now_ms, now_ms + 1);
    assert!(taking.await.unwrap().is_some());
    // The answer that nobody has written.
    let answered = bench.app.endpoint.refresh(&SecretString::from(old.clone())).await.unwrap();
    drop(answered);
    assert_eq!(bench.kept().await, old);
    let workers = bench.workers(1);
    let token = got(&workers[0], &bench.origin, Why::Missing).await.unwrap();
    assert_eq!(bench.state().await, InstallationState::Installed);
    let kept = bench.kept().await;
    assert!(kept != old && bench.stand_ins.refresh_tokens().contains(&kept));
    // And on from there: the newest is the one that is kept.
    bench.test.run("UPDATE installation SET leased_until_ms = 0").await;
    let next = got(&workers[0], &bench.origin, Why::Refused(token.fence)).await.unwrap();
    assert!(next.fence > token.fence);
    assert_ne!(bench.kept().await, kept);
    bench.end().await;
}

async fn an_app_that_is_not_taken_alarms_and_marks_nobody(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    assert!(bench.shown().contains("hubline_oauth_app_accepted 1"), "{}", bench.shown());
    bench.stand_ins.register_app("client-1", "another secret");
    let workers = bench.workers(2);
    let asked = bench.asked();
    for worker in &workers {
        let none = got(worker, &bench.origin, Why::Missing).await.unwrap_err();
        assert!(matches!(none, NoToken::Later { .. }), "{none:?}");
        assert!(!worker.refresh_due().await.unwrap());
    }
    assert_eq!(bench.asked() - asked, 1, "the app is paused for all portals");
    let known = bench.records.installation(&bench.origin).await.unwrap().unwrap();
    assert_eq!((known.state, known.error_code), (InstallationState::Installed, None));
    let shown = bench.shown();
    assert!(shown.contains("hubline_oauth_app_accepted 0"), "{shown}");
    assert!(
        shown.contains("hubline_oauth_refreshes_total{outcome=\"misconfigured\"} 1"),
        "{shown}"
    );
    // It is taken again, and nobody has to install anew.
    bench.stand_ins.register_app("client-1", "hunter2-client");
    bench.app.accepted();
    got(&workers[0], &bench.origin, Why::Missing).await.unwrap();
    assert!(bench.shown().contains("hubline_oauth_app_accepted 1"));
    bench.end().await;
}

async fn a_hubspot_that_is_away_is_asked_again_later(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let worker = bench.workers(1).remove(0);
    bench.stand_ins.fail(
        Fault::new("hubspot", 503).on("POST", "/oauth").body(json!({ "error": "invalid_grant" })),
    );
    let later = worker.get(&bench.origin, Why::Missing).await.unwrap_err();
    assert!(matches!(&later, NoToken::Later { code, .. } if code == "503_INVALID_GRANT"));
    let asked = bench.asked();
    assert_eq!(worker.get(&bench.origin, Why::Missing).await.unwrap_err(), NoToken::Busy);
    assert_eq!(bench.asked(), asked, "not before its time");
    assert_eq!(bench.state().await, InstallationState::Installed);
    bench.stand_ins.heal();
    bench.test.run("UPDATE installation SET leased_until_ms = 0").await;
    got(&worker, &bench.origin, Why::Missing).await.unwrap();
    bench.end().await;
}

async fn what_a_portal_has_not_said_of_itself_the_next_refresh_asks(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let known = "SELECT count(*) FROM installation WHERE time_zone = 'Europe/Berlin'";
    assert_eq!((bench.test.number(known).await, bench.stand_ins.portal_asked()), (0, 0));
    let worker = bench.workers(1).remove(0);
    let token = got(&worker, &bench.origin, Why::Missing).await.unwrap();
    worker.settle().await;
    assert_eq!((bench.test.number(known).await, bench.stand_ins.portal_asked()), (1, 1));
    got(&worker, &bench.origin, Why::Refused(token.fence)).await.unwrap();
    worker.settle().await;
    assert_eq!(bench.stand_ins.portal_asked(), 1, "it has said so");
    bench.end().await;
}

async fn a_token_of_another_portal_is_neither_used_nor_kept(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let kept = bench.kept().await;
    bench.test.run("UPDATE installation SET leased_until_ms = 0").await;
    let body = json!({ "access_token": "at-theirs", "refresh_token": "rt-theirs", "expires_in": 1800, "hub_id": 1 });
    bench.stand_ins.fail(Fault::new("hubspot", 200).on("POST", "/oauth").body(body));
    let worker = bench.workers(1).remove(0);
    let none = worker.get(&bench.origin, Why::Missing).await.unwrap_err();
    assert!(matches!(&none, NoToken::Later { code, .. } if code == "OTHER_PORTAL"), "{none:?}");
    assert_eq!(bench.kept().await, kept);
    bench.end().await;
}

async fn a_row_that_was_put_in_the_place_of_another_opens_nothing(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    bench.install_in(99).await;
    bench
        .test
        .run(
            "UPDATE installation SET refresh_token = \
             (SELECT refresh_token FROM installation WHERE origin = 'hubspot/99') \
             WHERE origin = 'hubspot/62515'",
        )
        .await;
    let asked = bench.asked();
    let worker = bench.workers(1).remove(0);
    let none = worker.get(&bench.origin, Why::Missing).await.unwrap_err();
    assert!(matches!(&none, NoToken::Later { code, .. } if code == "SEALED"), "{none:?}");
    assert_eq!((bench.asked(), bench.state().await), (asked, InstallationState::Installed));
    bench.end().await;
}

async fn nothing_that_is_kept_or_shown_holds_a_secret(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let worker = bench.workers(1).remove(0);
    let token = got(&worker, &bench.origin, Why::Missing).await.unwrap();
    let shared = worker.ledger().shared(&format!("token:{{{}}}", bench.origin)).await.unwrap();
    let granted = SecretString::from(bench.kept().await);
    let granted = bench.app.endpoint.refresh(&granted).await.unwrap();
    let shown =
        format!("{token:?} {worker:?} {:?} {granted:?} {shared} {}", bench.app, bench.shown());
    let secrets = ["hunter2", "rt-stand-in", "at-stand-in", KEY];
    assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
    let in_clear =
        "SELECT count(*) FROM installation WHERE CAST(refresh_token AS TEXT) LIKE '%rt-%'";
    assert_eq!(bench.test.number(in_clear).await, 0);
    bench.end().await;
}

on_every_database! {
    workers_that_need_a_token_at_once_refresh_it_once
    what_is_due_is_refreshed_by_the_clock_and_by_one_worker
    a_crash_after_hubspots_answer_loses_nothing
    an_app_that_is_not_taken_alarms_and_marks_nobody
    a_hubspot_that_is_away_is_asked_again_later
    what_a_portal_has_not_said_of_itself_the_next_refresh_asks
    a_token_of_another_portal_is_neither_used_nor_kept
    a_row_that_was_put_in_the_place_of_another_opens_nothing
    nothing_that_is_kept_or_shown_holds_a_secret
}
