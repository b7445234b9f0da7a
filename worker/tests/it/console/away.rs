//! The records' database goes away and comes back; the console stays.

use serde_json::Value;
use shared::testing::{DatabaseEngine, Proxy, database_url};

use super::rig::{Browser, Rig, console};
use crate::dead_letters::rig::letter;
use crate::harness::within;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_and_its_return_noticed() {
    let rig = Rig::new(DatabaseEngine::Postgres).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let console =
        console(&proxy.url(&rig.letters.database.url()), rig.letters.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    browser.get("/").await.shows(&["1 dead letter"]);
    proxy.cut();
    for path in ["/", "/messages", "/messages/1", "/discarded", "/events", "/audit"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 503, "{path}");
        for words in
            ["The records do not answer", "Nothing is lost", "http-equiv=\"refresh\"", "/health"]
        {
            assert!(page.text.contains(words), "{words} in {}", page.text);
        }
        assert_eq!(page.header("retry-after"), "10");
        assert!(!page.text.contains("sqlx") && !page.text.contains("panicked"), "{}", page.text);
    }
    let plan = browser.get("/actions/discard?code=A").await;
    assert_eq!(plan.status, 503);
    browser.get("/health").await.shows(&["The event log cannot be read now"]);
    proxy.restore();
    let back = async {
        while browser.get("/").await.status != 200 {
            // A page has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within("the page", back).await;
    browser.get("/messages").await.shows(&["1 dead letter"]);
    console.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_starts_without_its_database() {
    let rig = Rig::new(DatabaseEngine::Sqlite).await;
    // Nobody answers there.
    let url = "postgres://u:hunter2@127.0.0.1:1/d";
    let console = console(url, rig.letters.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let page = browser.get("/").await;
    assert!(page.status == 503 && !page.text.contains("hunter2"), "{}", page.text);
    let readiness = serde_json::to_value((console.readiness())()).unwrap();
    assert_eq!(readiness["ready"], Value::Bool(false));
    console.stop().await;
    rig.finish().await;
}
