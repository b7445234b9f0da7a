//! Traces of the receiver, at a collector that a test plays.

use shared::message::Message;
use shared::testing::{Collector, Engine, Mood, SentSpan, amqp_url, on_every_engine, prefix};

use crate::delivery::{Delivery, SECRET, client};
use crate::events;
use crate::fixture::{Fixture, queues};
use crate::process::{Process, output};

const TOKEN: &str = "collector-s3cret";
/// Of somebody who forges.
const OTHER_SECRET: &str = "another-secret-of-an-app";

/// Flags that send all traces to `collector`, with a token.
fn traced(collector: &Collector) -> [String; 2] {
    [
        format!("--otel-exporter-otlp-endpoint={}", collector.endpoint()),
        format!("--otel-exporter-otlp-headers=authorization=Bearer%20{TOKEN},x-tenant=7"),
    ]
}

async fn start(engine: Engine, collector: &Collector, more: &[&str]) -> Fixture {
    let flags = traced(collector);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Fixture::start(engine, &flags).await
}

fn named<'a>(spans: &'a [SentSpan], name: &str) -> &'a SentSpan {
    let mut found = spans.iter().filter(|span| span.name == name);
    let (Some(span), None) = (found.next(), found.next()) else {
        panic!("not exactly one {name}: {spans:#?}")
    };
    span
}

async fn messages(fixture: &Fixture) -> Vec<Message> {
    fixture.work().await.into_values().flatten().collect()
}

async fn a_delivery_is_a_trace_that_its_events_carry_on(engine: Engine) {
    let collector = Collector::start();
    let fixture = start(engine, &collector, &[]).await;
    // Anybody could send one.
    let foreign = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let delivery = Delivery::new(events::body(&events::batch(3))).header("traceparent", foreign);
    fixture.deliver(&delivery).await.assert_received(3);
    let spans = collector.spans_when(|spans| spans.len() == 2).await;
    let receipt = named(&spans, "POST /webhooks/hubspot");
    let publish = named(&spans, "publish work");
    assert_eq!(format!("{:?} {:?}", receipt.kind, publish.kind), "Server Producer");
    assert_eq!((receipt.parent_id.as_str(), receipt.is_error), ("", false));
    assert_eq!(receipt.service, "hubline-receiver");
    let said = ["events", "unreadable", "http.response.status_code"];
    assert_eq!(said.map(|key| receipt.attribute(key)), ["3", "0", "200"]);
    assert_eq!(publish.parent_id, receipt.span_id);
    assert_eq!(publish.trace_id, receipt.trace_id);
    assert_eq!(publish.attribute("messaging.batch.message_count"), "3");
    let expected = format!("00-{}-{}-01", receipt.trace_id, receipt.span_id);
    for message in messages(&fixture).await {
        assert_eq!(message.traceparent.as_deref(), Some(expected.as_str()));
    }
    assert_ne!(receipt.trace_id, &foreign[3..35]);
    assert_eq!(collector.header("authorization"), Some(format!("Bearer {TOKEN}")));
    assert_eq!(collector.header("x-tenant").as_deref(), Some("7"));
    fixture.finish().await;
}

async fn with_no_share_nothing_is_sent_and_messages_say_so(engine: Engine) {
    let collector = Collector::start();
    let fixture = start(engine, &collector, &["--otel-traces-sampler-arg=0"]).await;
    fixture.post(events::body(&events::batch(2))).await.assert_received(2);
    for message in messages(&fixture).await {
        assert!(!message.trace_context().unwrap().sampled, "{message:?}");
    }
    // Sends what is left.
    fixture.finish().await;
    assert!(collector.spans().is_empty());
}

async fn without_an_endpoint_messages_still_have_a_context(engine: Engine) {
    let fixture = Fixture::start(engine, &["--otel-exporter-otlp-endpoint="]).await;
    fixture.post(events::body(&events::batch(2))).await.assert_received(2);
    for message in messages(&fixture).await {
        assert!(!message.trace_context().unwrap().sampled, "{message:?}");
    }
    fixture.finish().await;
}

async fn a_collector_that_hangs_holds_nothing_up(engine: Engine) {
    let collector = Collector::start();
    collector.set(Mood::Hangs);
    let fixture = start(engine, &collector, &[]).await;
    fixture.post(events::body(&events::batch(1))).await.assert_received(1);
    collector.asked(1).await;
    // One batch hangs now; another must wait until the end, and is given up there.
    fixture.post(events::body(&events::batch(1))).await.assert_received(1);
    assert_eq!(messages(&fixture).await.len(), 2);
    fixture.finish().await;
}

async fn what_a_collector_refuses_is_lost_and_what_follows_is_not(engine: Engine) {
    let collector = Collector::start();
    collector.set(Mood::Refuses(500));
    let fixture = start(engine, &collector, &[]).await;
    fixture.post(events::body(&events::batch(1))).await.assert_received(1);
    collector.asked(1).await;
    collector.set(Mood::Takes);
    fixture.post(events::body(&events::batch(2))).await.assert_received(2);
    let spans = collector.spans_when(|spans| spans.len() >= 2).await;
    assert_eq!(named(&spans, "POST /webhooks/hubspot").attribute("events"), "2");
    assert_eq!(messages(&fixture).await.len(), 3);
    fixture.finish().await;
}

async fn a_forged_delivery_has_a_span_without_its_body(engine: Engine) {
    let collector = Collector::start();
    let fixture = start(engine, &collector, &[]).await;
    let forged = Delivery::new(r#"[{"name":"d3al-body"}]"#).secret(OTHER_SECRET);
    fixture.deliver(&forged).await.assert_refused(401, "signature_mismatch");
    let spans = collector.spans_when(|spans| !spans.is_empty()).await;
    let receipt = named(&spans, "POST /webhooks/hubspot");
    assert_eq!(receipt.attribute("http.response.status_code"), "401");
    assert_eq!(receipt.attribute("error.type"), "signature_mismatch");
    // It is the caller's failing, not ours.
    assert!(!receipt.is_error);
    let shown = format!("{spans:?}");
    assert!(!shown.contains("d3al") && !shown.contains(&forged.signature()), "{shown}");
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_the_broker_does_not_take_has_a_failed_span() {
    let collector = Collector::start();
    let flags = traced(&collector);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let fixture = Fixture::start_at("amqp://127.0.0.1:1/%2f", &amqp_url(), &flags).await;
    let answer = fixture.post(events::body(&events::batch(4))).await;
    answer.assert_refused(503, "broker_unavailable");
    let spans = collector.spans_when(|spans| spans.len() == 2).await;
    let receipt = named(&spans, "POST /webhooks/hubspot");
    let publish = named(&spans, "publish work");
    assert!(receipt.is_error && publish.is_error, "{spans:#?}");
    let said = ["events", "http.response.status_code", "error.type"];
    assert_eq!(said.map(|key| receipt.attribute(key)), ["4", "503", "broker_unavailable"]);
    assert_eq!(publish.attribute("error.type"), "unavailable");
    fixture.finish().await;
}

/// The program's log, in which nothing secret may stand, at its most talkative.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_have_the_ids_of_the_trace_and_no_secret() {
    let (collector, prefix, url) = (Collector::start(), prefix(), amqp_url());
    let mut process = Process::start(
        &url,
        &prefix,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
            ("OTEL_EXPORTER_OTLP_HEADERS", &format!("authorization=Bearer%20{TOKEN}")),
            ("LOG_LEVEL", "trace"),
        ],
    )
    .await;
    process.ready().await;
    let (client, address) = (client(), process.address);
    let delivery = Delivery::new(events::body(&events::batch(1)));
    delivery.send(&client, address).await.assert_received(1);
    let received = process.said("delivery received").await;
    let forged = delivery.secret(OTHER_SECRET);
    forged.send(&client, address).await.assert_refused(401, "signature_mismatch");
    let refused = process.said("request rejected").await;
    let spans = collector
        .spans_when(|spans| spans.iter().filter(|span| span.parent_id.is_empty()).count() == 2)
        .await;
    for (line, status) in [(&received, "200"), (&refused, "401")] {
        let is_it = |span: &&SentSpan| span.attribute("http.response.status_code") == status;
        let span = spans.iter().find(is_it).unwrap();
        assert_eq!(line["trace.id"], span.trace_id, "{line}");
        assert_eq!(line["span.id"], span.span_id, "{line}");
    }
    // Once: the second batch is lost as silently as a third would be.
    collector.set(Mood::Refuses(500));
    forged.send(&client, address).await.assert_refused(401, "signature_mismatch");
    let dropped = process.said("spans dropped").await;
    assert_eq!(dropped["spans"], 1, "{dropped}");
    process.terminate();
    let (status, log) = process.ended_saying().await;
    assert!(status.success(), "{status}");
    assert!(!log.is_empty());
    for secret in [TOKEN, SECRET, OTHER_SECRET] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    assert_eq!(queues(&url, &prefix).await.end().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traces_log_lines_have_the_trace_of_the_messages() {
    let (prefix, url) = (prefix(), amqp_url());
    let mut process = Process::start(&url, &prefix, &[]).await;
    process.ready().await;
    let delivery = Delivery::new(events::body(&events::batch(1)));
    delivery.send(&client(), process.address).await.assert_received(1);
    let received = process.said("delivery received").await;
    assert_eq!(received.get("span.id"), None, "{received}");
    process.terminate();
    assert!(process.ended().await.success());
    let queues = queues(&url, &prefix).await;
    let messages: Vec<Message> =
        crate::work::by_queue(&queues).await.into_values().flatten().collect();
    let context = messages[0].trace_context().unwrap();
    assert_eq!(received["trace.id"], context.trace_id.to_string(), "{received}");
    queues.end().await;
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector:4317/s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS_FILE", "/nowhere/headers"),
    ] {
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), (name, value)];
        let output = output(&[], &environment).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && !said.contains("s3cret"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = output(&["--otel-traces-sampler-arg=2"], &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("a number from 0 (none) to 1 (all)"), "{said}");
}

on_every_engine! {
    a_delivery_is_a_trace_that_its_events_carry_on
    with_no_share_nothing_is_sent_and_messages_say_so
    without_an_endpoint_messages_still_have_a_context
    a_collector_that_hangs_holds_nothing_up
    what_a_collector_refuses_is_lost_and_what_follows_is_not
    a_forged_delivery_has_a_span_without_its_body
}
