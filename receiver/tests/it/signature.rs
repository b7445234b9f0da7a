//! Who gets in: only a valid signature under a live secret publishes.

use shared::senders::hubspot::signature::Version;
use shared::testing::{Engine, on_every_engine};

use crate::answer::Answer;
use crate::delivery::{Delivery, ORIGIN, PATH, PREVIOUS_SECRET, SECRET};
use crate::events;
use crate::fixture::Fixture;

const V3: &str = "x-hubspot-signature-v3";
const TIMESTAMP: &str = "x-hubspot-request-timestamp";
/// All twelve escapes that HubSpot decodes before it signs, and others that it leaves.
const ESCAPED: &str = "/webhooks/hubspot?to=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B&low=%3a%2f&kept=%20%26%3D%2B%25%253A";
const DECODED: &str = "/webhooks/hubspot?to=:/?@!$'()*,;&low=:/&kept=%20%26%3D%2B%25%253A";

fn delivery() -> Delivery {
    Delivery::new(events::body(&events::batch(2)))
}

fn over(version: Version) -> Delivery {
    delivery().version(version)
}

async fn a_request_without_a_valid_signature_is_refused_and_nothing_is_published(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let forged = delivery().signature();
    let with_space = forged.replacen(|c: char| c.is_ascii_alphanumeric(), " ", 1);
    let cases = [
        (delivery().without(V3), "signature_missing"),
        (delivery().header(V3, ""), "signature_malformed"),
        (delivery().header(V3, "no base64"), "signature_malformed"),
        (delivery().header(V3, &with_space), "signature_malformed"),
        (delivery().header(V3, &forged[..40]), "signature_malformed"),
        (delivery().header(V3, &forged), "signature_mismatch"),
        (delivery().secret("another-s3cret"), "signature_mismatch"),
        (delivery().secret(PREVIOUS_SECRET), "signature_mismatch"),
        (delivery().signed_uri(&format!("http://hooks.example.com{PATH}")), "signature_mismatch"),
        (delivery().signed_uri(&format!("{ORIGIN}{PATH}?more=1")), "signature_mismatch"),
        (delivery().without(TIMESTAMP), "timestamp_missing"),
        (delivery().timestamp("yesterday"), "timestamp_malformed"),
        (delivery().timestamp("-1"), "timestamp_malformed"),
        (delivery().signed_at(-301_000), "timestamp_expired"),
        (delivery().signed_at(303_000), "timestamp_in_future"),
        (delivery().signed_at(-301_000).secret("another-s3cret"), "timestamp_expired"),
        (over(Version::V1), "signature_missing"),
        (over(Version::V2), "signature_missing"),
    ];
    for (delivery, code) in &cases {
        fixture.deliver(delivery).await.assert_refused(401, code);
    }
    let tampered = delivery();
    let other = delivery().header(V3, &tampered.signature());
    fixture.deliver(&other).await.assert_refused(401, "signature_mismatch");
    // The log of what was confirmed or tried stays empty, and so do the queues.
    let metrics = fixture.admin("/metrics").await.body;
    let published = metrics.lines().filter(|line| line.starts_with("hubline_publishes_total{"));
    assert!(published.clone().count() > 0 && published.clone().all(|line| line.ends_with(" 0")));
    fixture.finish().await;
}

async fn five_minutes_either_way_are_tolerated(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    for distance_ms in [-295_000, 295_000] {
        let sent = delivery().signed_at(distance_ms);
        fixture.deliver(&sent).await.assert_received(2);
    }
    assert_eq!(fixture.work_bodies().await.len(), 4);
    fixture.finish().await;
}

async fn old_signatures_count_only_where_the_operator_said_so(engine: Engine) {
    let fixture = Fixture::start(engine, &["--accept-signatures=v3,v2,v1"]).await;
    for version in [Version::V1, Version::V2, Version::V3] {
        fixture.deliver(&over(version)).await.assert_received(2);
    }
    let wrong = over(Version::V1).secret("another-s3cret");
    fixture.deliver(&wrong).await.assert_refused(401, "signature_mismatch");
    // Version 3 is there and wrong: the older one beside it does not stand in for it.
    let v1 = over(Version::V1);
    let (signature, both) = (v1.signature(), v1.clone().header(V3, &delivery().signature()));
    let both = both.header(TIMESTAMP, &shared::clock::now_ms().to_string());
    assert!(both.headers().contains(&("x-hubspot-signature".to_owned(), signature)));
    fixture.deliver(&both).await.assert_refused(401, "signature_mismatch");
    assert_eq!(fixture.work_bodies().await.len(), 6);
    fixture.finish().await;
}

async fn a_delivery_that_carries_versions_1_and_3_is_judged_by_version_3(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let v3 = delivery();
    let v1 = v3.clone().version(Version::V1).signature();
    let both = v3.header("x-hubspot-signature", &v1).header("x-hubspot-signature-version", "v1");
    fixture.deliver(&both).await.assert_received(2);
    assert_eq!(fixture.work_bodies().await.len(), 2);
    fixture.finish().await;
}

async fn both_secrets_are_live_during_a_rotation(engine: Engine) {
    let previous = format!("--hubspot-client-secret-previous={PREVIOUS_SECRET}");
    let fixture = Fixture::start(engine, &[&previous]).await;
    for secret in [SECRET, PREVIOUS_SECRET] {
        fixture.deliver(&delivery().secret(secret)).await.assert_received(2);
    }
    fixture
        .deliver(&delivery().secret("another-s3cret"))
        .await
        .assert_refused(401, "signature_mismatch");
    assert_eq!(fixture.work_bodies().await.len(), 4);
    fixture.finish().await;
}

async fn without_a_public_url_the_host_header_tells_the_origin(engine: Engine) {
    let fixture = Fixture::start(engine, &["--public-url="]).await;
    let at_socket = format!("https://{}{PATH}", fixture.address());
    fixture.deliver(&delivery().signed_uri(&at_socket)).await.assert_received(2);
    let behind_proxy = delivery()
        .header("host", "hooks.example.org")
        .signed_uri(&format!("https://hooks.example.org{PATH}"));
    fixture.deliver(&behind_proxy).await.assert_received(2);
    fixture.deliver(&delivery()).await.assert_refused(401, "signature_mismatch");
    assert_eq!(fixture.work_bodies().await.len(), 4);
    fixture.finish().await;
}

async fn the_public_url_outweighs_the_host_header(engine: Engine) {
    let fixture = Fixture::start(engine, &["--public-url=https://hooks.example.org:8443/"]).await;
    let sent = delivery()
        .header("host", "10.0.0.7")
        .signed_uri(&format!("https://hooks.example.org:8443{PATH}"));
    fixture.deliver(&sent).await.assert_received(2);
    assert_eq!(fixture.work_bodies().await.len(), 2);
    fixture.finish().await;
}

async fn what_a_gateway_takes_off_the_path_is_a_setting(engine: Engine) {
    let fixture = Fixture::start(engine, &["--public-url=https://hooks.example.com/prod"]).await;
    let signed = delivery().signed_uri(&format!("https://hooks.example.com/prod{PATH}"));
    fixture.deliver(&signed).await.assert_received(2);
    // Without the setting's part the signature does not match, and what is missing is hinted at.
    let stripped = delivery()
        .signed_uri(&format!("https://hooks.example.com/stage{PATH}"))
        .header("x-forwarded-prefix", "/stage");
    fixture.deliver(&stripped).await.assert_refused(401, "signature_mismatch");
    let listed = fixture.admin("/rejections").await.json();
    assert!(listed[0]["hint"].as_str().unwrap().contains("PUBLIC_URL"), "{listed}");
    assert_eq!(listed[0]["url"], format!("https://hooks.example.com/prod{PATH}"));
    assert_eq!(fixture.work_bodies().await.len(), 2);
    fixture.finish().await;
}

async fn the_twelve_escapes_may_be_signed_decoded_or_as_they_stand(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let called = |signed: &str| delivery().target(ESCAPED).signed_uri(&format!("{ORIGIN}{signed}"));
    for signed in [ESCAPED, DECODED] {
        fixture.deliver(&called(signed)).await.assert_received(2);
    }
    for signed in [DECODED.replace("%20", " "), DECODED.replace("%253A", "%3A")] {
        let answer: Answer = fixture.deliver(&called(&signed)).await;
        answer.assert_refused(401, "signature_mismatch");
    }
    assert_eq!(fixture.work_bodies().await.len(), 4);
    fixture.finish().await;
}

on_every_engine! {
    a_request_without_a_valid_signature_is_refused_and_nothing_is_published
    five_minutes_either_way_are_tolerated
    old_signatures_count_only_where_the_operator_said_so
    a_delivery_that_carries_versions_1_and_3_is_judged_by_version_3
    both_secrets_are_live_during_a_rotation
    without_a_public_url_the_host_header_tells_the_origin
    the_public_url_outweighs_the_host_header
    what_a_gateway_takes_off_the_path_is_a_setting
    the_twelve_escapes_may_be_signed_decoded_or_as_they_stand
}
