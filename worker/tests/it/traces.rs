//! A delivery's trace from its receipt to the end of its handlers: a real receiver and worker, at
//! a collector that a test plays.

use clap::Parser as _;
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use shared::broker::Lane;
use shared::senders::hubspot::signature::{ClientSecret, Version};
use shared::settings::TraceSettings;
use shared::testing::{Collector, Mood, SentSpan};
use worker::parts::Worker;
use worker::parts::poster::Poster;
use worker::stand_ins::{Call, Fault, StandIns};

use crate::harness::{
    Engine, Rig, TARGET, deal, fresh, on_every_engine, probed, wait_for_verdicts, within,
};

const SECRET: &str = "traced-s3cret-of-the-app";

/// Receiver, worker with the built-in handlers, and the systems they call.
struct Line {
    rig: Rig,
    collector: Collector,
    stand_ins: StandIns,
    receiver: Receiver,
    worker: Worker,
}

impl Line {
    async fn start(engine: Engine, share: &str) -> Self {
        let (collector, stand_ins) = (Collector::start(), StandIns::start().await.unwrap());
        let mut rig = Rig::on(engine, &[]).await;
        let settings = ReceiverSettings::try_parse_from([
            "receiver",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            &format!("--hubspot-client-secret={SECRET}"),
            &format!("--otel-exporter-otlp-endpoint={}", collector.endpoint()),
            &format!("--otel-traces-sampler-arg={share}"),
        ])
        .unwrap();
        rig.settings.trace = settings.trace.clone();
        rig.settings.processing.integrations = stand_ins.settings();
        let receiver = Receiver::on(&rig.queues.broker(), &settings).unwrap();
        within("the receiver", receiver.ready()).await;
        let worker = rig.worker(|registry| {
            *registry = worker::handlers::registry(&rig.settings.processing.integrations).unwrap();
        });
        Self { rig, collector, stand_ins, receiver, worker }
    }

    async fn deliver(&self, body: &str) {
        let url = format!("http://{}/webhooks/hubspot", self.receiver.address());
        let secret = ClientSecret::new(SECRET.to_owned()).unwrap();
        let poster = Poster::new(&url, None, secret, Version::V3).unwrap();
        let answer = poster.send(body.as_bytes().to_vec()).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn finish(self) -> Collector {
        within("the receiver's end", self.receiver.stop()).await;
        within("the worker's end", self.worker.stop()).await;
        self.rig.finish().await;
        self.collector
    }
}

/// A contact's creation: one step, which calls the ERP.
fn contact(id: u64) -> String {
    deal(id).replace("deal.creation", "contact.creation")
}

fn with_verdict<'a>(spans: &'a [SentSpan], verdict: &str) -> Option<&'a SentSpan> {
    spans.iter().find(|span| span.attribute("verdict") == verdict)
}

fn child<'a>(spans: &'a [SentSpan], parent: &SentSpan, name: &str) -> &'a SentSpan {
    let is_it = |span: &&SentSpan| span.parent_id == parent.span_id && span.name == name;
    spans.iter().find(is_it).unwrap_or_else(|| panic!("no {name} under {parent:?}: {spans:#?}"))
}

async fn receipt_runs_steps_and_calls_are_one_trace_over_retries(engine: Engine) {
    let line = Line::start(engine, "1").await;
    line.stand_ins.put_contact(7);
    line.stand_ins.fail(Fault::new("erp", 503).on("PUT", "/customers/7").times(1));
    line.deliver(&format!("[{}]", contact(7))).await;
    let spans = line
        .collector
        .spans_when(|spans| {
            with_verdict(spans, "succeeded").is_some()
                && with_verdict(spans, "retried").is_some()
                && spans.iter().any(|span| span.parent_id.is_empty())
        })
        .await;

    let receipt = spans.iter().find(|span| span.parent_id.is_empty()).unwrap();
    assert!(spans.iter().all(|span| span.trace_id == receipt.trace_id), "{spans:#?}");
    assert_eq!(
        (receipt.service.as_str(), receipt.name.as_str()),
        ("hubline-receiver", "POST /webhooks/hubspot")
    );
    child(&spans, receipt, "publish work");

    let (failed, succeeded) =
        (with_verdict(&spans, "retried").unwrap(), with_verdict(&spans, "succeeded").unwrap());
    for (run, attempt) in [(failed, "0"), (succeeded, "1")] {
        assert_eq!((run.name.as_str(), run.service.as_str()), ("process work", "hubline-worker"));
        assert_eq!(format!("{:?}", run.kind), "Consumer");
        assert_eq!(run.parent_id, receipt.span_id);
        assert_eq!(run.links, [(receipt.trace_id.clone(), receipt.span_id.clone())]);
        let said = ["handler", "attempt", "event.type", "origin"];
        let expected = ["on_contact_created", attempt, "contact.creation", "hubspot/62515"];
        assert_eq!(said.map(|key| run.attribute(key)), expected);
        assert!(!run.attribute("event.id").is_empty());
        let step = child(&spans, run, "step erp");
        let call = child(&spans, step, "PUT");
        assert_eq!(format!("{:?} {:?}", step.kind, call.kind), "Internal Client");
        assert_eq!(call.attribute("api"), "erp");
        assert_eq!(
            (run.is_error, step.is_error, call.is_error),
            (attempt == "0", attempt == "0", attempt == "0")
        );
    }
    assert_eq!(failed.attribute("error.type"), "ERP_5XX");
    let retry = child(&spans, failed, "publish retry");
    assert_eq!(format!("{:?}", retry.kind), "Producer");
    // HubSpot is asked at the second attempt whether the contact is there: outside of the step.
    assert_eq!(child(&spans, succeeded, "GET").attribute("api"), "hubspot");
    let shown = format!("{spans:?}");
    assert!(!shown.contains("stand-in") && !shown.contains(SECRET), "{shown}");
    line.finish().await;
}

async fn with_no_share_the_worker_traces_nothing_either(engine: Engine) {
    let line = Line::start(engine, "0").await;
    line.stand_ins.put_contact(7);
    line.deliver(&format!("[{}]", contact(7))).await;
    let put = |call: &Call| call.api == "erp" && call.method == "PUT";
    within("the customer", line.stand_ins.wait_for(1, put)).await;
    wait_for_verdicts(&line.worker, "succeeded", 1).await;
    // Each sends what is left at its end.
    assert!(line.finish().await.spans().is_empty());
}

async fn a_collector_that_hangs_delays_no_handler_and_no_end(engine: Engine) {
    let line = Line::start(engine, "1").await;
    line.collector.set(Mood::Hangs);
    for id in 1..=20 {
        line.stand_ins.put_contact(id);
        line.deliver(&format!("[{}]", contact(id))).await;
    }
    let put = |call: &Call| call.api == "erp" && call.method == "PUT";
    within("the customers", line.stand_ins.wait_for(20, put)).await;
    line.collector.asked(1).await;
    line.finish().await;
}

/// What the settings of a worker say, without a receiver.
fn traced(collector: &Collector) -> TraceSettings {
    TraceSettings {
        otel_exporter_otlp_endpoint: Some(collector.endpoint()),
        otel_exporter_otlp_headers: None,
        otel_exporter_otlp_headers_file: None,
        otel_traces_sampler_arg: 1.0,
    }
}

async fn a_message_with_a_broken_context_begins_a_trace_of_its_own(engine: Engine) {
    let collector = Collector::start();
    let mut rig = Rig::on(engine, &[]).await;
    rig.settings.trace = traced(&collector);
    let worker = rig.worker(|registry| probed(registry, async |_, _| Ok(())));
    let mut message = fresh(&deal(1));
    message.traceparent = Some("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01".into());
    rig.publish_to(Lane::Work, message).await;
    let spans = collector.spans_when(|spans| !spans.is_empty()).await;
    let [run] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((run.parent_id.as_str(), run.links.len()), ("", 0));
    assert_eq!((run.attribute("handler"), run.attribute("verdict")), (TARGET, "succeeded"));
    within("the worker's end", worker.stop()).await;
    rig.finish().await;
}

on_every_engine! {
    receipt_runs_steps_and_calls_are_one_trace_over_retries
    with_no_share_the_worker_traces_nothing_either
    a_collector_that_hangs_delays_no_handler_and_no_end
    a_message_with_a_broken_context_begins_a_trace_of_its_own
}
