#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use bytes::Bytes;
use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;
use crate::records::dead_letters::claims::ClaimOf;
use crate::records::dead_letters::filter::Filter;
use crate::records::dead_letters::fingerprint::fingerprint;
use crate::records::dead_letters::handle::DeadLetters;
use crate::records::handle::Records;
use crate::records::runs::at_work::AtWork;

fn arrival(number: u64, attempt: i64, code: &str) -> Arrival {
    Arrival {
        identity: format!("{number:064x}"),
        target: "t".to_owned(),
        generation: 0,
        attempt,
        queue: "dead",
        origin: Origin::hubspot(1),
        subscription_type: "x".to_owned(),
        object_id: None,
        contact_id: None,
        reason: "permanent",
        code: code.to_owned(),
        error: "e".to_owned(),
        fingerprint: fingerprint("t", code, "e"),
        received_ms: 0,
        died_ms: now_ms(),
        traceparent: None,
        job_id: None,
        published_as: 0,
        steps: String::new(),
        body: Bytes::from_static(b"{}"),
    }
}

const AT: AtWork<'static> = AtWork { job_id: 1, owner: "somebody" };
const JOB: &str = "
    INSERT INTO job (id, kind, who, scope, filter, cutoff_ms, generation, rate, state, reason, planned,
        planned_more, published, succeeded, failing, died, skipped, recent, trusted, created_ms, state_ms, place_ms, place_id, owner,
        owned_until_ms) VALUES
        (1, 'retry', '', '', '', 0, 1, 0, 'running', '', 0, FALSE, 0, 0, 0, 0, 0, '', FALSE,
            0, 0, 0, 0, 'somebody', 0);
";

/// Letters of one problem die again of another while others of both are claimed.
async fn whoever_meets_another_in_a_ring_tries_again(engine: DatabaseEngine) {
    let test = TestDatabase::new(engine).await;
    let records = Records::new(&SecretString::from(test.url())).unwrap();
    let letters = DeadLetters::new(records.clone());
    let database = records.ready().await.unwrap().clone();
    test.run(JOB).await;
    let (one, other) = if fingerprint("t", "A", "e") < fingerprint("t", "B", "e") {
        ("A", "B")
    } else {
        ("B", "A")
    };
    for round in 0..10 {
        let some: Vec<Arrival> = (0..100)
            .map(|n| arrival(round * 100 + n, 1, if n % 2 == 0 { one } else { other }))
            .collect();
        index(&database, &some).await.unwrap();
    }
    let claiming = {
        let letters = letters.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                let filter = Filter::default();
                let claim = ClaimOf {
                    at: AT,
                    filter: &filter,
                    cutoff_ms: i64::MAX,
                    after: i64::MIN,
                    limit: 20,
                };
                letters.claim_for_job(claim).await.unwrap();
            }
        })
    };
    for round in 0..150_u64 {
        let attempt = 2 + i64::try_from(round).unwrap();
        let some: Vec<Arrival> =
            (0..10).map(|n| arrival((round * 6 + n * 2) % 1000, attempt, other)).collect();
        index(&database, &some).await.unwrap();
        let claimed = letters.claimed(1).await.unwrap();
        let ids: Vec<i64> = claimed.iter().take(20).map(|letter| letter.letter.id).collect();
        letters.mark_retried(AT, &ids).await.unwrap();
    }
    claiming.await.unwrap();
    records.close().await;
    test.end().await;
}

on_every_database! { whoever_meets_another_in_a_ring_tries_again }
