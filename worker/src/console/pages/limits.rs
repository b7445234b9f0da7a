//! `/limits`: how much of each limit is used, who waits there, and which services are down.

use std::sync::Arc;

use askama::Template;

use super::super::frame::{Frame, Tab};
use super::super::parts::grouped;
use super::super::visit::{Answer, Visit, page};
use crate::limits::{BreakerState, Seen, span};

struct Row {
    limit: String,
    what: String,
    usage: String,
    /// How much is used, in percent.
    share: u64,
    live: String,
    bulk: String,
    is_waited_for: bool,
    oldest: String,
    drained: String,
    held: String,
    breaker: &'static str,
    /// The breaker's tone.
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    has_workers: bool,
    error: Option<String>,
    rows: Vec<Row>,
    /// Limits at which nothing goes on, which are not shown.
    idle: usize,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let limits = Arc::clone(&visit.app.limits);
    let has_workers = limits.has_workers();
    let seen = visit.ask(async move { Ok(limits.look().await) }).await?;
    let all = seen.as_ref().as_deref().unwrap_or_default();
    let rows: Vec<Row> = all.iter().filter(|seen| !is_idle(seen)).map(row).collect();
    page(&LimitsPage {
        frame: visit.frame("Limits", Tab::Limits).live(true),
        has_workers,
        error: seen.as_ref().as_ref().err().cloned(),
        idle: all.len() - rows.len(),
        rows,
    })
}

fn is_idle(seen: &Seen) -> bool {
    let is_closed = matches!(seen.breaker, None | Some(BreakerState::Closed));
    seen.used == 0 && seen.waiting() == 0 && seen.held_ms == 0 && is_closed
}

fn row(seen: &Seen) -> Row {
    let number = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    Row {
        limit: seen.limit.clone(),
        what: seen.what(),
        usage: seen.usage(),
        share: seen.size.map_or(0, |size| (seen.used * 100 / size.max(1)).min(100)),
        live: number(seen.waiting_live),
        bulk: number(seen.waiting_bulk),
        is_waited_for: seen.waiting() > 0,
        oldest: span(seen.oldest_ms),
        drained: span(seen.drained_ms),
        held: span(seen.held_ms),
        breaker: seen.breaker_word(),
        tone: match seen.breaker {
            None => "none",
            Some(BreakerState::Closed) => "good",
            Some(BreakerState::HalfOpen) => "warn",
            Some(BreakerState::Open) => "bad",
        },
    }
}
