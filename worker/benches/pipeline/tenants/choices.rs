//! What a filter and a template cost by themselves, for one event of the usual size and shape.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::event::Event;
use shared::senders::Sender;
use worker::parts::forward::Choice;

use super::file::FILTER;
use crate::pipeline::http;
use crate::pipeline::process::own_cpu;
use crate::pipeline::report::{Report, Sample};
use crate::pipeline::scale::Scale;

const EVENTS: usize = 20_000;

pub(super) async fn measure(scale: Scale, report: &mut Report) {
    let count = scale.count(EVENTS);
    // Its bytes are read for each, as in a run.
    let known = Sender::HubSpot.identify(&http::event(1).into()).unwrap();
    let event = || {
        let (origin, topic, identity) = (&known.origin, &known.topic, &known.identity);
        Event::new(origin.clone(), topic.clone(), identity.clone(), known.body().clone())
    };
    let filter: Value = serde_json::from_str(FILTER).unwrap();
    let filter = Choice::read(Some(&filter), None).unwrap();
    let wants = async {
        for _ in 0..count {
            assert!(filter.may_want(&event()), "all of its conditions must hold");
        }
    };
    report.add("a filter of 10 conditions, by itself", sample(count, wants).await);

    let template = Choice::read(None, Some("deal-stage-alert")).unwrap();
    let record = json!({ "dealname": "ACME: 200 seats" });
    let made = async {
        for _ in 0..count {
            let made = template.made(&event(), Some(record.clone())).await.unwrap();
            assert!(made.is_some(), "the template must not drop it");
        }
    };
    report.add("deal-stage-alert, by itself", sample(count, made).await);
}

async fn sample(count: usize, work: impl Future<Output = ()>) -> Sample {
    let (cpu, started) = (own_cpu(), Instant::now());
    work.await;
    let mut sample = Sample::rate(count, started.elapsed().max(Duration::from_nanos(1)));
    sample.cpu = Some(own_cpu().saturating_sub(cpu));
    sample
}
