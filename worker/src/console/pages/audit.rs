//! `/audit`: who did what, and to how many letters.

use askama::Template;

use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, grouped};
use super::super::visit::{Answer, Visit, page};
use super::paging::ROWS;

struct Row {
    at: Part<Moment>,
    who: String,
    action: String,
    filter: String,
    count: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let before = visit.query.number("before")?;
    let view = visit.view();
    let found = visit.ask(async move { view.acts(before, ROWS).await }).await?;
    let rows = found.acts.into_iter().map(|act| Row {
        at: Moment::new(act.at_ms, visit.now_ms),
        who: act.who,
        action: act.action,
        filter: act.filter,
        count: grouped(act.count),
    });
    let template = AuditPage {
        frame: visit.frame("Audit", Tab::Audit).live(before.is_none()),
        rows: rows.collect(),
        next: found.next.map(|next| format!("/audit?before={next}")),
        is_first: before.is_none(),
    };
    page(&template)
}
