//! `/discarded`: what was let go of, and until when it can be had back.

use actix_web::http::StatusCode;
use askama::Template;

use super::super::action::{Action, state_in_address};
use super::super::frame::{Frame, Tab};
use super::super::parts::at_least;
use super::super::selection;
use super::super::visit::{Answer, Visit, page_with};
use super::letter_row::LetterRow;
use super::messages::{all, retention_ms};
use super::paging::ROWS;
use crate::records::dead_letters::{Count, Filter, State};
use crate::when;

#[derive(Template)]
#[template(path = "discarded.html")]
struct DiscardedPage {
    frame: Frame,
    mistakes: Vec<String>,
    conditions: Vec<selection::Condition>,
    rows: Vec<LetterRow>,
    summary: String,
    count: i64,
    filter: String,
    retention: String,
    next: Option<String>,
    is_first: bool,
    actions: Vec<Action>,
    /// The state that an action is told of.
    acting_state: &'static str,
    /// How many all are, behind a space.
    all: String,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let selection = selection::selection_of(&visit.query, &visit.person.reach);
    let mistakes = selection.mistakes;
    let is_understood = mistakes.is_empty();
    let filter = Filter { state: Some(State::Discarded), ..selection.filter };
    let before = visit.query.number("before")?;
    let (view, asked) = (visit.view(), filter.clone());
    let found = visit.ask(async move {
        if !is_understood {
            return Ok(None);
        }
        let page = view.letters(&asked, before, ROWS).await?;
        Ok(Some((page, view.count(&asked).await?)))
    });
    let (found, count) = match found.await? {
        Some((page, count)) => (Some(page), count),
        None => (None, Count::default()),
    };
    let next = found.as_ref().and_then(|page| page.next);
    let letters = found.map(|page| page.letters).unwrap_or_default();
    let retention_ms = retention_ms(&visit);
    let row = |letter| LetterRow::new(letter, retention_ms, visit.now_ms);
    let template = DiscardedPage {
        frame: visit.frame("Discarded", Tab::Discarded).live(before.is_none() && is_understood),
        conditions: selection::words(&Filter { state: None, ..filter.clone() }),
        rows: letters.iter().map(row).collect(),
        summary: at_least(count.count, count.more, "discarded letter", "discarded letters"),
        count: count.count,
        retention: when::rough(retention_ms),
        next: next.map(|next| {
            format!("/discarded?{}", selection::write(&filter).add("before", &next).finish())
        }),
        is_first: before.is_none(),
        actions: Action::on(Some(State::Discarded)),
        acting_state: state_in_address(Some(State::Discarded)),
        all: all(count),
        filter: selection::write(&filter).finish(),
        mistakes,
    };
    page_with(if is_understood { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &template)
}
