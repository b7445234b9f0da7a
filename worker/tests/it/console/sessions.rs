//! Leaving: a session that was signed out of is over for everybody who has it.

use std::time::Duration;

use shared::testing::{DatabaseEngine, Proxy, database_url, on_every_database};

use super::rig::{Browser, OPERATOR, Rig, VIEWER, console};
use crate::harness::within;

const TOKENS: [&str; 4] = ["--console-token", OPERATOR, "--console-viewer-token", VIEWER];

/// Waits until the browser's session is not believed any more.
async fn until_it_is_over(browser: &Browser) {
    let over = async {
        while browser.get("/").await.status != 303 {
            // A page has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the session's end", over).await;
}

async fn signing_out_ends_the_session_for_every_console(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    let (url, broker) = (rig.letters.database.url(), rig.letters.queues.broker());
    let other = console(&url, broker.clone(), &TOKENS);
    let ann = rig.browser.sign_in(OPERATOR, "ann").await;
    let bob = rig.browser.sign_in(OPERATOR, "bob").await;
    // The other console takes the same session.
    let ann_there = ann.towards(other.address());
    ann_there.get("/").await.shows(&["ann"]);
    let out = ann.post("/logout", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    // Whoever has kept it has nothing, here at once.
    assert_eq!(ann.get("/").await.status, 303);
    assert_eq!(ann.post("/actions/discard", &[("filter", "code=A")]).await.status, 401);
    until_it_is_over(&ann_there).await;
    for console in [&rig.browser, &ann_there] {
        bob.towards(console.address).get("/").await.shows(&["bob"]);
    }
    // Nor does it live again when others end, or in a console that was started since.
    let eve = rig.browser.sign_in(OPERATOR, "eve").await;
    assert_eq!(eve.post("/logout", &[]).await.status, 303);
    other.stop().await;
    let later = console(&url, broker, &TOKENS);
    assert_eq!(ann.towards(later.address()).get("/").await.status, 303);
    bob.towards(later.address()).get("/").await.shows(&["bob"]);
    later.stop().await;
    rig.finish().await;
}

/// What ends while the records are away ends here at once, and everywhere once they are back.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_without_records_and_stays_ended() {
    let rig = Rig::guarded(DatabaseEngine::Postgres).await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let url = proxy.url(&rig.letters.database.url());
    let cut_off = console(&url, rig.letters.queues.broker(), &TOKENS);
    let ann = Browser::at(cut_off.address()).sign_in(OPERATOR, "ann").await;
    let ann_there = ann.towards(rig.browser.address);
    ann_there.get("/").await.shows(&["ann"]);
    proxy.cut();
    // Who is signed in is known all the same, where a page needs no records.
    ann.get("/health").await.shows(&["ann"]);
    assert_eq!(ann.post("/logout", &[]).await.status, 303);
    assert_eq!(ann.get("/health").await.status, 303);
    ann_there.get("/").await.shows(&["ann"]);
    proxy.restore();
    until_it_is_over(&ann_there).await;
    cut_off.stop().await;
    rig.finish().await;
}

on_every_database! {
    signing_out_ends_the_session_for_every_console
}
