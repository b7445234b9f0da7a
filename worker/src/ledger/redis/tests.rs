//! Calls that Redis answers with an error, though it is there.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use deadpool_redis::redis::{AsyncTypedCommands as _, Client};
use prometheus_client::registry::Registry;
use shared::broker::Lane;
use shared::testing::{prefix, redis_url};

use super::*;
use crate::warnings::Warnings;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_call_that_is_answered_with_errors_again_and_again_is_told_once() {
    let warnings = Warnings::default();
    let _logging = tracing::subscriber::set_default(warnings.clone());
    let prefix = prefix();
    let options = LedgerOptions {
        url: redis_url().into(),
        prefix: prefix.clone(),
        lease: LONG,
        retention: LONG,
    };
    let metrics = WorkerMetrics::register(&mut Registry::default(), false);
    let ledger = Ledger::start(options, metrics).unwrap();
    let mut redis =
        Client::open(redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    // Somebody else's.
    let key = format::state_key(&prefix, Of::Calls, "erp");
    redis.sadd(&key, "x").await.unwrap();
    let way = Way { key: "erp".to_owned(), cap: 2, lease: LONG };
    let (origin, lane, waited) = ("hubspot/1", Lane::Work, Duration::ZERO);
    let caller = Caller { origin, lane, is_placed: true, waited };
    let enter = || ledger.enter(&way, caller, false);
    let mut entering = std::pin::pin!(join_all([enter(), enter(), enter()]));
    let told = async {
        while warnings.said().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        passages = &mut entering => panic!("{passages:?}"),
        told = tokio::time::timeout(LONG, told) => told.unwrap(),
    }
    assert!(ledger.is_up());
    redis.del(&key).await.unwrap();
    let passages = tokio::time::timeout(LONG, entering).await.unwrap();
    assert!(passages.iter().any(|passage| matches!(passage, Passage::Open { .. })));
    let said = warnings.said();
    assert!(said.len() == 1 && said[0].contains("WRONGTYPE"), "{said:?}");
    assert!(said[0].contains("operation=\"gate\""), "{said:?}");
}
