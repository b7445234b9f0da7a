//! Sessions: how long one lasts, and that one that was signed out of is over for everybody who has it.

use std::time::Duration;

use reqwest::header::SET_COOKIE;
use shared::testing::{DatabaseEngine, Proxy, database_url, on_every_database};

use super::rig::{Browser, OPERATOR, Rig, VIEWER, console};
use crate::dead_letters::rig::letter;
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

async fn a_session_lasts_until_it_is_ended_or_altered(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let fields = [("token", OPERATOR), ("name", "Ann <b>"), ("next", "/letters?code=A")];
    let answer = rig.browser.post("/login", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/letters?code=A"));
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains(OPERATOR), "{cookie}");
    // What Chromium sends through a proxy that ends TLS.
    let secure = rig
        .browser
        .with("host", "console.example")
        .with("origin", "https://console.example")
        .post("/login", &fields)
        .await;
    let secure = secure.header("set-cookie");
    assert!(secure.starts_with("__Host-") && secure.ends_with("; Secure"), "{secure}");
    let kept = secure.split(';').next().unwrap();
    rig.browser.with("cookie", kept).get("/").await.shows(&["Ann &#60;b&#62;"]);
    // Where TLS is, a session under the name that needs none may be anybody's.
    let plain = kept.trim_start_matches("__Host-");
    let over_tls = rig.browser.with("x-forwarded-proto", "https");
    assert_eq!(over_tls.with("cookie", plain).get("/").await.status, 303);
    over_tls.with("cookie", kept).get("/").await.shows(&["Ann &#60;b&#62;"]);
    let away = [("token", OPERATOR), ("next", "//evil.example/")];
    assert_eq!(rig.browser.post("/login", &away).await.header("location"), "/");

    let session = cookie.split(';').next().unwrap();
    let ann = rig.browser.with("cookie", session);
    let page = ann.get("/").await;
    page.shows(&["Ann &#60;b&#62;", "operator", "Sign out"]).hides(&[OPERATOR, VIEWER, session]);
    ann.act("/actions/discard?code=A").await;
    ann.get("/audit").await.shows(&["Ann &#60;b&#62;", "discard"]);
    let (start, end) = session.split_at(session.len() - 3);
    let flipped: String = end.chars().rev().collect();
    for altered in [
        session.replace("operator", "viewer"),
        format!("{start}{flipped}x"),
        session.replacen('.', ".9", 1),
    ] {
        assert_eq!(rig.browser.with("cookie", &altered).get("/").await.status, 303, "{altered}");
    }
    // Whatever the browser keeps ends, whichever of them counted.
    let both = rig.browser.with("cookie", &format!("{session}; {kept}"));
    let out = both.post("/logout", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let cookies = out.headers.get_all(SET_COOKIE).iter().filter_map(|it| it.to_str().ok());
    assert_eq!(cookies.filter(|it| it.contains("hubline_console=; ")).count(), 2);
    for ended in [session, kept] {
        assert_eq!(rig.browser.with("cookie", ended).get("/").await.status, 303);
    }
    rig.finish().await;
}

on_every_database! {
    a_session_lasts_until_it_is_ended_or_altered
    signing_out_ends_the_session_for_every_console
}
