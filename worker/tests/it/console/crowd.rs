//! Many pages at once that wait for the records: who does something does not wait behind them.

use std::time::Duration;

use shared::testing::DatabaseEngine;
use sqlx::{Connection as _, PgConnection};
use worker::parts::records::Records;
use worker::parts::records::dead_letters::Grouping;

use super::rig::Rig;
use crate::dead_letters::rig::letter;
use crate::harness::within;
use crate::jobs::rig::look_again;

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_written_while_pages_wait_for_the_records() {
    let rig = Rig::new(DatabaseEngine::Postgres).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let problem = rig.letters.records.groups(Grouping::Fingerprint, false).await.unwrap().remove(0);
    let url = rig.letters.database.url();
    let (console, browser) = rig.with_limit(Duration::from_secs(60)).await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE event_log").execute(&mut *locking).await.unwrap();
    let ask = || {
        let browser = browser.clone();
        tokio::spawn(async move { browser.get("/events").await.status })
    };
    let pages: Vec<_> = (1..Records::READING).map(|_| ask()).collect();
    let waiting = "SELECT count(*) FROM pg_locks \
        WHERE NOT granted AND relation = 'event_log'::regclass";
    let all_wait = async {
        while rig.letters.database.number(waiting).await < i64::from(Records::READING) - 1 {
            look_again().await;
        }
    };
    within("pages that wait", all_wait).await;
    let path = format!("/problems/{}/note", problem.key);
    let noted = browser.post(&path, &[("note", "ask ann"), ("read", "")]).await;
    assert_eq!(noted.status, 303, "{}", noted.text);
    for deed in ["pause", "resume", "cancel"] {
        let turned = browser.post(&format!("/jobs/7/{deed}"), &[]).await;
        assert_eq!(turned.status, 404, "there is no such job: {}", turned.text);
    }
    assert!(pages.iter().all(|page| !page.is_finished()), "it waited for the pages");
    locking.rollback().await.unwrap();
    for page in pages {
        assert_eq!(page.await.unwrap(), 200);
    }
    console.stop().await;
    rig.finish().await;
}
