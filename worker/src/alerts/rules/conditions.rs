//! The conditions, one a function: those of `k8s/monitoring/alerts.yaml`, which says of each why it is
//! as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alerts::exposition::Labels;
use crate::alerts::history::View;

/// Which process or place an alert is about: labels and their values.
pub(crate) type About = BTreeMap<&'static str, String>;

/// What a condition has found.
pub(super) type Found = Vec<(About, f64)>;

/// Received events a second, recorded once a minute.
pub(super) const RATE: &str = "hubline:received_events:rate15m";

pub(super) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn no_receipts(view: View<'_>) -> Found {
    let hours = || view.all("hubline_business_hours");
    let receipts = view.of("hubline_receipts_total", |labels| has(labels, "status", "200"));
    let is_silent = is(receipts.increase(30 * MINUTE).unwrap_or(0.0), 0.0);
    let expected = hours()
        .max_over_time(30 * MINUTE, MINUTE)
        .into_iter()
        .reduce(f64::min)
        .is_some_and(|value| is(value, 1.0));
    let before = view.before(30 * MINUTE).all("hubline_business_hours").max();
    whole((is_silent && expected && before.is_some_and(|value| is(value, 1.0))).then_some(0.0))
}

pub(super) fn receipts_surge(view: View<'_>) -> Found {
    let rate = view.all(RATE).max();
    let before = || view.before(30 * MINUTE).all(RATE);
    let (day, week) = (before().over_time(DAY), before().max_over_time(7 * DAY, 15 * MINUTE));
    let usual = mean(&day).max(mean(&week));
    whole(rate.filter(|rate| day.len() >= 60 && *rate > 5.0 * usual && rate * 900.0 > 100.0))
}

pub(super) fn signature_failures(view: View<'_>) -> Found {
    let refused = view.of("hubline_receipts_total", |labels| has(labels, "status", "401"));
    let all = view.all("hubline_receipts_total");
    whole(share(refused.increase(15 * MINUTE), all.increase(15 * MINUTE), 0.01))
}

pub(super) fn processing_errors(view: View<'_>) -> Found {
    let failed = |labels: &Labels| {
        ["retried", "exhausted", "permanent", "crashed"]
            .iter()
            .any(|verdict| has(labels, "verdict", verdict))
    };
    let ended = |labels: &Labels| failed(labels) || has(labels, "verdict", "succeeded");
    let runs = "hubline_deliveries_total";
    whole(share(view.of(runs, failed).increase(HOUR), view.of(runs, ended).increase(HOUR), 0.005))
}

pub(super) fn queue_depth(view: View<'_>) -> Found {
    let work = view.of("hubline_queue_messages", is_work);
    whole(work.sum_of_max_by("queue").filter(|messages| *messages > 10_000.0))
}

pub(super) fn oldest_event(view: View<'_>) -> Found {
    let older = |place: &'static str, than: f64| {
        let age = view
            .of("hubline_oldest_event_seconds", move |labels| has(labels, "place", place))
            .max();
        let age = age.filter(|age| *age > than)?;
        Some((About::from([("place", place.to_owned())]), age))
    };
    [older("in_hand", 600.0), older("delayed", 3600.0)].into_iter().flatten().collect()
}

pub(super) fn dead_letters_growing(view: View<'_>) -> Found {
    let grown = |name| view.all(name).increase(HOUR).unwrap_or(0.0);
    let letters =
        round(grown("hubline_dead_letters_total") + grown("hubline_unreadable_events_total"));
    whole(Some(letters).filter(|letters| *letters > 10.0))
}

pub(super) fn new_problem(view: View<'_>) -> Found {
    whole(grown_or_new(view, "hubline_dead_letter_problems_total"))
}

pub(super) fn console_guessing(view: View<'_>) -> Found {
    let refused = view.all("hubline_console_tokens_refused_total").increase(15 * MINUTE);
    whole(refused.map(round).filter(|refused| *refused > 30.0))
}

pub(super) fn unrouted(view: View<'_>) -> Found {
    let waiting =
        view.of("hubline_queue_messages", |labels| has(labels, "queue", "unrouted")).max();
    let waiting = waiting.filter(|messages| *messages > 0.0);
    whole(waiting.or_else(|| grown_or_new(view, "hubline_unrouted_events_total")))
}

/// How much a counter has grown in 15 minutes; a counter that began above nothing counts too, unless
/// nobody looked then.
fn grown_or_new(view: View<'_>, name: &str) -> Option<f64> {
    let grown = view.all(name).increase(15 * MINUTE).map(round).filter(|grown| *grown > 0.0);
    grown.or_else(|| {
        let earlier = view.before(15 * MINUTE);
        let is_known = !earlier.of("up", is_hubline).latest().is_empty();
        let before = earlier.all(name).last_over_time(HOUR);
        let differs = |(labels, value): &(&Labels, f64)| {
            !before.iter().any(|(known, then)| known == labels && is(*then, *value))
        };
        let now = view.all(name).latest();
        let new: f64 = now
            .iter()
            .filter(|(_, value)| *value > 0.0)
            .filter(|now| differs(now))
            .map(|(_, value)| value)
            .sum();
        Some(new).filter(|new| is_known && *new > 0.0)
    })
}

pub(super) fn confirms_slow(view: View<'_>) -> Found {
    let window = 10 * MINUTE;
    let all = view.all("hubline_confirm_seconds_count").increase(window);
    let quick = view
        .of("hubline_confirm_seconds_bucket", |labels| has(labels, "le", "1.0"))
        .increase(window);
    let slow = all.zip(quick).map(|(all, quick)| all - quick);
    let missing = view.of("hubline_publishes_total", |labels| has(labels, "result", "timed_out"));
    let published = view.all("hubline_publishes_total").increase(window);
    whole(share(slow, all, 0.01).or_else(|| share(missing.increase(window), published, 0.01)))
}

pub(super) fn no_consumers(view: View<'_>) -> Found {
    let queues = view
        .of("hubline_queue_consumers", |labels| is_work(labels) || has(labels, "queue", "bulk"));
    let alone =
        queues.max_by("queue").into_values().filter(|consumers| is(*consumers, 0.0)).count();
    #[expect(clippy::cast_precision_loss, reason = "a number of queues")]
    whole((alone > 0).then_some(alone as f64))
}

pub(super) fn broker_alarm(view: View<'_>) -> Found {
    let gauges = [
        "hubline_publisher_blocked",
        "rabbitmq_alarms_memory_used_watermark",
        "rabbitmq_alarms_free_disk_space_watermark",
    ];
    whole(gauges.into_iter().filter_map(|name| view.all(name).max()).find(|value| is(*value, 1.0)))
}

pub(super) fn broker_down(view: View<'_>) -> Found {
    let blocked = view.all("hubline_publisher_blocked").latest();
    let is_blocked = |labels: &Labels| {
        let same = |other: &Labels| {
            ["job", "instance"].iter().all(|name| other.get(*name) == labels.get(*name))
        };
        blocked.iter().any(|(other, value)| is(*value, 1.0) && same(other))
    };
    let publishers =
        view.of("hubline_publisher_up", |labels| !has(labels, "job", "hubline-console"));
    let down = publishers
        .latest()
        .into_iter()
        .filter(|(labels, value)| is(*value, 0.0) && !is_blocked(labels));
    down.map(|(labels, value)| (about(labels), value)).collect()
}

pub(super) fn at_most_once(view: View<'_>) -> Found {
    let is_unsafe = |labels: &Labels| {
        has(labels, "queue_type", "rabbit_quorum_queue")
            && ["at_most_once", "disabled"]
                .iter()
                .any(|strategy| has(labels, "dead_letter_strategy", strategy))
    };
    let moved = |reason: &str| {
        let name = format!("rabbitmq_global_messages_dead_lettered_{reason}_total");
        view.of(&name, is_unsafe).increase(HOUR).filter(|moved| *moved > 0.0)
    };
    whole(["expired", "rejected", "delivery_limit", "maxlen"].into_iter().find_map(moved))
}

pub(super) fn ledger_forgets(view: View<'_>) -> Found {
    whole(grown_or_new(view, "hubline_ledger_forgotten_total"))
}

pub(super) fn credential_paused(view: View<'_>) -> Found {
    let services = view.all("hubline_credential_paused").max_by("service");
    let paused = services.into_iter().filter(|(_, value)| is(*value, 1.0));
    paused.map(|(service, value)| (About::from([("service", service)]), value)).collect()
}

pub(super) fn breaker_open(view: View<'_>) -> Found {
    let states = view.all("hubline_breaker_state").max_by("limit").into_iter();
    // Of which there may be many: each has an alert of its own, and more time.
    let open = states.filter(|(limit, state)| *state > 0.0 && !limit.starts_with("destination"));
    open.map(|(limit, state)| (About::from([("limit", limit)]), state)).collect()
}

pub(super) fn destination_down(view: View<'_>) -> Found {
    // Who wants nothing is asked now and then, and is not shut meanwhile.
    let shut = view.all("hubline_destination_shut").last_over_time(2 * MINUTE);
    let named =
        shut.iter().filter_map(|(labels, value)| Some((labels.get("destination")?, *value)));
    // Of all workers: they see the same.
    let each: BTreeMap<&String, f64> = named.collect();
    each.into_iter()
        .map(|(name, value)| (About::from([("destination", name.clone())]), value))
        .collect()
}

pub(super) fn destinations_unusable(view: View<'_>) -> Found {
    whole(view.all("hubline_destinations_unusable").max().filter(|unusable| *unusable > 0.0))
}

pub(super) fn down(view: View<'_>) -> Found {
    let up = view.of("up", is_expected).latest();
    let silent = up.iter().filter(|(_, value)| is(*value, 0.0));
    let mut found: Found = silent.map(|(labels, value)| (about(labels), *value)).collect();
    // A program of which nothing is left to be asked.
    let is_there = |job: Option<&String>| up.iter().any(|(labels, _)| labels.get("job") == job);
    for (labels, _) in view.of("up", is_expected).last_over_time(HOUR) {
        let job = labels.get("job");
        if let (Some(name), false) = (job, is_there(job)) {
            found.push((About::from([("job", name.clone())]), 1.0));
        }
    }
    found
}

pub(super) fn zero(view: View<'_>, gauge: &str) -> Found {
    let zero = view.all(gauge).latest().into_iter().filter(|(_, value)| is(*value, 0.0));
    zero.map(|(labels, value)| (about(labels), value)).collect()
}

pub(super) fn positive(view: View<'_>, gauge: &str) -> Found {
    let positive = view.all(gauge).latest().into_iter().filter(|(_, value)| *value > 0.0);
    positive.map(|(labels, value)| (about(labels), value)).collect()
}

/// A share that is over `than`, of more than three.
fn share(part: Option<f64>, all: Option<f64>, than: f64) -> Option<f64> {
    let (part, all) = part.zip(all)?;
    Some(part / all).filter(|share| *share > than && round(part) > 3.0)
}

fn whole(value: Option<f64>) -> Found {
    value.map(|value| (About::new(), value)).into_iter().collect()
}

fn about(labels: &Labels) -> About {
    let label = |name: &'static str| Some((name, labels.get(name)?.clone()));
    ["job", "instance"].into_iter().filter_map(label).collect()
}

pub(super) fn process(about: &About) -> String {
    let job = about.get("job").map_or("a process", String::as_str);
    match about.get("instance") {
        Some(instance) => format!("{job} at {instance}"),
        None => job.to_owned(),
    }
}

fn is_hubline(labels: &Labels) -> bool {
    labels
        .get("job")
        .and_then(|job| job.strip_prefix("hubline-"))
        .is_some_and(|rest| !rest.is_empty())
}

/// What is to answer: the broker too, without whose metrics two rules see nothing.
fn is_expected(labels: &Labels) -> bool {
    is_hubline(labels) || has(labels, "job", "rabbitmq")
}

fn is_work(labels: &Labels) -> bool {
    labels.get("queue").is_some_and(|queue| queue.starts_with("work"))
}

fn has(labels: &Labels, name: &str, value: &str) -> bool {
    labels.get(name).is_some_and(|found| found == value)
}

#[expect(clippy::cast_precision_loss, reason = "at most some thousand values")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Values that are counted, not measured.
fn is(value: f64, exactly: f64) -> bool {
    (value - exactly).abs() < f64::EPSILON
}

/// To the nearest whole number, as Prometheus rounds.
fn round(value: f64) -> f64 {
    (value + 0.5).floor()
}
