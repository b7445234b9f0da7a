//! A browser that installs the app, against the stand-in for HubSpot.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, Url};
use secrecy::SecretString;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::metrics::OauthMetrics;
use crate::oauth::Endpoint;
use crate::records::{InstallationState, Records};
use crate::sealed::Keys;
use crate::settings::oauth::Scopes;
use crate::stand_ins::{Fault, StandIns};
use crate::trial::Directory;

mod keeping;
mod order;

const PORTAL: u64 = 62_515;
const SCOPES: [&str; 2] = ["oauth", "crm.objects.deals.read"];
const RETURN: &str = "https://app-eu1.hubspot.com/ecosystem/62515/install?a=b";
const TENANTS: &str = "[tenants.acme]\norigin = \"hubspot/62515\"\n";

struct Bench {
    stand_ins: StandIns,
    test: TestDatabase,
    records: Records,
    registry: Registry,
    installing: Installing,
    client: Client,
    _tenants: Directory,
}

/// What a browser has kept of an install that it began.
struct Begun {
    location: Url,
    cookie: String,
    state: String,
}

impl Bench {
    async fn new(engine: DatabaseEngine) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        let test = TestDatabase::new(engine).await;
        let (hubspot, database) = (stand_ins.url("hubspot"), test.url());
        Self::at(stand_ins, test, &hubspot, database)
    }

    /// Where HubSpot and the database are reached at these addresses.
    fn at(stand_ins: StandIns, test: TestDatabase, hubspot: &str, database: String) -> Self {
        stand_ins.register_app("client-1", "hunter2-client");
        let records = Records::new(&SecretString::from(database)).unwrap();
        let mut registry = shared::metrics::registry("console");
        let metrics = OauthMetrics::register(&mut registry);
        let secret = SecretString::from("hunter2-client".to_owned());
        let base = hubspot.parse().unwrap();
        let patience = Duration::from_secs(60);
        let endpoint = Endpoint::new(base, "client-1".to_owned(), secret, patience).unwrap();
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned();
        let keys = Keys::parse(&SecretString::from(key)).unwrap();
        let app = Arc::new(crate::oauth::App::new(endpoint, keys, records.clone(), metrics));
        let settings = InstallSettings {
            oauth_listen: Some("127.0.0.1:0".parse().unwrap()),
            oauth_public_url: Some("http://localhost:8092".parse().unwrap()),
            hubspot_scopes: Scopes(SCOPES.map(str::to_owned).into()),
            hubspot_optional_scopes: Scopes::default(),
        };
        let tenants = Directory::new("tenants").unwrap();
        let file = tenants.0.join("tenants.toml");
        std::fs::write(&file, TENANTS).unwrap();
        let listener = bind(&settings).unwrap().unwrap();
        let tenancy = Tenancy::of(Some(file));
        let proxies = ["127.0.0.1/32".parse().unwrap()];
        let installing = Installing::serve(listener, &settings, &proxies, app, tenancy).unwrap();
        let client = shared::http_client::builder().tls_certs_only([]).build().unwrap();
        Self { stand_ins, test, records, registry, installing, client, _tenants: tenants }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)], cookie: &str) -> Response {
        let mut url: Url = format!("http://{}{path}", self.installing.address()).parse().unwrap();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.get(url).header(COOKIE, cookie).send().await.unwrap()
    }

    async fn come_back(&self, query: &[(&str, &str)], cookie: &str) -> (u16, String) {
        let answer = self.get("/oauth/callback", query, cookie).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn begin(&self) -> Begun {
        begun(&self.get("/oauth/install", &[], "").await)
    }

    async fn install(&self, scopes: &[&str]) -> (u16, String) {
        let begun = self.begin().await;
        let code = self.stand_ins.consent(PORTAL, scopes);
        self.come_back(&[("code", &code), ("state", &begun.state)], &begun.cookie).await
    }

    async fn known(&self) -> Option<InstallationState> {
        let known = self.records.installation(&Origin::hubspot(PORTAL)).await.unwrap();
        known.map(|known| known.state)
    }

    async fn end(self) {
        self.installing.stop().await;
        self.records.close().await;
        self.test.end().await;
    }
}

fn begun(answer: &Response) -> Begun {
    assert_eq!(answer.status().as_u16(), 303);
    let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
    let location: Url = header(LOCATION).parse().unwrap();
    let set = header(SET_COOKIE);
    assert!(set.contains("; HttpOnly; SameSite=Lax"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let state = location.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    Begun { location, cookie, state }
}

async fn a_portal_installs_the_app_and_is_told_so(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    let begun = bench.begin().await;
    let location = begun.location.as_str();
    assert!(location.starts_with("https://app.hubspot.com/oauth/authorize?"), "{location}");
    for part in [
        "client_id=client-1",
        "redirect_uri=http%3A%2F%2Flocalhost%3A8092%2Foauth%2Fcallback",
        "scope=oauth+crm.objects.deals.read",
    ] {
        assert!(location.contains(part), "{location}");
    }
    let code = bench.stand_ins.consent(PORTAL, &SCOPES);
    let query = [("code", &*code), ("state", &*begun.state)];
    let (status, page) = bench.come_back(&query, &begun.cookie).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("installed in account 62515"), "{page}");
    assert!(page.contains("the tenant acme") && !page.contains("is missing"), "{page}");
    assert!(page.contains("href=\"https://app.hubspot.com/\""), "{page}");
    assert_eq!(bench.known().await, Some(InstallationState::Installed));
    let facts = "SELECT count(*) FROM installation WHERE user_id = 7 AND time_zone = 'Europe/Berlin' \
        AND scopes = 'oauth crm.objects.deals.read' AND refresh_token IS NOT NULL";
    assert_eq!(bench.test.number(facts).await, 1);
    // The same answer once more, by a browser that has kept its cookie.
    let (status, page) = bench.come_back(&query, &begun.cookie).await;
    assert!(status == 403 && page.contains("not begun here"), "{status} {page}");

    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 200 && page.contains("62515 is renewed"), "{page}");
    bench.records.uninstall(&Origin::hubspot(PORTAL), "TOLD", "ann", 1).await.unwrap();
    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 200 && page.contains("installed again in account 62515"), "{page}");
    assert_eq!(bench.known().await, Some(InstallationState::Installed));
    bench.end().await;
}

on_every_database! { a_portal_installs_the_app_and_is_told_so }

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_begun_in_this_browser_is_refused_before_hubspot_is_asked() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let (one, other) = (bench.begin().await, bench.begin().await);
    let code = bench.stand_ins.consent(PORTAL, &SCOPES);
    let code = ("code", &*code);
    for (query, cookie) in [
        (vec![code], &*one.cookie),
        (vec![code, ("state", "")], &*one.cookie),
        (vec![code, ("state", "nonsense")], &*one.cookie),
        (vec![code, ("state", &*one.state)], ""),
        (vec![code, ("state", &*one.state)], &*other.cookie),
    ] {
        let (status, page) = bench.come_back(&query, cookie).await;
        assert!(status == 403 && page.contains("Begin again"), "{query:?} {page}");
    }
    let twice = [code, code, ("state", &*one.state)];
    assert_eq!(bench.come_back(&twice, &one.cookie).await.0, 400);
    assert!(bench.stand_ins.calls().is_empty() && bench.known().await.is_none());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_that_was_begun_in_the_marketplace_goes_on_there() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let authorize = [("step", "authorize"), ("returnUrl", RETURN)];
    let begun = begun(&bench.get("/oauth/callback", &authorize, "").await);
    assert!(begun.location.as_str().starts_with(&format!("{RETURN}&state=")), "{}", begun.location);
    let code = bench.stand_ins.consent(PORTAL, &SCOPES);
    let finalize =
        [("step", "finalize"), ("code", &*code), ("state", &*begun.state), ("returnUrl", RETURN)];
    let (status, page) = bench.come_back(&finalize, &begun.cookie).await;
    assert!(status == 200 && page.contains("goes on in HubSpot"), "{page}");
    assert!(page.contains(&format!("href=\"{RETURN}\"")), "{page}");
    assert_eq!(bench.known().await, Some(InstallationState::Installed));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_where_hubspot_is_not() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    for url in ["https://evil.example/", "//evil.example", "https://app.hubspot.com.evil.example/"]
    {
        for step in ["authorize", "finalize"] {
            let begun = bench.begin().await;
            let code = bench.stand_ins.consent(PORTAL, &SCOPES);
            let query =
                [("step", step), ("returnUrl", url), ("code", &code), ("state", &begun.state)];
            let answer = bench.get("/oauth/callback", &query, &begun.cookie).await;
            assert_eq!(answer.status().as_u16(), 400, "{url}");
            assert!(!answer.headers().contains_key(LOCATION), "{url}");
            assert!(!answer.text().await.unwrap().contains("evil"), "{url}");
        }
    }
    let bare = bench.get("/oauth/callback", &[("step", "authorize")], "").await;
    assert_eq!(bare.status().as_u16(), 400);
    assert!(bench.known().await.is_none());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_are_missing_are_named() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let (status, page) = bench.install(&["oauth"]).await;
    assert!(status == 200 && page.contains("is missing"), "{page}");
    assert!(page.contains("<code>crm.objects.deals.read</code>"), "{page}");
    assert!(!page.contains("<code>oauth</code>"), "{page}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hubspot_refuses_is_told_as_what_it_is_and_keeps_nothing() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let begun = bench.begin().await;
    let made_up = [("code", "made up"), ("state", &*begun.state)];
    let (status, page) = bench.come_back(&made_up, &begun.cookie).await;
    assert!(status == 400 && page.contains("does not take the code"), "{page}");
    let begun = bench.begin().await;
    let denied = [("error", "access_denied"), ("state", &*begun.state)];
    let (status, page) = bench.come_back(&denied, &begun.cookie).await;
    assert!(status == 403 && page.contains("nobody consented"), "{page}");
    bench.stand_ins.fail(Fault::new("hubspot", 503).on("POST", "/oauth").times(1));
    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 503 && page.contains("Wait a minute"), "{page}");
    bench.stand_ins.register_app("client-1", "another secret");
    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 502 && page.contains("whoever runs this app is told"), "{page}");
    let mut shown = String::new();
    encode(&mut shown, &bench.registry).unwrap();
    assert!(shown.contains("hubline_oauth_app_accepted 0"), "{shown}");
    assert!(bench.known().await.is_none());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_tells_the_browser_to_trust_and_keep_nothing() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    for path in ["/oauth/install", "/oauth/callback", "/oauth/style.css", "/", "/login"] {
        let answer = bench.get(path, &[], "").await;
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
    assert_eq!(bench.get("/", &[], "").await.status().as_u16(), 404, "nothing else is here");
    bench.end().await;
}
