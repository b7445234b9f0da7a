//! The alerts there are: their names, how soon somebody should look, for how long a condition must hold,
//! and what is said of it. As `k8s/monitoring/alerts.yaml` has them; a test holds both to the same
//! scenarios.

use std::fmt;
use std::time::Duration;

use super::exposition::Labels;
use super::history::{History, View};
use crate::count::count;

mod conditions;

pub(crate) use conditions::About;
use conditions::{
    Found, MINUTE, RATE, at_most_once, breaker_open, broker_alarm, broker_down, confirms_slow,
    console_guessing, credential_paused, dead_letters_growing, destination_down,
    destinations_unusable, down, ledger_forgets, new_problem, no_consumers, no_receipts,
    oldest_event, positive, process, processing_errors, queue_depth, receipts_surge,
    signature_failures, unrouted, zero,
};

/// The least distance of what is recorded; a little under a minute, which a clock may be off.
const RECORD_EVERY: Duration = Duration::from_secs(55);

/// Every metric that a rule reads; of histograms the count and one bucket.
pub(super) const METRICS: [&str; 28] = [
    "up",
    "hubline_breaker_state",
    "hubline_business_hours",
    "hubline_confirm_seconds_bucket",
    "hubline_confirm_seconds_count",
    "hubline_console_tokens_refused_total",
    "hubline_credential_paused",
    "hubline_dead_letter_problems_total",
    "hubline_dead_letters_total",
    "hubline_deliveries_total",
    "hubline_destination_shut",
    "hubline_destinations_unusable",
    "hubline_ledger_forgotten_total",
    "hubline_ledger_up",
    "hubline_oauth_app_accepted",
    "hubline_oauth_refusals_doubted",
    "hubline_oldest_event_seconds",
    "hubline_publisher_blocked",
    "hubline_publisher_up",
    "hubline_publishes_total",
    "hubline_queue_consumers",
    "hubline_queue_messages",
    "hubline_receipts_total",
    "hubline_received_events_total",
    "hubline_records_up",
    "hubline_tenants_file_valid",
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

/// How many there are of what is counted.
#[expect(clippy::cast_possible_truncation, reason = "a count that is rounded, and saturates")]
fn counted(value: f64, one: &str, many: &str) -> String {
    count(value.round() as i64, one, many)
}

/// Every alert there is.
pub(super) const RULES: [Rule; 26] = [
    rule("HublineNoReceipts", Severity::Critical, 0, no_receipts, |_, _| {
        "no delivery was answered 200 in the last 30 minutes of business hours".to_owned()
    }),
    rule("HublineReceiptsSurge", Severity::Warning, 0, receipts_surge, |_, value| {
        format!(
            "{value:.1} events a second come in, over 5 times the mean of the last day and of the last week"
        )
    }),
    rule("HublineSignatureFailures", Severity::Critical, 0, signature_failures, |_, value| {
        format!("{:.1} % of deliveries were answered 401 in the last 15 minutes", value * 100.0)
    }),
    rule("HublineProcessingErrors", Severity::Warning, 0, processing_errors, |_, value| {
        format!("{:.1} % of runs failed in the last hour", value * 100.0)
    }),
    rule("HublineQueueDepth", Severity::Warning, 10, queue_depth, |_, value| {
        format!("{} in the work queues", counted(value, "event waits", "events wait"))
    }),
    rule("HublineOldestEvent", Severity::Warning, 5, oldest_event, |about, value| {
        let is_delayed = about.get("place").is_some_and(|place| place == "delayed");
        let place =
            if is_delayed { "held or waiting for another attempt" } else { "in a worker's hand" };
        let minutes = counted(value / 60.0, "minute", "minutes");
        format!("the oldest event {place} was received {minutes} ago")
    }),
    rule("HublineDeadLettersGrowing", Severity::Warning, 0, dead_letters_growing, |_, value| {
        format!("{} went to the dead letters in the last hour", counted(value, "event", "events"))
    }),
    rule("HublineNewProblem", Severity::Warning, 0, new_problem, |_, value| {
        let problems = counted(value, "new problem", "new problems");
        format!("{problems} among the dead letters in the last 15 minutes")
    }),
    rule("HublineConsoleGuessing", Severity::Warning, 0, console_guessing, |_, value| {
        let tokens = counted(value, "token", "tokens");
        format!("{tokens} let nobody into the console in the last 15 minutes")
    }),
    rule("HublineUnrouted", Severity::Critical, 1, unrouted, |_, value| {
        format!("{} had no queue to go to", counted(value, "event", "events"))
    }),
    rule("HublineConfirmsSlow", Severity::Warning, 0, confirms_slow, |_, value| {
        format!(
            "RabbitMQ confirmed {:.1} % of publishes late or not at all in the last 10 minutes",
            value * 100.0
        )
    }),
    rule("HublineNoConsumers", Severity::Critical, 2, no_consumers, |_, value| {
        let has = if value.round() > 1.0 { "have" } else { "has" };
        format!("{value:.0} of the queues that workers take from {has} no consumer")
    }),
    rule("HublineBrokerAlarm", Severity::Critical, 0, broker_alarm, |_, _| {
        "RabbitMQ blocks publishers, out of memory or disk".to_owned()
    }),
    rule("HublineBrokerDown", Severity::Critical, 2, broker_down, |about, _| {
        format!("{} cannot publish to the broker", process(about))
    }),
    rule("HublineAtMostOnceDeadLettering", Severity::Critical, 0, at_most_once, |_, value| {
        format!(
            "RabbitMQ moved or dropped {} without a guarantee in the last hour",
            counted(value, "message", "messages")
        )
    }),
    rule(
        "HublineLedgerDown",
        Severity::Critical,
        1,
        |view| zero(view, "hubline_ledger_up"),
        |about, _| format!("{} does not reach its ledger", process(about)),
    ),
    rule("HublineLedgerForgets", Severity::Critical, 0, ledger_forgets, |_, _| {
        "Redis has forgotten what was done".to_owned()
    }),
    rule("HublineCredentialPaused", Severity::Critical, 1, credential_paused, |about, _| {
        let service = about.get("service").map_or("a service", String::as_str);
        format!("the token for {service} is refused")
    }),
    rule(
        "HublineOauthAppRefused",
        Severity::Critical,
        1,
        |view| zero(view, "hubline_oauth_app_accepted"),
        |about, _| format!("HubSpot does not take the app of {}", process(about)),
    ),
    rule(
        "HublineOauthRefusalsDoubted",
        Severity::Critical,
        1,
        |view| positive(view, "hubline_oauth_refusals_doubted"),
        |about, _| format!("HubSpot refuses most portals' tokens to {}", process(about)),
    ),
    rule("HublineBreakerOpen", Severity::Warning, 10, breaker_open, |about, _| {
        let limit = about.get("limit").map_or("a service", String::as_str);
        format!("{limit} has been down for 10 minutes")
    }),
    rule("HublineDestinationDown", Severity::Warning, 15, destination_down, |about, _| {
        let destination = about.get("destination").map_or("", String::as_str);
        format!("the destination {destination} has taken next to nothing for 15 minutes")
    }),
    rule("HublineDestinationsUnusable", Severity::Warning, 5, destinations_unusable, |_, value| {
        let destinations = counted(value, "destination", "destinations");
        format!("{destinations} cannot be used as written: what is for it waits")
    }),
    rule(
        "HublineRecordsDown",
        Severity::Warning,
        2,
        |view| zero(view, "hubline_records_up"),
        |about, _| format!("{} cannot write to the records", process(about)),
    ),
    rule(
        "HublineTenantsFileFaulty",
        Severity::Warning,
        5,
        |view| zero(view, "hubline_tenants_file_valid"),
        |about, _| format!("{} cannot use the file of tenants", process(about)),
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
