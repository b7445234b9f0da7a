//! What people are not to see, no page shows.

use bytes::Bytes;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::records::dead_letters::{Filter, Grouping};

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
    let mut paths: Vec<String> = [
        "/",
        "/messages",
        "/messages?state=any",
        "/messages/export",
        "/messages/export?format=csv",
    ]
    .map(str::to_owned)
    .into();
    for letter in &letters {
        paths.push(format!("/messages/{}", letter.id));
        paths.push(format!("/messages/{}/payload", letter.id));
        paths.push(format!("/events/{}", letter.identity));
        paths.push(format!("/events/{}/payload", letter.identity));
    }
    for group in &groups {
        paths.push(format!("/messages?problem={}", group.key));
        paths.push(format!("/problems/{}/note", group.key));
    }
    for path in &paths {
        let page = browser.get(path).await;
        assert!(matches!(page.status, 200 | 403), "{path} {}", page.status);
        assert!(!page.text.contains("ann.example"), "{path}: {}", page.text);
        // What is not redacted shows it there.
        let open = rig.browser.get(path).await;
        assert!(open.text.contains("ann.example") || open.text.contains("UNREADABLE"), "{path}");
    }
    let of = |code: &str| letters.iter().find(|letter| letter.code == code).unwrap().id;
    let page = browser.get(&format!("/messages/{}", of("ERP_422"))).await;
    page.shows(&[
        "[redacted] is taken",
        "&#34;propertyValue&#34;: &#34;[redacted]&#34;",
        "left out",
    ]);
    let page = browser.get(&format!("/messages/{}", of("UNREADABLE"))).await;
    page.shows(&["It is not shown"]);
    browser.act("/actions/discard?code=ERP_422").await;
    browser.get("/discarded").await.shows(&["[redacted] is taken"]).hides(&["ann.example"]);
    console.stop().await;
    rig.finish().await;
}

on_every_database! {
    values_of_redacted_properties_are_on_no_page
}
