//! That what a code was exchanged for is kept, whatever happens beside it.

use serde_json::json;
use shared::testing::{Proxy, within};
use tokio::net::TcpStream;

use super::*;

impl Bench {
    /// Comes back with a code, in a task of its own, and waits until HubSpot was asked for its tokens.
    async fn under_way(&self) -> tokio::task::JoinHandle<Option<(u16, String)>> {
        let begun = self.begin().await;
        let code = self.stand_ins.consent(PORTAL, &SCOPES);
        let mut url: Url =
            format!("http://{}/oauth/callback", self.installing.address()).parse().unwrap();
        url.query_pairs_mut().extend_pairs([("code", &code), ("state", &begun.state)]);
        let asking = self.client.get(url).header(COOKIE, begun.cookie);
        let coming = tokio::spawn(async move {
            let answer = asking.send().await.ok()?;
            let status = answer.status().as_u16();
            Some((status, answer.text().await.ok()?))
        });
        self.stand_ins.wait_for(1, |call| call.path.ends_with("/token")).await;
        coming
    }
}

async fn installed(records: &Records) {
    let looking = async {
        while records.installation(&Origin::hubspot(PORTAL)).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    within("an installation", looking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_written_before_anything_else_is_asked() {
    let (stand_ins, test) =
        (StandIns::start().await.unwrap(), TestDatabase::new(DatabaseEngine::Sqlite).await);
    let way = Proxy::start(&stand_ins.host()).await;
    let (hubspot, database) = (way.url(&stand_ins.url("hubspot")), test.url());
    let bench = Bench::at(stand_ins, test, &hubspot, database);
    // The portal says nothing of itself, and the page waits for that.
    let never = Duration::from_hours(1);
    bench.stand_ins.fail(Fault::slow("hubspot", never).on("GET", "/account-info"));
    let coming = bench.under_way().await;
    installed(&bench.records).await;
    assert!(!coming.is_finished());
    way.cut();
    let (status, page) = within("a page", coming).await.unwrap().unwrap();
    assert!(status == 200 && page.contains("installed in account 62515"), "{page}");
    assert!(!page.contains("href=\"https://app"), "it is not known where: {page}");
    let facts = "SELECT count(*) FROM installation WHERE ui_domain IS NULL";
    assert_eq!(bench.test.number(facts).await, 1);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for() {
    let (stand_ins, test) =
        (StandIns::start().await.unwrap(), TestDatabase::new(DatabaseEngine::Postgres).await);
    let way = Proxy::start(&Proxy::server_of(&test.url())).await;
    let (hubspot, database) = (stand_ins.url("hubspot"), way.url(&test.url()));
    let bench = Bench::at(stand_ins, test, &hubspot, database);
    way.cut();
    let coming = bench.under_way().await;
    way.restore();
    let (status, page) = within("a page", coming).await.unwrap().unwrap();
    assert!(status == 200 && page.contains("installed in account 62515"), "{page}");
    assert_eq!(bench.known().await, Some(InstallationState::Installed));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_installs_come_to_their_end() {
    let (stand_ins, test) =
        (StandIns::start().await.unwrap(), TestDatabase::new(DatabaseEngine::Sqlite).await);
    let way = Proxy::start(&stand_ins.host()).await;
    let (hubspot, database) = (way.url(&stand_ins.url("hubspot")), test.url());
    let bench = Bench::at(stand_ins, test, &hubspot, database);
    way.mute_server();
    let coming = bench.under_way().await;
    let address = bench.installing.address();
    let Bench { installing, records, test, stand_ins: _there, .. } = bench;
    let stopping = tokio::spawn(installing.stop());
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within("a listener that takes nobody", closed).await;
    assert!(records.installation(&Origin::hubspot(PORTAL)).await.unwrap().is_none());
    way.restore();
    within("the end", stopping).await.unwrap();
    let known = records.installation(&Origin::hubspot(PORTAL)).await.unwrap();
    assert_eq!(known.unwrap().state, InstallationState::Installed);
    drop(coming);
    records.close().await;
    test.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_names_no_portal_is_asked_whose_it_is_until_there_is_an_answer() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let grant = json!({ "access_token": "a", "refresh_token": "rt-x", "expires_in": 1800 });
    bench.stand_ins.fail(Fault::new("hubspot", 200).on("POST", "/oauth").body(grant).times(1));
    bench.stand_ins.fail(Fault::new("hubspot", 503).on("GET", "/account-info").times(2));
    bench.stand_ins.set_portal(PORTAL);
    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 200 && page.contains("installed in account 62515"), "{page}");
    assert_eq!(bench.stand_ins.portal_asked(), 3);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_says_two_portals_is_not_kept() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let other = json!({ "portalId": 1 });
    bench.stand_ins.fail(Fault::new("hubspot", 200).on("GET", "/account-info").body(other));
    let (status, page) = bench.install(&SCOPES).await;
    assert!(status == 502 && page.contains("TWO_PORTALS"), "{status} {page}");
    let kept = "SELECT count(*) FROM installation WHERE refresh_token IS NOT NULL";
    assert_eq!(bench.test.number(kept).await, 0);
    assert_eq!(bench.known().await, Some(InstallationState::Uninstalled));
    bench.end().await;
}
