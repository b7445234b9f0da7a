//! Tokens of tenants come and go while the console runs, and their sessions with them.

use std::time::Duration;

use shared::testing::{DatabaseEngine, on_every_database};

use super::tenants::{OTHER, OTHER_OPERATOR, OWN, OWN_OPERATOR, OWN_VIEWER, Two};
use crate::console::rig::{Browser, OPERATOR};
use crate::harness::within;

/// Waits until the browser is answered so.
async fn until(browser: &Browser, status: u16) {
    let answered = async {
        while browser.get("/").await.status != status {
            // A page has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("another version of the tokens", answered).await;
}

async fn a_session_lasts_as_long_as_its_token_gives_what_it_gave(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let ann = two.rig.browser.sign_in(OWN_OPERATOR, "ann").await;
    let vic = two.rig.browser.sign_in(OWN_VIEWER, "vic").await;
    let olga = two.rig.browser.sign_in(OTHER_OPERATOR, "olga").await;
    let all = two.rig.browser.sign_in(OPERATOR, "carl").await;
    ann.get("/").await.shows(&["ann", "operator of hubspot/62515", "3 dead letters"]);
    olga.get("/").await.shows(&["operator of hubspot/777001234", "6 dead letters"]);
    vic.get("/letters").await.shows(&["viewer of hubspot/62515"]).hides(&["Discard ticked"]);
    // One is gone, one sees another account, one stays, and one is new.
    two.file.write(&format!(
        "hubspot/{OTHER} operator {OWN_OPERATOR}\nhubspot/{OTHER} operator {OTHER_OPERATOR}\n\
         hubspot/{OWN} viewer a-new-one-0123456789\n"
    ));
    until(&ann, 303).await;
    assert_eq!(vic.get("/").await.status, 303);
    let seen = two.with(OWN_OPERATOR).get("/").await;
    seen.shows(&["6 dead letters"]).hides(&["3 dead letters"]);
    olga.get("/").await.shows(&["olga"]);
    all.get("/").await.shows(&["carl", "9 dead letters"]);
    two.with("a-new-one-0123456789").get("/").await.shows(&["3 dead letters"]);
    // An empty file shuts all of them out, and lets nobody in.
    two.file.write("");
    until(&olga, 303).await;
    assert_eq!(two.rig.browser.get("/").await.status, 303);
    all.get("/").await.shows(&["carl", "9 dead letters"]);
    assert_eq!(two.with(OWN_OPERATOR).get("/").await.status, 401);
    two.finish().await;
}

on_every_database! {
    a_session_lasts_as_long_as_its_token_gives_what_it_gave
}
