//! What last went wrong on the routes of a section.

use super::super::super::fault::Fault;
use super::super::super::parts::{Moment, Part};
use super::super::super::visit::Visit;
use crate::records::{Line, Question};
use crate::target::route_name;
use crate::tenants::{Route, SectionKind, Tenants};

/// So many of the last attempts that failed are shown.
const ATTEMPTS: u32 = 5;
/// Of so many routes at the most: each is asked for by itself.
const ROUTES: usize = 8;
/// Verdicts of attempts that failed.
const FAILED: [&str; 3] = ["retried", "permanent", "exhausted"];

/// An attempt as it is shown.
pub(super) struct Attempt {
    pub(super) at: Part<Moment>,
    pub(super) event: String,
    pub(super) short: String,
    pub(super) verdict: String,
    pub(super) error: String,
}

/// The last attempts that failed of a route, or of those that lead to a destination or are a tenant's.
pub(super) async fn failed(
    visit: &Visit,
    tenants: &Tenants,
    kind: SectionKind,
    name: &str,
) -> Result<Vec<Attempt>, Fault> {
    let (view, targets) = (visit.view(), targets(tenants, kind, name));
    let asking = visit.ask(async move {
        let mut lines: Vec<Line> = Vec::new();
        for target in targets {
            for verdict in FAILED {
                let (target, verdict) = (Some(target.clone()), Some(verdict.to_owned()));
                let question = Question { target, verdict, ..Question::default() };
                lines.extend(view.search(question, ATTEMPTS).await?.lines);
            }
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.id));
        lines.truncate(ATTEMPTS as usize);
        Ok(lines)
    });
    let attempt = |line: Line| Attempt {
        at: Moment::new(line.settled_ms, visit.now_ms),
        short: line.identity.chars().take(12).collect(),
        event: line.identity,
        verdict: line.verdict,
        error: line.error.unwrap_or_default(),
    };
    Ok(asking.await?.into_iter().map(attempt).collect())
}

/// The routes of which attempts are shown, as the log has them.
fn targets(tenants: &Tenants, kind: SectionKind, name: &str) -> Vec<String> {
    let is_asked_for = |route: &&Route| match kind {
        SectionKind::Tenant => route.tenant.as_deref() == Some(name),
        SectionKind::Destination => route.destination == name,
        SectionKind::Route => route.name == name,
    };
    let routes = tenants.routes.values().filter(is_asked_for).take(ROUTES);
    routes.map(|route| route_name(route.tenant.as_deref(), &route.name)).collect()
}
