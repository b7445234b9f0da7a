//! Guessing: wrong tokens are slowed down, however they come, and nobody else is.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shared::testing::DatabaseEngine;

use super::program::Program;
use super::rig::{Browser, OPERATOR, Rig};
use crate::dead_letters::rig::Letters;
use crate::harness::Admin;

/// Wrong tokens of one crowd; a process looks at some ten of them a moment.
const CROWD: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_slowed_down_whichever_way_they_come() {
    let rig = Rig::guarded(DatabaseEngine::Sqlite).await;
    let signed_in = rig.browser.sign_in(OPERATOR, "ann").await;
    let guess = async |number: usize| {
        let token = format!("wrong-token-of-some-length-{number}");
        if number.is_multiple_of(2) {
            return rig.browser.post("/login", &[("token", &token)]).await;
        }
        let header = format!("Bearer {token}");
        rig.browser.with("authorization", &header).get("/letters").await
    };
    let answers = join_all((0..CROWD).map(guess)).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    // Those that were looked at, and those that were not.
    let (looked, unseen) = (with(401) + with(403), with(429));
    assert_eq!(looked + unseen, CROWD);
    assert!(looked >= 13 && with(401) > 0 && with(403) > 0, "{looked}");
    // As long as that took, one more a second; they all came within a few.
    assert!(unseen > CROWD / 2, "{unseen}");
    let late = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(late.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(late.text.contains("Too many wrong tokens"));
    // Who is signed in notices nothing, and neither does anybody elsewhere.
    signed_in.get("/").await.shows(&["ann"]);
    let elsewhere = Browser::at_from(rig.browser.address, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    elsewhere.sign_in(OPERATOR, "bob").await.get("/").await.shows(&["bob"]);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_held_back_counted_and_logged_without_the_token() {
    let rig = Letters::new(DatabaseEngine::Postgres).await;
    let program = Program::start(&rig, &[("CONSOLE_TOKEN", OPERATOR)]).await;
    let (browser, wrong) = (Browser::at(program.address), "wrong-token-of-some-length");
    let header = browser.with("authorization", &format!("Bearer {wrong}"));
    let begun = Instant::now();
    for _ in 0..6 {
        assert_eq!(browser.post("/login", &[("token", wrong)]).await.status, 403);
        assert_eq!(header.get("/letters").await.status, 401);
    }
    // Ten are answered at once, and each further one takes a second.
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    let crowd = join_all((0..20).map(|_| header.get("/letters"))).await;
    let unseen = crowd.iter().filter(|answer| answer.status == 429).count() as u64;
    assert!(unseen > 0, "{crowd:?}");
    let admin = Admin::at(program.admin);
    let refused = async |reason: &str| {
        let reason = format!("reason=\"{reason}\"");
        admin.sum("hubline_console_tokens_refused_total", &[&reason]).await
    };
    assert_eq!((refused("wrong").await, refused("unseen").await), (32 - unseen, unseen));
    let log = program.end().await;
    for words in ["wrong token for the console", r#""way":"form""#, r#""way":"header""#] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains(wrong), "{log}");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_no_way_to_try_a_token() {
    let rig = Rig::guarded(DatabaseEngine::Sqlite).await;
    // Whoever knows the token and not the records' key can make none.
    let forged = "hubline_console=operator.9999999999999.AAAA.QW5u.\
                  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for _ in 0..40 {
        assert_eq!(rig.browser.with("cookie", forged).get("/").await.status, 303);
    }
    rig.browser.sign_in(OPERATOR, "ann").await.get("/").await.shows(&["ann"]);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_signs_in_under_a_name_of_the_programs() {
    let rig = Rig::guarded(DatabaseEngine::Sqlite).await;
    for name in ["hubline", "Hubline", "hub line", "console", "console operator", "unknown"] {
        let answer = rig.browser.post("/login", &[("token", OPERATOR), ("name", name)]).await;
        assert_eq!(answer.status, 400, "{name}");
        assert!(answer.text.contains("signs with this name itself"), "{}", answer.text);
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    }
    rig.browser.sign_in(OPERATOR, "hubline on call").await;
    rig.finish().await;
}
