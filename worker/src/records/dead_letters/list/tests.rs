#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::dead_letters::plan::Asked;
use crate::records::dead_letters::state::State;
use crate::records::handle::Records;
use crate::records::testing::{assert_found_by, explain};

/// Of most conditions 20 of 20,000 letters have what is asked for; every tenth letter is discarded.
const FILL: &str = "
    INSERT INTO dead_letter (identity, target, generation, attempt, queue, origin, type, object_id,
        reason, code, error, fingerprint, received_ms, died_ms, indexed_ms, body, state, state_ms)
    WITH RECURSIVE letter (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM letter WHERE n < 19999)
    SELECT CAST(n AS TEXT), CASE WHEN n % 1000 = 1 THEN 'rare_handler' ELSE 'on_deal_created' END, 0, 1,
        'dead', 'hubspot/' || (n % 1000), CASE WHEN n % 1000 = 2 THEN 'rare.type' ELSE 'deal.creation' END, n / 20,
        CASE WHEN n % 1000 = 3 THEN 'crashed' ELSE 'permanent' END,
        CASE WHEN n % 1000 = 4 THEN 'RARE' ELSE 'ERP_422' END, 'x',
        CASE WHEN n % 1000 = 5 THEN 'ff' ELSE '00' END, 0, n, 0, NULL,
        CASE WHEN n % 10 = 9 THEN 'discarded' ELSE 'dead' END, 0
    FROM letter;
    INSERT INTO problem (fingerprint, rule, code, target, dead, requested, retried, resolved,
        died_again, discarded, first_ms, last_ms) VALUES
        ('00', 1, 'ERP_422', '', 17980, 0, 0, 0, 0, 2000, 0, 0),
        ('ff', 1, 'ERP_422', '', 20, 0, 0, 0, 0, 0, 0, 0);";

async fn filled(engine: DatabaseEngine) -> (TestDatabase, DeadLetters) {
    let test = TestDatabase::new(engine).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    records.ready().await.unwrap();
    test.run(FILL).await;
    if engine == DatabaseEngine::Postgres {
        test.run("VACUUM ANALYZE dead_letter").await;
    }
    (test, DeadLetters::new(records))
}

async fn every_list_and_filter_of_letters_is_found_by_an_index(engine: DatabaseEngine) {
    let (test, letters) = filled(engine).await;
    let database = letters.records.ready().await.unwrap();
    let some = |words: &str| Some(words.to_owned());
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let filters = [
        // Most letters are dead: the latest are found among all of them as well.
        ("id", dead.clone()),
        ("state", Filter { state: Some(State::Resolved), ..dead.clone() }),
        ("died_ms", Filter { until_ms: Some(9), ..dead.clone() }),
        ("died_ms", Filter { since_ms: Some(19_990), ..dead.clone() }),
        ("fingerprint", Filter { fingerprint: some("ff"), ..dead.clone() }),
        ("code", Filter { code: some("RARE"), ..dead.clone() }),
        ("code", Filter { code: some("RARE"), ..Filter::default() }),
        ("reason", Filter { reason: some("crashed"), ..dead.clone() }),
        ("origin", Filter { origin: Some(Origin::hubspot(7)), ..dead.clone() }),
        ("type", Filter { subscription_type: some("rare.type"), ..dead.clone() }),
        ("target", Filter { target: some("rare_handler"), ..dead.clone() }),
        ("object_id", Filter { object_id: Some(7), ..dead.clone() }),
        ("job_id", Filter { job_id: Some(7), ..dead.clone() }),
    ];
    for (column, filter) in filters {
        let plan = explain!(database, explain => select(explain, &filter, None, 51));
        assert_found_by(column, "dead_letter", &plan);
        let later = explain!(database, explain => select(explain, &filter, Some(10_000), 51));
        assert_found_by(column, "dead_letter", &later);
    }
    letters.records.close().await;
    test.end().await;
}

async fn a_list_counts_no_further_than_is_quick_and_a_plan_as_far_as_is_said(
    engine: DatabaseEngine,
) {
    let (test, letters) = filled(engine).await;
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    // Of these there are counters.
    let all = letters.count_some(&dead).await.unwrap();
    assert_eq!(all, Count { count: 18_000, more: false });
    let problem = Filter { fingerprint: Some("ff".to_owned()), ..dead.clone() };
    assert_eq!(letters.count_some(&problem).await.unwrap(), Count { count: 20, more: false });
    let code = |code: &str| Filter { code: Some(code.to_owned()), ..dead.clone() };
    let some = letters.count_some(&code("ERP_422")).await.unwrap();
    assert_eq!(some, Count { count: LISTED, more: true });
    let few = letters.count_some(&code("RARE")).await.unwrap();
    assert_eq!(few, Count { count: 20, more: false });
    let planned = async |most| {
        let filter = code("RARE");
        let (from, cutoff_ms) = (State::Dead, i64::MAX);
        let filter = &filter;
        let asked = Asked { filter, from, since_ms: None, cutoff_ms, with_body: false, most };
        let plan = letters.plan(asked).await.unwrap();
        (plan.count, plan.more, plan.oldest_ms, plan.newest_ms)
    };
    assert_eq!(planned(20).await, (20, false, Some(4), Some(19_004)));
    assert_eq!(planned(19).await, (19, true, Some(4), None));
    letters.records.close().await;
    test.end().await;
}

on_every_database! {
    every_list_and_filter_of_letters_is_found_by_an_index
    a_list_counts_no_further_than_is_quick_and_a_plan_as_far_as_is_said
}
