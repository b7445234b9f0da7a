//! What there is to count is there from the start, and no longer than it can be counted.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shared::message::DeathReason;
use shared::metrics::{BrokerMetrics, PublishResult, encode, registry};
use shared::{broker::Destination, retry::RetrySchedule};

use super::apis::ApiStatus;
use super::ledger::LedgerResult;
use super::rooms::BudgetResult;
use super::*;
use crate::service::Service;

const VERDICTS: [&str; 2] = ["succeeded", "held"];

/// The label sets of a counter, in a registry that nothing has happened in.
fn there(text: &str, counter: &str) -> BTreeSet<String> {
    let begins = format!("{counter}{{");
    let labels = text.lines().filter_map(|line| line.strip_prefix(&begins));
    labels.filter_map(|rest| rest.strip_suffix("} 0")).map(str::to_owned).collect()
}

/// Every pair of two labels' values.
fn pairs(one: &str, first: &[&str], other: &str, second: &[&str]) -> BTreeSet<String> {
    let with = |value: &&str| {
        let value = (*value).to_owned();
        second.iter().map(move |another| format!("{one}=\"{value}\",{other}=\"{another}\""))
    };
    first.iter().flat_map(with).collect()
}

#[test]
fn every_counter_is_there_from_the_start_with_every_label() {
    let handlers = ["on_deal_created", "none"];
    let mut registry = registry("worker");
    let metrics = WorkerMetrics::register(&mut registry, false);
    BrokerMetrics::register(&mut registry);
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let schedule = RetrySchedule::new(hour, 5.0, day, 4).unwrap();
    metrics.expect(handlers.iter().map(|name| Arc::from(*name)), &VERDICTS);
    metrics.expect_delays(schedule.ladder().delays());
    for service in Service::ALL {
        metrics.expect_calls(service);
    }
    let text = encode(&registry);

    let services = Service::ALL.map(Service::as_str);
    for (counter, expected) in [
        ("hubline_deliveries_total", pairs("handler", &handlers, "verdict", &VERDICTS)),
        (
            "hubline_dead_letters_total",
            pairs("handler", &handlers, "reason", &DeathReason::ALL.map(DeathReason::as_str)),
        ),
        (
            "hubline_ledger_calls_total",
            pairs(
                "operation",
                &Operation::ALL.map(Operation::as_str),
                "result",
                &LedgerResult::ALL.map(LedgerResult::as_str),
            ),
        ),
        (
            "hubline_api_calls_total",
            pairs("api", &services, "status", &ApiStatus::ALL.map(ApiStatus::as_str)),
        ),
        (
            "hubline_publishes_total",
            pairs(
                "route",
                &Destination::ALL.map(Destination::as_str),
                "result",
                &PublishResult::ALL.map(PublishResult::as_str),
            ),
        ),
        (
            "hubline_budget_requests_total",
            BudgetResult::ALL.map(|result| format!("result=\"{}\"", result.as_str())).into(),
        ),
        (
            "hubline_retries_total",
            ["1h", "5h", "1day"].map(|delay| format!("delay=\"{delay}\"")).into(),
        ),
        (
            "hubline_delay_hops_total",
            ["1h", "5h", "1day"].map(|delay| format!("delay=\"{delay}\"")).into(),
        ),
    ] {
        assert_eq!(there(&text, counter), expected, "{counter}");
    }
}

#[test]
fn what_is_counted_of_a_handler_is_under_its_labels() {
    let mut registry = registry("worker");
    let metrics = WorkerMetrics::register(&mut registry, false);
    let counts = metrics.of(&"on_deal_created".into(), &VERDICTS);
    counts.ended("held");
    counts.ended("held");
    counts.handled(Duration::from_secs(1));
    metrics.ledger_call(Operation::Complete, true, Duration::ZERO);
    metrics.ledger_call(Operation::Claim, false, Duration::ZERO);
    let text = encode(&registry);
    for line in [
        r#"hubline_deliveries_total{handler="on_deal_created",verdict="held"} 2"#,
        r#"hubline_deliveries_total{handler="on_deal_created",verdict="succeeded"} 0"#,
        r#"hubline_handler_seconds_count{handler="on_deal_created"} 1"#,
        r#"hubline_ledger_calls_total{operation="complete",result="ok"} 1"#,
        r#"hubline_ledger_calls_total{operation="complete",result="unavailable"} 0"#,
        r#"hubline_ledger_calls_total{operation="claim",result="unavailable"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[test]
fn a_target_that_is_gone_has_no_series_any_more() {
    let mut registry = registry("worker");
    let metrics = WorkerMetrics::register(&mut registry, false);
    metrics.expect(["stays", "goes"].into_iter().map(Arc::from), &VERDICTS);
    let counts = metrics.of(&"goes".into(), &VERDICTS);
    counts.handled(Duration::from_secs(1));
    metrics.forget(&"goes".into(), &VERDICTS);
    // One of its runs that had begun before.
    counts.handled(Duration::from_secs(1));
    counts.ended("held");
    let text = encode(&registry);
    assert!(!text.contains("goes"), "{text}");
    assert!(text.contains("stays"), "{text}");
}
