//! What is shown of the own account is all of it, with its own counts and errors, and nothing of the others
//! stands in any answer.

use std::collections::BTreeSet;

use shared::testing::{DatabaseEngine, on_every_database};

use super::tenants::{OTHER, OTHER_OPERATOR, OWN, OWN_OPERATOR, OWN_VIEWER, Two};
use crate::console::rig::OPERATOR;
use crate::harness::deal_of;

/// Pages that a crawl follows at the most; there are fewer.
const PAGES: usize = 400;

async fn every_page_that_can_be_reached_is_of_ones_own(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let browser = two.with(OWN_OPERATOR);
    let start = ["/", "/?by=code&all=1", "/?by=handler", "/?by=origin", "/letters?state=any"];
    let more = [
        "/letters/export?state=any",
        "/letters/export?format=csv&state=any",
        "/events?since=1h&verdict=exhausted",
        "/replay?since=1h",
        "/actions/retry",
        "/actions/restart?code=SHARED",
    ];
    let mut next: Vec<String> = start.iter().chain(&more).map(|path| (*path).to_owned()).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = next.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = browser.get(&path).await;
        // A replay wants to be told since when.
        let is_too_wide = answer.status == 400 && path.starts_with("/replay?");
        assert!(answer.status == 200 || is_too_wide, "{path}: {}", answer.text);
        two.assert_own(&path, &answer);
        for rest in answer.text.split("href=\"/").skip(1) {
            let link = rest.split('"').next().unwrap();
            let link = format!("/{}", link.replace("&amp;", "&").replace("&#38;", "&"));
            // Nothing is left out: each page has what is left of the others' in it, or nothing.
            next.push(link);
        }
        assert!(seen.len() < PAGES, "{seen:?}");
    }
    // It has been everywhere.
    for letter in &two.own {
        assert!(seen.contains(&format!("/letters/{}", letter.id)), "{seen:?}");
        assert!(seen.contains(&format!("/events/{}/payload", letter.identity)), "{seen:?}");
    }
    assert!(seen.contains(&format!("/jobs/{}", two.own_job)) && seen.len() > 30, "{seen:?}");
    for own in ["tenant/acme", "destination/acme-crm", "route/acme-deals", "route/acme-log"] {
        assert!(seen.contains(&format!("/tenants/{own}")), "{seen:?}");
    }
    two.finish().await;
}

async fn what_is_shown_is_counted_for_the_own_account(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let browser = two.with(OWN_VIEWER);
    let groups = browser.get("/").await;
    groups.shows(&["3 dead letters in 2 problems", "refused for 44001", "viewer of hubspot/62515"]);
    groups
        .shows(&["<b>2</b>", "class=\"number\">1</td>", "2 in the last 24 hours"])
        .hides(&["<b>7</b>", "7 in the last 24 hours"]);
    let problem = browser.get(&format!("/letters?problem={}", two.problem)).await;
    problem
        .shows(&["2 dead letters", "refused for 44001", "2 in the last 24 hours"])
        .hides(&["7 in the last 24 hours"]);
    assert_eq!(problem.letters().len(), 2);
    for (path, summary) in [
        ("/?by=code", "3 dead letters in 2 codes"),
        ("/?by=handler", "3 dead letters in 1 handler"),
        ("/?by=origin", "3 dead letters in 1 origin"),
        ("/?page=2", "3 dead letters in 2 problems"),
    ] {
        browser.get(path).await.shows(&[summary]);
    }
    let all = two.with(OPERATOR);
    all.get("/").await.shows(&["9 dead letters in 3 problems", "Initech waits for this"]);
    let letters = browser.get("/letters").await;
    assert_eq!(letters.letters(), two.own.iter().map(|letter| letter.id).collect::<Vec<_>>());
    letters.shows(&["3 dead letters", "origin</i> hubspot/62515"]);
    let log = browser.get("/events").await;
    assert_eq!(log.text.matches("data-label=\"Ended\"").count(), 3, "{}", log.text);
    let export = browser.get("/letters/export").await;
    assert_eq!(export.text.lines().count(), 3, "{}", export.text);
    // Who of all made it is not told.
    let job = format!("/jobs/{}", two.own_job);
    browser.get(&job).await.shows(&["by an operator of all"]).hides(&["ann of all"]);
    two.finish().await;
}

/// Whether something is there that is not one's own cannot be told from the answer.
async fn what_is_of_others_is_as_what_is_not_there(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let browser = two.with(OWN_OPERATOR);
    let (letter, event) = (two.others[0].id.to_string(), two.others[0].identity.clone());
    let nothing = "f".repeat(64);
    let nothing = nothing.as_str();
    let [others_job, everybodys] = two.others_jobs.map(|id| id.to_string());
    let (only_others, portal) = (two.others[0].fingerprint.clone(), OTHER.to_string());
    for (path, there, not_there) in [
        ("/letters/{}", &letter, "98765"),
        ("/letters/{}/payload", &letter, "98765"),
        ("/letters?state=any&id={}", &letter, "98765"),
        ("/letters/export?state=any&id={}", &letter, "98765"),
        ("/actions/retry?id={}", &letter, "98765"),
        ("/jobs/{}", &others_job, "98765"),
        ("/jobs/{}", &everybodys, "98765"),
        ("/events/{}", &event, nothing),
        ("/events/{}/payload", &event, nothing),
        ("/events?event={}", &event, nothing),
        ("/replay?event={}", &event, nothing),
        ("/letters?state=any&problem={}", &only_others, nothing),
        ("/letters?state=any&origin=hubspot/{}", &portal, "999999999"),
        ("/letters/export?portal={}", &portal, "999999999"),
        ("/events?portal={}", &portal, "999999999"),
        ("/discarded?portal={}", &portal, "999999999"),
        ("/actions/retry?portal={}", &portal, "999999999"),
        ("/replay?since=1h&portal={}", &portal, "999999999"),
    ] {
        let ask = async |id: &str| {
            let answer = browser.get(&path.replace("{}", id)).await;
            (answer.status, without(&answer.text, id))
        };
        let (other, none) = (ask(there).await, ask(not_there).await);
        assert_eq!(other, none, "{path}");
        let names_origin = path.contains("portal") || path.contains("origin=");
        let status = match (path.contains('?'), names_origin) {
            (false, _) => 404,
            (true, true) => 400,
            (true, false) => 200,
        };
        assert_eq!(other.0, status, "{path}");
    }
    two.finish().await;
}

/// A page, but for what was asked for.
fn without(text: &str, id: &str) -> String {
    let short = ["letter ", "Letter ", "job ", "number</i> ", "id="];
    // A few digits stand in other places too.
    let before = if id.len() < 8 { &short[..] } else { &[""] };
    before.iter().fold(text.to_owned(), |text, before| {
        text.replace(&format!("{before}{id}"), &format!("{before}…"))
    })
}

async fn ones_own_tenant_is_seen_and_no_other_and_nothing_of_all(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let (own, all) = (two.with(OWN_OPERATOR), two.with(OPERATOR));
    let page = own.get("/tenants").await;
    page.shows(&["acme-crm", "hooks.acme.example", "acme-deals", "shared-log"]);
    two.assert_own("/tenants", &page);
    two.with(OTHER_OPERATOR)
        .get("/tenants")
        .await
        .shows(&["initech-crm"])
        .hides(&["acme-", "hooks.acme"]);
    let route = own.get("/tenants/route/acme-log").await;
    route.shows(&["/tenants/tenant/acme", "Try an event"]);
    route.hides(&["shared-log\"", "worker tenants", "Pause</button>"]);
    // As it goes out, though the channel is of all; and of an event of others nothing, not even whose it is.
    let chat = "/tenants/route/acme-chat";
    let own_event = own.post(chat, &[("event", &deal_of(OWN, 1))]).await;
    own_event.shows(&["goes out", "the event is acme&#39;s", "{&#34;text&#34;:&#34;deal.creation"]);
    let others_event = own.post(chat, &[("event", &deal_of(OTHER, 1))]).await;
    others_event.shows(&["does not go this way", "is no tenant&#39;s origin"]).hides(&["initech"]);
    all.post(chat, &[("event", &deal_of(OTHER, 1))]).await.shows(&["the event is initech"]);
    for of_others in [
        "tenant/initech",
        "destination/initech-crm",
        "route/initech-all",
        "destination/shared-log",
        "route/only-of-all",
    ] {
        let path = format!("/tenants/{of_others}");
        assert_eq!(all.get(&path).await.status, 200, "{path}");
        let event = [("event", deal_of(OTHER, 1))];
        let event = event.each_ref().map(|(name, value)| (*name, value.as_str()));
        for answer in [own.get(&path).await, own.post(&path, &event).await] {
            assert_eq!(answer.status, 404, "{path}");
            // What was asked for stands in the answer.
            let text = answer.text.replace(of_others.split_once('/').unwrap().1, "");
            assert!(!text.contains("initech") && !text.contains("log.example"), "{text}");
        }
    }
    two.finish().await;
}

on_every_database! {
    ones_own_tenant_is_seen_and_no_other_and_nothing_of_all
    every_page_that_can_be_reached_is_of_ones_own
    what_is_shown_is_counted_for_the_own_account
    what_is_of_others_is_as_what_is_not_there
}
