//! The admin listener: alive, ready, measured, and why requests were refused.

use serde_json::{Value, json};
use shared::testing::{Engine, Proxy, amqp_url, on_every_engine};

use crate::answer::eventually;
use crate::delivery::{Delivery, ORIGIN, PATH, SECRET, client, read};
use crate::events;
use crate::fixture::Fixture;

fn delivery() -> Delivery {
    Delivery::new(events::body(&events::batch(1)))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_requests_are_explained_without_bodies_signatures_or_secrets() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    let inner = delivery()
        .target("/webhooks/hubspot?tenant=7")
        .signed_uri("http://10.0.0.7:8080/webhooks/hubspot?tenant=7")
        .header("x-forwarded-proto", "https")
        .header("authorization", "Bearer hunter2");
    fixture.deliver(&inner).await.assert_refused(401, "signature_mismatch");
    let late = delivery().signed_at(-301_000);
    fixture.deliver(&late).await.assert_refused(401, "timestamp_expired");
    let spaced = delivery().header("x-hubspot-signature-v3", "a b");
    fixture.deliver(&spaced).await.assert_refused(401, "signature_malformed");
    let url = format!("http://{}{PATH}", fixture.address());
    read(client().get(url)).await.unwrap().assert_refused(405, "method_not_allowed");

    let page = fixture.admin("/rejections").await;
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    for hidden in [SECRET, &inner.signature(), &late.signature(), "hunter2", "eventId", "a b"] {
        assert!(!page.body.contains(hidden), "{hidden} in {}", page.body);
    }
    let listed = page.json();
    let reasons: Vec<&Value> =
        listed.as_array().unwrap().iter().map(|one| &one["reason"]).collect();
    let newest_first =
        ["method_not_allowed", "signature_malformed", "timestamp_expired", "signature_mismatch"];
    assert_eq!(reasons, newest_first);
    assert_eq!(listed[0]["method"], "GET");
    assert!(listed[1]["hint"].as_str().unwrap().contains("+ into a space"));
    let distance = listed[2]["clock_distance_ms"].as_i64().unwrap();
    assert!((-400_000..=-301_000).contains(&distance), "{distance}");
    assert!(listed[2]["hint"].as_str().unwrap().contains("clock"));
    let mismatch = &listed[3];
    assert_eq!(mismatch["url"], format!("{ORIGIN}/webhooks/hubspot?tenant=…"));
    assert!(mismatch["hint"].as_str().unwrap().contains("rebuilt URL"));
    assert!(mismatch["at_ms"].as_i64().unwrap() > 1_700_000_000_000);
    assert!(mismatch["clock_distance_ms"].as_i64().unwrap().abs() < 60_000);
    let headers = texts(&mismatch["headers"]);
    for shown in ["x-hubspot-signature-v3", "authorization", "x-forwarded-proto: https"] {
        assert!(headers.contains(&shown), "{headers:?}");
    }
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hint_suspects_the_missing_public_url_and_the_wrong_path() {
    let fixture = Fixture::start(Engine::Cluster, &["--public-url="]).await;
    fixture.deliver(&delivery()).await.assert_refused(401, "signature_mismatch");
    fixture.deliver(&delivery().target("/hooks")).await.assert_refused(404, "not_found");
    // A scanner's request is refused as well, but explains nothing.
    fixture
        .deliver(&delivery().target("/wp-login.php").without("x-hubspot-signature-v3"))
        .await
        .assert_refused(404, "not_found");
    let listed = fixture.admin("/rejections").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(listed[0]["hint"].as_str().unwrap().contains("WEBHOOK_PATH"), "{listed}");
    assert!(listed[1]["hint"].as_str().unwrap().contains("PUBLIC_URL"), "{listed}");
    assert_eq!(listed[1]["url"], format!("https://{}{PATH}", fixture.address()));
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_refusals_of_a_reason_are_kept_and_all_are_counted() {
    let fixture = Fixture::start(Engine::Cluster, &[]).await;
    fixture.deliver(&delivery().signed_at(-301_000)).await.assert_refused(401, "timestamp_expired");
    for n in 0..35 {
        let refused = delivery().header("user-agent", &format!("no{n}")).secret("another-s3cret");
        fixture.deliver(&refused).await.assert_refused(401, "signature_mismatch");
    }
    let listed = fixture.admin("/rejections").await.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 21);
    let agent = |of: &Value| texts(&of["headers"]).contains(&"user-agent: no34");
    assert!(agent(&listed[0]) && !agent(&listed[1]));
    assert!(texts(&listed[19]["headers"]).contains(&"user-agent: no15"));
    assert_eq!(listed[20]["reason"], "timestamp_expired");
    let counted = fixture.metric(r#"hubline_rejections_total{reason="signature_mismatch"}"#).await;
    assert!((counted - 35.0).abs() < 0.5);
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_broker_and_liveness_does_not() {
    let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
    let fixture = Fixture::start_at(&proxy.url(&amqp_url()), &amqp_url(), &[]).await;
    fixture.ready().await;
    let ready = fixture.admin("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()),
        (200, json!({"ready": true, "checks": {"broker": "up"}}))
    );
    proxy.cut();
    let unready = eventually("not ready", async || {
        let page = fixture.admin("/readyz").await;
        (page.status == 503).then_some(page)
    });
    let unready = unready.await.json();
    assert_eq!(unready["ready"], false);
    let why = unready["checks"]["broker"].as_str().unwrap();
    assert!(why.starts_with("down: ") && why.len() > "down: ".len(), "{why}");
    assert_eq!(fixture.admin("/livez").await.status, 200);
    assert!(fixture.metric("hubline_publisher_up").await.abs() < 0.5);
    proxy.restore();
    fixture.ready().await;
    eventually("ready again", async || {
        (fixture.admin("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert!((fixture.metric("hubline_publisher_up").await - 1.0).abs() < 0.5);
    assert!(fixture.metric("hubline_broker_connection_failures_total").await > 0.5);
    fixture.finish().await;
}

async fn what_happened_is_measured(engine: Engine) {
    let fixture = Fixture::start(engine, &["--business-hours", "always"]).await;
    let mixed = format!("[{},{},17]", events::fresh(), events::fresh());
    fixture.post(mixed).await.assert_received(3);
    fixture
        .deliver(&delivery().secret("another-s3cret"))
        .await
        .assert_refused(401, "signature_mismatch");
    // The state of a data file is measured a moment after it is known.
    eventually("measured as up", async || {
        (fixture.metric("hubline_publisher_up").await > 0.5).then_some(())
    })
    .await;
    let page = fixture.admin("/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        r#"hubline_receipts_total{status="200"} 1"#,
        r#"hubline_receipts_total{status="401"} 1"#,
        r#"hubline_rejections_total{reason="signature_mismatch"} 1"#,
        r#"hubline_signatures_total{version="v3"} 1"#,
        "hubline_request_seconds_count 2",
        "hubline_received_events_total 3",
        "hubline_unreadable_events_total 1",
        "hubline_requests_in_flight 0",
        r#"hubline_publishes_total{route="work",result="confirmed"} 2"#,
        r#"hubline_publishes_total{route="dead",result="confirmed"} 1"#,
        "hubline_confirm_seconds_count 1",
        "hubline_publisher_up 1",
        "hubline_publisher_blocked 0",
        "hubline_business_hours 1.0",
        r#"hubline_receipts_total{status="503"} 0"#,
        concat!(
            r#"hubline_build_info{program="receiver",version=""#,
            env!("CARGO_PKG_VERSION"),
            r#""} 1"#
        ),
        "hubline_broker_connection_failures_total 0",
    ] {
        assert!(page.body.lines().any(|found| found == line), "{line} not in\n{}", page.body);
    }
    assert!(page.body.ends_with("# EOF\n"));
    // Every metric says what it is.
    for family in page.body.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = family.split(' ').next().unwrap();
        assert!(name.starts_with("hubline_"), "{name}");
        assert!(page.body.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert_eq!(fixture.work_bodies().await.len(), 2);
    assert_eq!(fixture.queues.drain("dead").await.len(), 1);
    fixture.finish().await;
}

on_every_engine! {
    what_happened_is_measured
}
