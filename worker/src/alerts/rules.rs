//! The conditions, one a function: those of `k8s/monitoring/alerts.yaml`, which says of each why it is
//! as it is. A test holds both to the same scenarios.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::exposition::Labels;
use super::history::{History, View};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Received events a second, recorded once a minute.
const RATE: &str = "hubline:received_events:rate15m";
/// The least distance of what is recorded; a little under a minute, which a clock may be off.
const RECORD_EVERY: Duration = Duration::from_secs(55);

/// Every metric that a rule reads; of histograms the count and one bucket.
pub(super) const METRICS: [&str; 19] = [
    "up",
    "hubline_business_hours",
    "hubline_confirm_seconds_bucket",
    "hubline_confirm_seconds_count",
    "hubline_dead_letter_problems_total",
    "hubline_dead_letters_total",
    "hubline_deliveries_total",
    "hubline_ledger_up",
    "hubline_oldest_event_seconds",
    "hubline_publisher_blocked",
    "hubline_publisher_up",
    "hubline_publishes_total",
    "hubline_queue_consumers",
    "hubline_queue_messages",
    "hubline_receipts_total",
    "hubline_received_events_total",
    "hubline_records_up",
    "hubline_unreadable_events_total",
    "hubline_unrouted_events_total",
];
/// And those that begin so.
pub(super) const FAMILIES: [&str; 2] =
    ["rabbitmq_alarms_", "rabbitmq_global_messages_dead_lettered_"];

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Now.
    Critical,
    /// Today.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        })
    }
}

/// Which process or place an alert is about: labels and their values.
pub(crate) type About = BTreeMap<&'static str, String>;

/// What a condition has found.
type Found = Vec<(About, f64)>;

/// One alert.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    /// For how long the condition must have held.
    pub(super) hold: Duration,
    pub(super) condition: fn(View<'_>) -> Found,
    /// One line for people.
    pub(super) summary: fn(&About, f64) -> String,
}

impl Rule {
    pub(super) fn hold_ms(&self) -> i64 {
        i64::try_from(self.hold.as_millis()).unwrap_or(i64::MAX)
    }
}

const fn rule(
    name: &'static str,
    severity: Severity,
    hold_minutes: u64,
    condition: fn(View<'_>) -> Found,
    summary: fn(&About, f64) -> String,
) -> Rule {
    Rule { name, severity, hold: Duration::from_secs(hold_minutes * 60), condition, summary }
}

/// Every alert there is.
pub(super) const RULES: [Rule; 17] = [
    rule("HublineNoReceipts", Severity::Critical, 0, no_receipts, |_, _| {
        "no delivery was answered 200 in the last 30 minutes of business hours".to_owned()
    }),
    rule("HublineReceiptsSurge", Severity::Warning, 0, receipts_surge, |_, value| {
        format!("{value:.1} events a second come in, over 5 times the mean of the last day")
    }),
    rule("HublineSignatureFailures", Severity::Critical, 0, signature_failures, |_, value| {
        format!("{:.1} % of deliveries were answered 401 in the last 15 minutes", value * 100.0)
    }),
    rule("HublineProcessingErrors", Severity::Warning, 0, processing_errors, |_, value| {
        format!("{:.1} % of runs failed in the last hour", value * 100.0)
    }),
    rule("HublineQueueDepth", Severity::Warning, 10, queue_depth, |_, value| {
        format!("{value:.0} events wait in the work queues")
    }),
    rule("HublineOldestEvent", Severity::Warning, 5, oldest_event, |about, value| {
        let is_delayed = about.get("place").is_some_and(|place| place == "delayed");
        let place =
            if is_delayed { "held or waiting for another attempt" } else { "in a worker's hand" };
        format!("the oldest event {place} was received {:.0} minutes ago", value / 60.0)
    }),
    rule("HublineDeadLettersGrowing", Severity::Warning, 0, dead_letters_growing, |_, value| {
        format!("{value:.0} events went to the dead letters in the last hour")
    }),
    rule("HublineNewProblem", Severity::Warning, 0, new_problem, |_, value| {
        format!("{value:.0} new problems among the dead letters in the last 15 minutes")
    }),
    rule("HublineUnrouted", Severity::Critical, 1, unrouted, |_, value| {
        format!("{value:.0} events had no queue to go to")
    }),
    rule("HublineConfirmsSlow", Severity::Warning, 0, confirms_slow, |_, value| {
        format!(
            "RabbitMQ confirmed {:.1} % of publishes late or not at all in the last 10 minutes",
            value * 100.0
        )
    }),
    rule("HublineNoConsumers", Severity::Critical, 2, no_consumers, |_, value| {
        format!("{value:.0} of the queues that workers take from have no consumer")
    }),
    rule("HublineBrokerAlarm", Severity::Critical, 0, broker_alarm, |_, _| {
        "RabbitMQ blocks publishers, out of memory or disk".to_owned()
    }),
    rule("HublineBrokerDown", Severity::Critical, 2, broker_down, |about, _| {
        format!("{} cannot publish to the broker", process(about))
    }),
    rule("HublineAtMostOnceDeadLettering", Severity::Critical, 0, at_most_once, |_, value| {
        format!(
            "RabbitMQ moved or dropped {value:.0} messages without a guarantee in the last hour"
        )
    }),
    rule(
        "HublineLedgerDown",
        Severity::Critical,
        1,
        |view| zero(view, "hubline_ledger_up"),
        |about, _| format!("{} does not reach its ledger", process(about)),
    ),
    rule(
        "HublineRecordsDown",
        Severity::Warning,
        2,
        |view| zero(view, "hubline_records_up"),
        |about, _| format!("{} cannot write to the records", process(about)),
    ),
    rule("HublineDown", Severity::Critical, 2, down, |about, _| {
        format!("{} does not answer", process(about))
    }),
];

/// Notes what rules ask for later.
pub(super) fn record(history: &mut History, at_ms: i64) {
    let view = history.at(at_ms);
    let is_early = !view.all(RATE).over_time(RECORD_EVERY).is_empty();
    let rate = view.all("hubline_received_events_total").increase(15 * MINUTE);
    if let (Some(increase), false) = (rate, is_early) {
        history.add(RATE, Labels::new(), at_ms, increase / 900.0);
    }
}

fn no_receipts(view: View<'_>) -> Found {
    let hours = || view.all("hubline_business_hours");
    let receipts = view.of("hubline_receipts_total", |labels| has(labels, "status", "200"));
    let is_silent = is(receipts.increase(30 * MINUTE).unwrap_or(0.0), 0.0);
    let expected = hours().min_of_max_over_time(30 * MINUTE).is_some_and(|value| is(value, 1.0));
    let before = view.before(30 * MINUTE).all("hubline_business_hours").max();
    whole((is_silent && expected && before.is_some_and(|value| is(value, 1.0))).then_some(0.0))
}

fn receipts_surge(view: View<'_>) -> Found {
    let rate = view.all(RATE).max();
    let before = view.before(30 * MINUTE).all(RATE).over_time(DAY);
    #[expect(clippy::cast_precision_loss, reason = "at most some thousand values")]
    let mean = before.iter().sum::<f64>() / before.len() as f64;
    whole(rate.filter(|rate| before.len() >= 60 && *rate > 5.0 * mean && rate * 900.0 > 100.0))
}

fn signature_failures(view: View<'_>) -> Found {
    let refused = view.of("hubline_receipts_total", |labels| has(labels, "status", "401"));
    let all = view.all("hubline_receipts_total");
    whole(share(refused.increase(15 * MINUTE), all.increase(15 * MINUTE), 0.01))
}

fn processing_errors(view: View<'_>) -> Found {
    let failed = |labels: &Labels| {
        ["retried", "exhausted", "permanent", "crashed"]
            .iter()
            .any(|verdict| has(labels, "verdict", verdict))
    };
    let ended = |labels: &Labels| failed(labels) || has(labels, "verdict", "succeeded");
    let runs = "hubline_deliveries_total";
    whole(share(view.of(runs, failed).increase(HOUR), view.of(runs, ended).increase(HOUR), 0.005))
}

fn queue_depth(view: View<'_>) -> Found {
    let work = view.of("hubline_queue_messages", is_work);
    whole(work.sum_of_max_by("queue").filter(|messages| *messages > 10_000.0))
}

fn oldest_event(view: View<'_>) -> Found {
    let older = |place: &'static str, than: f64| {
        let age = view
            .of("hubline_oldest_event_seconds", move |labels| has(labels, "place", place))
            .max();
        let age = age.filter(|age| *age > than)?;
        Some((About::from([("place", place.to_owned())]), age))
    };
    [older("in_hand", 600.0), older("delayed", 3600.0)].into_iter().flatten().collect()
}

fn dead_letters_growing(view: View<'_>) -> Found {
    let grown = |name| view.all(name).increase(HOUR).unwrap_or(0.0);
    let letters =
        round(grown("hubline_dead_letters_total") + grown("hubline_unreadable_events_total"));
    whole(Some(letters).filter(|letters| *letters > 10.0))
}

fn new_problem(view: View<'_>) -> Found {
    whole(grown_or_new(view, "hubline_dead_letter_problems_total"))
}

fn unrouted(view: View<'_>) -> Found {
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

fn confirms_slow(view: View<'_>) -> Found {
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

fn no_consumers(view: View<'_>) -> Found {
    let queues = view
        .of("hubline_queue_consumers", |labels| is_work(labels) || has(labels, "queue", "bulk"));
    let alone =
        queues.max_by("queue").into_values().filter(|consumers| is(*consumers, 0.0)).count();
    #[expect(clippy::cast_precision_loss, reason = "a number of queues")]
    whole((alone > 0).then_some(alone as f64))
}

fn broker_alarm(view: View<'_>) -> Found {
    let gauges = [
        "hubline_publisher_blocked",
        "rabbitmq_alarms_memory_used_watermark",
        "rabbitmq_alarms_free_disk_space_watermark",
    ];
    whole(gauges.into_iter().filter_map(|name| view.all(name).max()).find(|value| is(*value, 1.0)))
}

fn broker_down(view: View<'_>) -> Found {
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

fn at_most_once(view: View<'_>) -> Found {
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

fn down(view: View<'_>) -> Found {
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

fn zero(view: View<'_>, gauge: &str) -> Found {
    let zero = view.all(gauge).latest().into_iter().filter(|(_, value)| is(*value, 0.0));
    zero.map(|(labels, value)| (about(labels), value)).collect()
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

fn process(about: &About) -> String {
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

/// Values that are counted, not measured.
fn is(value: f64, exactly: f64) -> bool {
    (value - exactly).abs() < f64::EPSILON
}

/// To the nearest whole number, as Prometheus rounds.
fn round(value: f64) -> f64 {
    (value + 0.5).floor()
}
