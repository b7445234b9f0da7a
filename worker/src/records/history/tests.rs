#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::clock::now_ms;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::testing::{assert_found_by, explain};

/// Of every condition 20 rows of 20,000 have what is asked for.
const FILL: &str = "
    INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, started_ms,
        settled_ms, attempt, generation, target, verdict)
    WITH RECURSIVE line (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM line WHERE n < 19999)
    SELECT {day}, ({ms} + n) * 1048576, CAST(1000000 + n AS TEXT), 'hubspot/' || (n % 1000),
        CASE WHEN n % 1000 = 1 THEN 'rare.type' ELSE 'deal.creation' END, n / 20, 0, 0, {ms} + n, 0, 0,
        CASE WHEN n % 1000 = 2 THEN 'rare_handler' ELSE 'on_deal_created' END,
        CASE WHEN n % 1000 = 3 THEN 'crashed' ELSE 'succeeded' END
    FROM line";

/// Where hardly a row matches a scan would read them all, and a page that is kept up to date would do so
/// every few seconds.
async fn every_list_and_filter_of_events_is_found_by_an_index(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    let database = records.ready().await.unwrap();
    let now_ms = now_ms();
    let day = day_of(now_ms);
    let ms = i64::from(day) * 24 * 3600 * 1000;
    test.run(&FILL.replace("{day}", &day.to_string()).replace("{ms}", &ms.to_string())).await;
    if engine == DatabaseEngine::Postgres {
        test.run("VACUUM ANALYZE event_log").await;
    }
    let nothing = Question::default();
    let some = |words: &str| Some(words.to_owned());
    let questions = [
        ("id", nothing.clone()),
        ("id", Question { after: Some(first_line(ms + 10_000)), ..nothing.clone() }),
        ("id", Question { since_ms: Some(ms + 19_990), ..nothing.clone() }),
        ("id", Question { until_ms: Some(ms + 10), ..nothing.clone() }),
        ("identity", Question { event: some("10000"), ..nothing.clone() }),
        ("origin", Question { origin: Some(Origin::hubspot(7)), ..nothing.clone() }),
        ("object_id", Question { object_id: Some(7), ..nothing.clone() }),
        ("type", Question { subscription_type: some("rare.type"), ..nothing.clone() }),
        ("target", Question { target: some("rare_handler"), ..nothing.clone() }),
        ("verdict", Question { verdict: some("crashed"), ..nothing.clone() }),
        ("verdict", Question { verdict: some("lost"), since_ms: Some(ms), ..nothing.clone() }),
    ];
    for (column, question) in questions {
        let plan = explain!(database, explain => select(explain, &question, 51));
        assert_found_by(column, &format!("event_log_{day}"), &plan);
    }
    records.close().await;
    test.end().await;
}

on_every_database! { every_list_and_filter_of_events_is_found_by_an_index }
