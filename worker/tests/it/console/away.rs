//! The records' database goes away and comes back; the console stays.

use std::time::Duration;

use serde_json::Value;
use shared::testing::{DatabaseEngine, Proxy, database_url};
use sqlx::{Connection as _, PgConnection};

use super::rig::{Answer, Browser, Rig, console};
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
    for path in ["/", "/letters", "/letters/1", "/discarded", "/events", "/audit"] {
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
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the page", back).await;
    browser.get("/letters").await.shows(&["1 dead letter"]);
    console.stop().await;
    rig.finish().await;
}

/// The fields of the form that the page offers, hidden ones too.
fn fields(page: &Answer) -> Vec<(String, String)> {
    let (_, form) = page.text.split_once("<form method=\"post\" action=\"/actions/").unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    let inputs = form.split("<input ").skip(1);
    let attribute = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().replace("&#38;", "&")
    };
    inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_is_offered_again_as_it_was_and_never_asked_for_by_itself() {
    let rig = Rig::new(DatabaseEngine::Postgres).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "B", "x"), letter(3, "B", "y")]).await;
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    let console =
        console(&proxy.url(&rig.letters.database.url()), rig.letters.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let plan = browser.get("/actions/retry?code=A").await;
    plan.shows(&["Retry 1 letter?"]);
    let mut posted = fields(&plan);
    for (name, value) in &mut posted {
        if name == "rate" {
            *value = "7".to_owned();
        }
    }
    let pairs: Vec<(&str, &str)> =
        posted.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    proxy.cut();
    for path in ["/actions/retry", "/replay", "/problems/5ac1/note", "/jobs/1/pause"] {
        let question = [("question", "event=5ac1"), ("note", "x")];
        let failed = browser.post(path, &[&pairs[..], &question].concat()).await;
        assert_eq!(failed.status, 503, "{path}: {}", failed.text);
        assert!(!failed.text.contains("http-equiv"), "{path}: {}", failed.text);
        assert!(!failed.text.contains("tries again by itself"), "{path}: {}", failed.text);
        assert!(failed.text.contains(&format!("action=\"{path}\"")), "{path}: {}", failed.text);
    }
    let failed = browser.post("/actions/retry", &pairs).await;
    for words in ["code</i> A", "a second</i> 7", "<button class=\"primary\">Retry 1 letter<"] {
        assert!(failed.text.contains(words), "{words} in {}", failed.text);
    }
    // The same plan, as it was agreed to; or anew, of the same letters.
    assert_eq!(fields(&failed), posted);
    assert_eq!(failed.link("Plan it anew").unwrap(), "/actions/retry?code=A");
    proxy.restore();
    let sent_again = async {
        loop {
            let answer = browser.post("/actions/retry", &pairs).await;
            if answer.status == 303 {
                return answer;
            }
            // A page has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let done = within("the job", sent_again).await;
    let job = browser.get(done.header("location")).await;
    job.shows(&["code=A", "7 messages a second at most"]);
    console.stop().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_takes_too_long_is_ended_and_not_asked_again_by_itself() {
    let rig = Rig::new(DatabaseEngine::Postgres).await;
    let url = rig.letters.database.url();
    let (console, browser) = rig.with_limit(Duration::from_secs(2)).await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut locking = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE event_log, job").execute(&mut *locking).await.unwrap();
    let page = browser.get("/events").await;
    assert_eq!((page.status, page.header("retry-after")), (503, ""));
    assert!(page.text.contains("This takes too long"), "{}", page.text);
    assert!(!page.text.contains("http-equiv=\"refresh\""), "{}", page.text);
    // A job's button is waited for a while, and goes on by itself.
    let posted = browser.post("/jobs/1/pause", &[]).await;
    assert_eq!((posted.status, posted.header("location")), (303, "/jobs/1?done=job-slow"));
    locking.rollback().await.unwrap();
    browser.get("/events").await.shows(&["No events yet"]);
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
