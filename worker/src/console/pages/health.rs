//! `/health`: whether everything goes as it should, at a glance.

use std::sync::Arc;

use askama::Template;
use shared::broker::{QueueDepth, QueueKind};

use super::super::frame::{Frame, Tab};
use super::super::health::{Health, ReceiverHealth, Refused};
use super::super::parts::{Moment, Part, grouped};
use super::super::query::Writer;
use super::super::timeline::tone;
use super::super::visit::{Answer, Visit, page};
use crate::alerts::{Open, Severity};

struct Queue {
    name: String,
    kind: &'static str,
    messages: String,
    is_empty: bool,
    /// Somebody should look.
    is_odd: bool,
    consumers: Option<u32>,
    oldest: Option<Part<Moment>>,
    next: Option<Part<Moment>>,
}

struct EndCount {
    verdict: String,
    tone: &'static str,
    count: String,
    /// Of the largest, in percent.
    share: i64,
    href: String,
}

struct Component {
    name: String,
    state: String,
    tone: &'static str,
}

struct Rejection {
    at: Part<Moment>,
    receiver: String,
    reason: String,
    request: String,
    clock: Option<String>,
    hint: Option<String>,
    headers: Vec<String>,
}

struct Alert {
    name: &'static str,
    summary: String,
    is_critical: bool,
    since: Part<Moment>,
    runbook: String,
}

#[derive(Template)]
#[template(path = "health.html")]
#[expect(clippy::struct_excessive_bools, reason = "what of the page is there")]
struct HealthPage {
    frame: Frame,
    at: Part<Moment>,
    alerts: Vec<Alert>,
    /// Whether alerts are made of what others than this process measure.
    has_sources: bool,
    components: Vec<Component>,
    queues: Vec<Queue>,
    queues_error: Option<String>,
    has_ages: bool,
    has_consumers: bool,
    outcomes: Vec<EndCount>,
    outcomes_error: Option<String>,
    total: String,
    rejections: Vec<Rejection>,
    has_receivers: bool,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let watch = Arc::clone(&visit.app.health);
    let health = visit.ask(async move { Ok(watch.look().await) }).await?;
    page(&template(&visit, &health))
}

fn template(visit: &Visit, health: &Health) -> HealthPage {
    let now_ms = visit.now_ms;
    let depths = health.queues.as_deref().unwrap_or_default();
    let outcomes = health.outcomes.as_deref().unwrap_or_default();
    let total = outcomes.iter().map(|(_, count)| count).sum();
    let mut rejections: Vec<(i64, Rejection)> = health
        .receivers
        .iter()
        .flat_map(|receiver| receiver.refused.iter().map(move |refused| (receiver, refused)))
        .map(|(receiver, refused)| (refused.at_ms, rejection(receiver, refused, now_ms)))
        .collect();
    rejections.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    HealthPage {
        frame: visit.frame("Health", Tab::Health).live(true),
        at: Moment::new(health.at_ms, now_ms),
        alerts: health.alerts.open.iter().map(|alert| self::alert(alert, now_ms)).collect(),
        // One process is all there is of it, or one of many.
        has_sources: health.alerts.has_sources || !health.parts.is_empty(),
        components: components(health),
        queues: depths.iter().map(|depth| queue(depth, now_ms)).collect(),
        queues_error: health.queues.as_ref().err().cloned(),
        has_ages: depths.iter().any(|depth| depth.consumers.is_none()),
        has_consumers: depths.iter().any(|depth| depth.consumers.is_some()),
        outcomes: self::outcomes(outcomes, health.since_ms),
        outcomes_error: health.outcomes.as_ref().err().cloned(),
        total: grouped(total),
        rejections: rejections.into_iter().map(|(_, rejection)| rejection).collect(),
        has_receivers: !health.receivers.is_empty(),
    }
}

fn alert(alert: &Open, now_ms: i64) -> Alert {
    Alert {
        name: alert.name,
        summary: alert.summary.clone(),
        is_critical: alert.severity == Severity::Critical,
        since: Moment::new(alert.since_ms, now_ms),
        runbook: alert.runbook(),
    }
}

fn queue(depth: &QueueDepth, now_ms: i64) -> Queue {
    let messages = depth.messages;
    let has_some = messages.is_some_and(|messages| messages > 0);
    let (kind, needs_consumer) = match depth.kind {
        QueueKind::Work => ("events to be worked on", true),
        QueueKind::Bulk => ("replays and bulk retries", true),
        QueueKind::Retry => ("waiting for the next attempt", false),
        QueueKind::Dead => ("dead letters on their way into the records", true),
        QueueKind::Unrouted => ("no queue had their routing key", true),
    };
    let is_unattended = needs_consumer && depth.consumers == Some(0);
    Queue {
        name: depth.name.clone(),
        kind,
        messages: messages.map_or_else(
            || "not there yet".to_owned(),
            |messages| grouped(i64::try_from(messages).unwrap_or(i64::MAX)),
        ),
        is_empty: !has_some,
        is_odd: is_unattended || (depth.kind == QueueKind::Unrouted && has_some),
        consumers: depth.consumers,
        oldest: depth.oldest_ms.map(|ms| Moment::new(ms, now_ms)),
        next: depth.next_ms.map(|ms| Moment::new(ms, now_ms)),
    }
}

fn outcomes(outcomes: &[(String, i64)], since_ms: i64) -> Vec<EndCount> {
    let largest = outcomes.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let outcome = |(verdict, count): &(String, i64)| {
        let mut query = Writer::default();
        query.add("verdict", &verdict).add("since", &crate::when::exact(since_ms));
        EndCount {
            tone: tone(verdict),
            count: grouped(*count),
            share: (count * 100 / largest).max(1),
            href: format!("/events?{}", query.finish()),
            verdict: verdict.clone(),
        }
    };
    outcomes.iter().map(outcome).collect()
}

/// This process' parts, then the receivers.
fn components(health: &Health) -> Vec<Component> {
    let component = |name: String, state: &str| {
        let tone = if state == "up" { "good" } else { "bad" };
        Component { name, state: state.to_owned(), tone }
    };
    let mut components: Vec<Component> =
        health.parts.iter().map(|(name, state)| component(words(name), state)).collect();
    let state = |error: Option<&String>| {
        error.map_or_else(|| "up".to_owned(), |error| format!("down: {error}"))
    };
    components.push(component("queues".to_owned(), &state(health.queues.as_ref().err())));
    components.push(component("event log".to_owned(), &state(health.outcomes.as_ref().err())));
    for receiver in &health.receivers {
        let state = match &receiver.ready {
            Ok(ready) if ready.ready => "up".to_owned(),
            Ok(ready) => {
                let parts: Vec<String> =
                    ready.checks.iter().map(|(name, state)| format!("{name} {state}")).collect();
                format!("not ready: {}", parts.join(", "))
            }
            Err(error) => format!("down: {error}"),
        };
        components.push(component(format!("receiver {}", receiver.address), &state));
    }
    components
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn rejection(receiver: &ReceiverHealth, refused: &Refused, now_ms: i64) -> Rejection {
    let clock = refused.clock_distance_ms.filter(|ms| ms.abs() >= 1000);
    Rejection {
        at: Moment::new(refused.at_ms, now_ms),
        receiver: receiver.address.clone(),
        reason: refused.reason.clone(),
        request: format!("{} {}", refused.method, refused.url),
        clock: clock.map(|ms| {
            let side = if ms > 0 { "ahead" } else { "behind" };
            format!("its clock is {} {side}", crate::when::rough(ms.saturating_abs()))
        }),
        hint: refused.hint.clone(),
        headers: refused.headers.clone(),
    }
}
