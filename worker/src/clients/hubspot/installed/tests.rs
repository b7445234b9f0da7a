//! Portals that have installed the app, each called with its own token.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::store::Store;
use shared::testing::{DatabaseEngine, TestDatabase};

use super::*;
use crate::clients::Clients;
use crate::clients::hubspot::tests::run;
use crate::error::Failure;
use crate::ledger::Ledger;
use crate::metrics::OauthMetrics;
use crate::oauth::{App, Endpoint};
use crate::records::{PortalFacts, Records};
use crate::sealed::Keys;
use crate::settings::integrations::IntegrationSettings;
use crate::stand_ins::{Fault, StandIns};
use crate::trial::Directory;

const MINUTE: Duration = Duration::from_secs(60);
const OWN: u64 = 1;

struct Bench {
    stand_ins: StandIns,
    test: TestDatabase,
    app: Arc<App>,
    ledger: Arc<Ledger>,
    clients: Clients,
    _data: Directory,
}

impl Bench {
    /// With the setting's token for one portal, or without.
    async fn new(own: Option<&str>) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.put_deal(7, &[("dealname", "Big one")], &[]);
        let test = TestDatabase::new(DatabaseEngine::Sqlite).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let mut registry = shared::metrics::registry("worker");
        let metrics = WorkerMetrics::register(&mut registry, false);
        let secret = SecretString::from("secret".to_owned());
        let base = stand_ins.url("hubspot").parse().unwrap();
        let endpoint = Endpoint::new(base, "client-1".to_owned(), secret, MINUTE).unwrap();
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned();
        let keys = Keys::parse(&SecretString::from(key)).unwrap();
        let app = App::new(endpoint, keys, records, OauthMetrics::register(&mut registry));
        let (app, data) = (Arc::new(app), Directory::new("data").unwrap());
        let store = Arc::new(Store::open(&data.0).await.unwrap());
        let ledger = Arc::new(Ledger::embedded(store, MINUTE, MINUTE, metrics.clone()));
        let tokens = Tokens::new(Arc::clone(&app), Arc::clone(&ledger), MINUTE, MINUTE);
        let settings = IntegrationSettings {
            hubspot_api_url: stand_ins.url("hubspot"),
            hubspot_access_token: own.map(|own| SecretString::from(own.to_owned())),
            hubspot_portal_id: own.map(|_| OWN),
            ..IntegrationSettings::default()
        };
        let keeper = Keeper::Ledger(Arc::clone(&ledger));
        let clients = Clients::new(&settings, &keeper, &metrics, Some(tokens)).unwrap();
        Self { stand_ins, test, app, ledger, clients, _data: data }
    }

    async fn install(&self, portal: u64) {
        let code = SecretString::from(self.stand_ins.consent(portal, &["oauth"]));
        let granted = self.app.endpoint.exchange(&code, "https://x.example").await.unwrap();
        let facts = PortalFacts::default();
        self.app.install(&Origin::hubspot(portal), &granted, &facts).await.unwrap();
    }

    /// Reads a deal on behalf of an event of this portal.
    async fn read(&self, portal: u64) -> Result<(), crate::HandlerError> {
        let run = run(&self.ledger, portal).await;
        self.clients.hubspot(&run)?.deal(7, &["dealname"]).await.map(drop)
    }

    fn token_calls(&self) -> usize {
        self.stand_ins.calls().iter().filter(|call| call.path.ends_with("/token")).count()
    }

    /// The portals whose tokens deals were read with, of those calls that were let in.
    fn read_as(&self) -> Vec<Option<u64>> {
        let calls = self.stand_ins.calls().into_iter();
        calls
            .filter(|call| call.path.contains("/deals/") && call.status == 200)
            .map(|call| call.portal)
            .collect()
    }

    async fn end(self) {
        self.app.records.close().await;
        self.test.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_portal_is_called_with_its_own_token_and_one_with_the_settings() {
    let bench = Bench::new(Some("pat-own")).await;
    bench.install(2).await;
    bench.install(3).await;
    let before = bench.token_calls();
    for portal in [2, 3, OWN, 2, 3] {
        bench.read(portal).await.unwrap();
    }
    assert_eq!(bench.read_as(), [Some(2), Some(3), None, Some(2), Some(3)]);
    assert_eq!(bench.token_calls() - before, 2, "one refresh for each of the two");
    let unknown = bench.read(4).await.unwrap_err();
    assert_eq!(unknown.code, "HUBSPOT_NOT_INSTALLED");
    assert_eq!(unknown.kind, Failure::Transient { retry_after: None });
    assert!(bench.clients.summary()[0].contains("other portals by OAuth"));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_token_that_is_refused_is_held_for_its_portal_alone() {
    let bench = Bench::new(None).await;
    bench.install(2).await;
    bench.install(3).await;
    bench.read(2).await.unwrap();
    bench.read(3).await.unwrap();
    let before = bench.token_calls();
    // Just got, and refused: another would be refused as well.
    bench.stand_ins.fail(Fault::new("hubspot", 401).on("GET", "/deals/").times(1));
    let held = bench.read(2).await.unwrap_err();
    assert!(held.is_deferred() && held.code == "HUBSPOT_TOKEN_REFUSED", "{held}");
    assert!(!held.message.contains("replace"), "{held}");
    assert_eq!(bench.token_calls(), before);
    bench.read(3).await.unwrap();
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_a_portal_that_has_uninstalled_the_app_is_held() {
    let bench = Bench::new(None).await;
    bench.install(2).await;
    bench.stand_ins.revoke(2);
    let held = bench.read(2).await.unwrap_err();
    assert!(held.is_deferred() && held.code == "HUBSPOT_UNINSTALLED", "{held}");
    let asked = bench.token_calls();
    assert_eq!(bench.read(2).await.unwrap_err().code, "HUBSPOT_UNINSTALLED");
    assert_eq!(bench.token_calls(), asked, "hubspot is not asked again");
    bench.end().await;
}
