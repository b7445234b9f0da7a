//! `/letters/{id}`: all there is to know of one letter.

use actix_web::web;
use askama::Template;

use super::super::action::{Action, state_in_address};
use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, Payload, PayloadView, SHOWN_BYTES, size};
use super::super::selection::{or_none, words_of};
use super::super::shell;
use super::super::timeline::{Step, timeline};
use super::super::visit::{Answer, Visit, page};
use super::letter_row::{LetterRow, error_of};
use super::messages::{number_of, retention_ms};
use crate::records::dead_letters::{Letter, Shown, State};

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    letter: Letter,
    /// Whether the event is not called by its identity.
    is_alias: bool,
    origin: String,
    object: Option<u64>,
    target: String,
    code: String,
    error: String,
    subscription_type: String,
    state: &'static str,
    died: Part<Moment>,
    received: Part<Moment>,
    state_since: Part<Moment>,
    /// When a discarded one is deleted.
    deleted: Option<Part<Moment>>,
    trace_id: Option<String>,
    /// The steps that had succeeded.
    done: String,
    size: String,
    steps: Vec<Step>,
    has_log: bool,
    earlier: Vec<LetterRow>,
    later: Vec<LetterRow>,
    payload: Option<Part<PayloadView>>,
    command: String,
    actions: Vec<Action>,
    /// The state that an action is told of.
    acting_state: &'static str,
}

pub(in crate::console) async fn show(visit: Visit, id: web::Path<String>) -> Answer {
    let id = number_of(&id)?;
    let view = visit.view();
    let found = visit.ask(async move {
        let Some(mut shown) = view.letter(id).await? else { return Ok(None) };
        let total = shown.letter.body_bytes.unwrap_or_default();
        if !view.redaction().is_on() {
            let start = view.body_start(&shown.letter, SHOWN_BYTES).await?;
            return Ok(Some((shown, start.map(|start| Payload::start(start, total)))));
        }
        // What is left out of it can only be told of the whole.
        let body = view.body(&shown.letter).await?;
        let redacted = view.redaction().of_kept(body.as_deref());
        shown.redact(view.redaction(), &redacted, &view.aliases().await?);
        Ok(Some((shown, body.as_ref().map(|body| Payload::redacted(&redacted, body)))))
    });
    let found = found.await?;
    let (shown, payload) = found.ok_or_else(|| {
        Fault::NotFound(format!(
            "There is no letter {id}. Discarded letters are deleted when their time is over."
        ))
    })?;
    page(&template(&visit, shown, payload))
}

fn template(visit: &Visit, shown: Shown, payload: Option<Payload>) -> MessagePage {
    let Shown { letter, earlier, later, log } = shown;
    let (now_ms, retention_ms) = (visit.now_ms, retention_ms(visit));
    let moment = |ms: i64| Moment::new(ms, now_ms);
    let all: Vec<Letter> = earlier.iter().chain([&letter]).chain(later.iter()).cloned().collect();
    let row = |letter: &Letter| LetterRow::new(letter, retention_ms, now_ms);
    let bytes = letter.body_bytes.unwrap_or_default();
    let trace_id = letter.traceparent.as_deref().map(|parent| match parent.split('-').nth(1) {
        Some(id) => id.to_owned(),
        None => parent.to_owned(),
    });
    MessagePage {
        frame: visit.frame(format!("Letter {}", letter.id), Tab::Letters).live(true),
        is_alias: visit.app.redaction.is_on(),
        origin: letter.origin.to_string(),
        object: letter.object_id.map(i64::cast_unsigned),
        target: or_none(&letter.target).to_owned(),
        code: or_none(&letter.code).to_owned(),
        error: error_of(&letter).to_owned(),
        subscription_type: or_none(&letter.subscription_type).to_owned(),
        state: words_of(letter.state),
        died: moment(letter.died_ms),
        received: moment(letter.received_ms),
        state_since: moment(letter.state_ms),
        deleted: (letter.state == State::Discarded)
            .then(|| moment(letter.state_ms.saturating_add(retention_ms))),
        trace_id,
        done: letter.steps.replace(',', ", "),
        size: size(bytes),
        steps: timeline(&log, &all, Some(letter.id), now_ms),
        has_log: !log.is_empty(),
        earlier: earlier.iter().map(row).collect(),
        later: later.iter().map(row).collect(),
        payload: payload
            .map(|payload| PayloadView::new(&payload, &format!("/letters/{}/payload", letter.id))),
        command: shell::show(letter.id),
        actions: Action::on(Some(letter.state)),
        acting_state: state_in_address(Some(letter.state)),
        letter,
    }
}
