//! A broker with several addresses, one of which is silent: it takes connections and says nothing, as a
//! node does whose network is gone.

use shared::testing::{Proxy, amqp_url};

use crate::answer::eventually;
use crate::events;
use crate::fixture::Fixture;

/// Two ways to the broker.
async fn two_ways() -> [Proxy; 2] {
    let server = Proxy::server_of(&amqp_url());
    [Proxy::start(&server).await, Proxy::start(&server).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_silent_keeps_nobody_from_the_next() {
    let ways = two_ways().await;
    ways[0].silence();
    let url = Proxy::urls(&ways, &amqp_url());
    let fixture = Fixture::start_at(&url, &amqp_url(), &[]).await;
    fixture.ready().await;
    fixture.post(events::body(&events::batch(1))).await.assert_received(1);
    assert_eq!(fixture.work_bodies().await.len(), 1);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_silent_is_left_for_another_address() {
    let ways = two_ways().await;
    // Without heartbeats, which would tell as well, later.
    let url = format!("{}?heartbeat=0", Proxy::urls(&ways, &amqp_url()));
    let fixture = Fixture::start_at(&url, &amqp_url(), &[]).await;
    fixture.ready().await;
    ways[0].silence();
    // Nothing is published meanwhile: readiness tells by itself, and then what works.
    let failures = "hubline_broker_connection_failures_total";
    eventually("the silence is noticed", async || {
        (fixture.metric(failures).await > 0.5).then_some(())
    })
    .await;
    eventually("ready on the other way", async || {
        (fixture.admin("/readyz").await.status == 200).then_some(())
    })
    .await;
    fixture.post(events::body(&events::batch(1))).await.assert_received(1);
    assert_eq!(fixture.work_bodies().await.len(), 1);
    fixture.finish().await;
}
