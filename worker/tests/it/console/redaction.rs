//! What people are not to see, no page shows.

use bytes::Bytes;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping};

use super::rig::{Browser, Rig, redacting};
use crate::dead_letters::rig::{letter, with_body};

const SECRET: &str = "ann.example@example.com";

async fn values_of_redacted_properties_are_on_no_page(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let error = format!("ERP answered 422: {SECRET} is taken");
    let event =
        format!(r#"{{"portalId":62515,"propertyName":"email","propertyValue":"{SECRET}"}}"#);
    let broken = format!("not json, email: {SECRET}");
    rig.letters
        .index(&[
            with_body(letter(1, "ERP_422", &error), event.into()),
            with_body(letter(2, "UNREADABLE", "no"), Bytes::from(broken)),
        ])
        .await;
    let letters = rig.letters.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let groups = rig.letters.records.groups(Grouping::Fingerprint, false).await.unwrap();
    let url = rig.letters.database.url();
    let console = redacting(&url, rig.letters.queues.broker(), &[], &["email"]);
    let browser = Browser::at(console.address());
    let mut paths: Vec<String> =
        ["/", "/letters", "/letters?state=any", "/letters/export", "/letters/export?format=csv"]
            .map(str::to_owned)
            .into();
    for letter in &letters {
        paths.push(format!("/letters/{}", letter.id));
        paths.push(format!("/letters/{}/payload", letter.id));
    }
    for group in &groups {
        paths.push(format!("/letters?problem={}", group.key));
        paths.push(format!("/problems/{}/note", group.key));
    }
    for path in &paths {
        let page = browser.get(path).await;
        assert!(matches!(page.status, 200 | 403), "{path} {}", page.status);
        assert!(!page.text.contains("ann.example"), "{path}: {}", page.text);
        for letter in &letters {
            assert!(!page.text.contains(&letter.identity[..8]), "{path}: {}", page.text);
        }
        // What is not redacted shows it there.
        let open = rig.browser.get(path).await;
        assert!(open.text.contains("ann.example") || open.text.contains("UNREADABLE"), "{path}");
    }
    // What an event is called instead leads to it, from every page and back.
    let letter = letters.iter().find(|letter| letter.code == "ERP_422").unwrap();
    let page = browser.get(&format!("/letters/{}", letter.id)).await;
    let event = page.link("The event's whole way, through every handler").unwrap();
    let alias = event.strip_prefix("/events/").unwrap();
    assert_eq!(alias.len(), 32);
    let shown = browser.get(&event).await;
    shown.shows(&["[redacted] is taken", "Alias", alias]).hides(&[&letter.identity[..8]]);
    let file = browser.get(&format!("{event}/payload")).await;
    file.shows(&["[redacted]"]).hides(&["ann.example"]);
    assert!(file.header("content-disposition").contains(&format!("event-{alias}")), "{file:?}");
    let exported = browser.get("/letters/export").await;
    assert!(exported.text.contains(alias), "{}", exported.text);
    browser.get(&format!("/events?event={alias}")).await.shows(&[]);
    // Whoever has guessed an identity is not told that it is right.
    for guess in [&letter.identity[..], &letter.identity[..32], &letter.identity[..8]] {
        assert_eq!(browser.get(&format!("/events/{guess}")).await.status, 404, "{guess}");
        assert_eq!(browser.get(&format!("/events/{guess}/payload")).await.status, 404, "{guess}");
        let found = browser.get(&format!("/events?event={guess}")).await;
        assert!(found.status == 400 || found.text.contains("Nothing in the event log"), "{guess}");
    }
    browser.get("/audit").await.shows(&[&format!("event={alias}")]).hides(&[&letter.identity[..8]]);
    let of = |code: &str| letters.iter().find(|letter| letter.code == code).unwrap().id;
    let page = browser.get(&format!("/letters/{}", of("ERP_422"))).await;
    page.shows(&[
        "[redacted] is taken",
        "&#34;propertyValue&#34;: &#34;[redacted]&#34;",
        "left out",
    ]);
    let page = browser.get(&format!("/letters/{}", of("UNREADABLE"))).await;
    page.shows(&["It is not shown"]);
    let made = browser.act("/actions/discard?code=ERP_422").await;
    assert_eq!(rig.done(&made).await, 1);
    browser.get("/discarded").await.shows(&["[redacted] is taken"]).hides(&["ann.example"]);
    console.stop().await;
    rig.finish().await;
}

on_every_database! {
    values_of_redacted_properties_are_on_no_page
}
