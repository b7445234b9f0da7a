//! The event log's pages, of events that a worker has worked on.

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};
use worker::HandlerError;
use worker::parts::records::dead_letters::drain;

use super::rig::{Browser, console};
use crate::dead_letters::rig::dead_letters;
use crate::harness::{Engine, PATIENCE, Rig, TARGET, deal, probed, wait_for_verdicts};

async fn an_event_is_found_with_its_whole_way(engine: DatabaseEngine) {
    let mut rig = Rig::on(Engine::Embedded, &[]).await;
    let database = TestDatabase::new(engine).await;
    rig.settings.records.database_url = Some(SecretString::from(database.url()));
    let worker = rig.worker(|registry| {
        probed(registry, |cx, event| async move {
            match (event.object_id, cx.attempt()) {
                (Some(2), 0) => Err(HandlerError::transient("TEST_5XX", "not now")),
                (Some(3), _) => Err(HandlerError::permanent("TEST_4XX", "never <script>")),
                _ => Ok(()),
            }
        });
    });
    for id in 4..=120 {
        rig.publish(&deal(id)).await;
    }
    let second = rig.publish(&deal(2)).await;
    let third = rig.publish(&deal(3)).await;
    wait_for_verdicts(&worker, "succeeded", 118).await;
    wait_for_verdicts(&worker, "permanent", 1).await;
    worker.stop().await;
    let letters = dead_letters(&database.url());
    assert!(drain(&letters, &rig.queues.broker(), PATIENCE).await.unwrap().complete);

    let console = console(&database.url(), rig.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let (mut path, mut lines, mut pages) = ("/events?origin=hubspot%2F62515".to_owned(), 0, 0);
    loop {
        let page = browser.get(&path).await;
        page.shows(&[TARGET]);
        lines += page.text.matches("data-label=\"Ended\"").count();
        pages += 1;
        match page.link("Older") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!((lines, pages), (120, 3));
    let retried = browser.get("/events?verdict=retried").await;
    retried.shows(&["TEST_5XX not now", &format!("/events/{}", second.event.identity)]);
    assert_eq!(retried.text.matches("data-label=\"Ended\"").count(), 1);
    for (query, count) in [
        ("object=2", 2),
        ("object=2&handler=other", 0),
        ("type=deal.creation&since=1h&verdict=permanent", 1),
        ("until=1h", 0),
        (&format!("event={}", &second.event.identity.as_ref()[..12]), 2),
    ] {
        let page = browser.get(&format!("/events?{query}")).await;
        page.shows(&[]);
        assert_eq!(page.text.matches("data-label=\"Ended\"").count(), count, "{query}");
    }
    assert_eq!(browser.get("/events?event=XYZ&after=1").await.status, 400);

    let way = browser.get(&format!("/events/{}", second.event.identity)).await;
    way.shows(&["received", "attempt 1: retried", "attempt 2: succeeded", "no handler gave it up"]);
    let (first, last) = (way.text.find("attempt 1").unwrap(), way.text.find("attempt 2").unwrap());
    assert!(first < last);
    let bytes = browser.get(&format!("/events/{}/payload", second.event.identity)).await;
    assert_eq!(bytes.text.as_bytes(), *second.event.body());
    let dead = browser.get(&format!("/events/{}", third.event.identity)).await;
    dead.shows(&["attempt 1: permanent", "never &#60;script&#62;", "given up as permanent"]);
    let letter = browser.get(&browser.get("/letters").await.link("1").unwrap()).await;
    letter.shows(&["attempt 1: permanent", &format!("/events/{}", third.event.identity)]);
    browser.get("/health").await.shows(&[
        "succeeded",
        "permanent",
        "Outcomes of the last 5 minutes",
    ]);
    console.stop().await;
    drop(letters);
    rig.finish().await;
    database.end().await;
}

on_every_database! {
    an_event_is_found_with_its_whole_way
}
