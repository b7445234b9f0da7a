#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::handle::Records;

/// 15 events of three lines each, of three origins.
const FILL: &str = "
    INSERT INTO event_log (day, id, identity, origin, type, received_ms, started_ms, settled_ms,
        attempt, generation, verdict)
    WITH RECURSIVE line (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM line WHERE n < 44)
    SELECT 0, n * 1048576, CAST(n / 3 AS TEXT), 'hubspot/' || (n / 15), 'x', 0, 0, n, 0, 0, 'succeeded' FROM line";

const GIVEN_UP: &str = "
    UPDATE event_log SET target = 'a', verdict = 'permanent' WHERE settled_ms IN (0, 3);
    UPDATE event_log SET target = 'b', verdict = 'exhausted' WHERE settled_ms = 1;
    UPDATE event_log SET target = 'a' WHERE settled_ms = 4;
    UPDATE event_log SET target = 'a', verdict = 'skipped' WHERE settled_ms = 6";

async fn a_plan_counts_so_many_events_and_no_more(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    let database = records.ready().await.unwrap();
    test.run(FILL).await;
    let planned = async |cutoff_ms, most| {
        let plan = plan(database, &Question::default(), false, cutoff_ms, most).await.unwrap();
        (plan.count, plan.more, plan.oldest_ms, plan.newest_ms, plan.origins)
    };
    assert_eq!(planned(i64::MAX, 100).await, (15, false, Some(0), Some(44), 3));
    // Of 20 lines.
    assert_eq!(planned(i64::MAX, 10).await, (7, true, Some(0), None, 2));
    // Of what there was by then.
    assert_eq!(planned(5, 100).await, (2, false, Some(0), Some(5), 1));
    assert_eq!(planned(-1, 100).await, (0, false, None, None, 0));
    // Two were given up: one by two handlers, and one that has been done since.
    test.run(GIVEN_UP).await;
    for (force, messages) in [(false, 17), (true, 15)] {
        let plan = plan(database, &Question::default(), force, i64::MAX, 100).await.unwrap();
        assert_eq!((plan.count, plan.messages), (15, messages), "{force}");
    }
    records.close().await;
    test.end().await;
}

on_every_database! { a_plan_counts_so_many_events_and_no_more }
