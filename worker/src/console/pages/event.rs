//! `/events/{name}`: one event's whole way, through every handler.

use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Part, Payload, PayloadView, count_of};
use super::super::selection::or_none;
use super::super::timeline::{Step, timeline};
use super::super::view::SeenEvent;
use super::super::visit::{Answer, Visit, page};
use super::events::is_hex;
use super::letter_row::LetterRow;
use super::messages::retention_ms;
use crate::records::dead_letters::Letter;
use crate::records::{ALIAS_LETTERS, Line};

/// Lines of the log that are shown; what was retried and replayed for weeks can have more.
const LINES: u32 = 1000;

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    /// What people call it.
    name: String,
    is_alias: bool,
    origin: String,
    object: Option<u64>,
    subscription_type: String,
    property: Option<String>,
    trace_ids: Vec<String>,
    steps: Vec<Step>,
    /// What is left out, if anything is.
    cut: Option<String>,
    letters: Vec<LetterRow>,
    payload: Option<Part<PayloadView>>,
    command: String,
}

struct Found {
    log: Vec<Line>,
    letters: Vec<Letter>,
    payload: Option<Payload>,
}

pub(in crate::console) async fn show(visit: Visit, name: web::Path<String>) -> Answer {
    let name = name_of(&visit, &name)?;
    let (view, asked) = (visit.view(), name.clone());
    let found = visit.ask(async move {
        let Some(seen) = view.event(&asked, LINES + 1).await? else { return Ok(None) };
        let SeenEvent { mut log, mut letters, body } = seen;
        let event = view.redaction().of_kept(body.as_deref());
        for line in &mut log {
            line.redact(view.redaction(), &event);
        }
        for letter in &mut letters {
            letter.error = event.text(&letter.error).into_owned();
        }
        let payload = body.as_ref().map(|body| Payload::redacted(&event, body));
        Ok(Some(Found { log, letters, payload }))
    });
    let found = found.await?.ok_or_else(|| {
        Fault::NotFound(
            "Nothing is known of this event: it was never here, or so long ago that the log has \
             forgotten it."
                .to_owned(),
        )
    })?;
    page(&template(&visit, name, found))
}

/// What one event is called: its whole identity or, where values are left out, its alias.
pub(super) fn name_of(visit: &Visit, text: &str) -> Result<String, Fault> {
    let letters = if visit.app.redaction.is_on() { ALIAS_LETTERS } else { 64 };
    if text.len() == letters && is_hex(text) {
        return Ok(text.to_owned());
    }
    Err(Fault::NotFound(format!("An event is called by {letters} letters, 0-9 and a-f.")))
}

fn template(visit: &Visit, name: String, found: Found) -> EventPage {
    let Found { mut log, letters, payload } = found;
    let is_cut = log.len() > LINES as usize;
    log.truncate(LINES as usize);
    let line = log.first();
    let letter = letters.last();
    let origin = line
        .map(|line| &line.origin)
        .or(letter.map(|letter| &letter.origin))
        .map(ToString::to_string);
    let object_id =
        line.and_then(|line| line.object_id).or(letter.and_then(|letter| letter.object_id));
    let subscription_type = line
        .map(|line| line.subscription_type.as_str())
        .or(letter.map(|letter| letter.subscription_type.as_str()));
    let mut trace_ids: Vec<String> = log.iter().filter_map(|line| line.trace_id.clone()).collect();
    trace_ids.sort();
    trace_ids.dedup();
    let row = |letter| LetterRow::new(letter, retention_ms(visit), visit.now_ms);
    EventPage {
        frame: visit.frame("Event", Tab::Events).live(true),
        origin: origin.unwrap_or_default(),
        object: object_id.map(i64::cast_unsigned),
        subscription_type: or_none(subscription_type.unwrap_or_default()).to_owned(),
        property: line.and_then(|line| line.property.clone()),
        trace_ids,
        steps: timeline(&log, &letters, None, visit.now_ms),
        cut: is_cut.then(|| {
            format!("Only the last {} are shown.", count_of(i64::from(LINES), "line", "lines"))
        }),
        letters: letters.iter().map(row).collect(),
        payload: payload
            .map(|payload| PayloadView::new(&payload, &format!("/events/{name}/payload"))),
        command: format!("worker events --event {name}"),
        is_alias: visit.app.redaction.is_on(),
        name,
    }
}
