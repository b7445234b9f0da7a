//! `/events`: the event log, the latest line first.

use actix_web::http::StatusCode;
use askama::Template;

use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part};
use super::super::query::{Query, Writer};
use super::super::selection::{Condition, or_none, origin_named, unknown};
use super::super::timeline::tone;
use super::super::visit::{Answer, Visit, page_with};
use super::messages::Fields;
use super::paging::ROWS;
use crate::records::{ALIAS_LETTERS, Found, Line, Question};
use crate::verdict::Verdict;
use crate::when;

struct Row {
    at: Part<Moment>,
    identity: String,
    short: String,
    subscription_type: String,
    property: Option<String>,
    origin: String,
    object: Option<u64>,
    target: String,
    attempt: i64,
    verdict: String,
    tone: &'static str,
    error: Option<String>,
    took_ms: i64,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    fields: Fields,
    verdicts: [&'static str; Verdict::ALL.len()],
    mistakes: Vec<String>,
    is_asked: bool,
    /// Whether events are not called by their identities.
    is_alias: bool,
    conditions: Vec<Condition>,
    rows: Vec<Row>,
    next: Option<String>,
    /// The time before which nothing was looked at, if the search was not over.
    looked_to: Option<Part<Moment>>,
    is_first: bool,
    first: String,
    replay: String,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let mut mistakes = Vec::new();
    let question = question_of(&visit, &visit.query, &mut mistakes);
    let is_understood = mistakes.is_empty();
    let (view, asked) = (visit.view(), question.clone());
    let found = visit.ask(async move {
        if !is_understood {
            return Ok(Found::default());
        }
        // One more than is shown tells whether there are more.
        view.search(asked, ROWS + 1).await
    });
    let found = found.await?;
    let looked_to = found.looked_to_ms().map(|ms| Moment::new(ms, visit.now_ms));
    let Found { mut lines, looked_to: place } = found;
    let more = lines.len() > ROWS as usize;
    lines.truncate(ROWS as usize);
    let last = lines.last().map(|line: &Line| line.id).filter(|_| more).or(place);
    let is_first = question.after.is_none();
    let template = EventsPage {
        frame: visit.frame("Events", Tab::Events).live(is_first && is_understood),
        verdicts: Verdict::ALL.map(Verdict::as_str),
        is_alias: visit.app.redaction.is_on(),
        is_asked: visit.query.has_any(&FIELDS),
        conditions: conditions(&visit.query),
        rows: lines.iter().map(|line| row(line, visit.now_ms)).collect(),
        next: last.map(|last| address(&visit.query, Some(last))),
        looked_to,
        first: address(&visit.query, None),
        replay: address(&visit.query, None).replacen("/events", "/replay", 1),
        is_first,
        fields: Fields { query: visit.query },
        mistakes,
    };
    page_with(if is_understood { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &template)
}

const FIELDS: [&str; 9] =
    ["event", "origin", "portal", "object", "type", "handler", "verdict", "since", "until"];

/// What else stands in an address beside these.
const BESIDE: [&str; 4] = ["since_ms", "until_ms", "after", "done"];

/// As it was asked.
fn conditions(query: &Query) -> Vec<Condition> {
    let condition = |name| Some(Condition { name, value: query.get(name)?.to_owned() });
    FIELDS.into_iter().filter_map(condition).collect()
}

pub(super) fn question_of(visit: &Visit, query: &Query, mistakes: &mut Vec<String>) -> Question {
    let text = |name: &str| query.get(name).map(str::to_owned);
    let origin = origin_named(query, &visit.person.reach, mistakes);
    let mut number = |name: &str, label: &str| {
        let number = query.get(name)?.parse::<u64>().map(u64::cast_signed);
        number.map_err(|_| mistakes.push(format!("{label}: write a number."))).ok()
    };
    let object_id = number("object", "Object");
    let mut time = |name: &str, label: &str| {
        // Exactly, where a plan was made of it; else as people write it.
        if let Some(exact) = query.get(&format!("{name}_ms")) {
            return exact.parse().map_err(|_| mistakes.push(format!("{label}: no time."))).ok();
        }
        let time = when::parse(query.get(name)?);
        time.map_err(|why| mistakes.push(format!("{label}: {why}."))).ok()
    };
    let (since_ms, until_ms) = (time("since", "Ended since"), time("until", "Ended before"));
    let event = text("event");
    if visit.app.redaction.is_on() {
        if event.as_deref().is_some_and(|event| event.len() != ALIAS_LETTERS || !is_hex(event)) {
            mistakes.push(format!("Event: write all {ALIAS_LETTERS} letters: 0-9 and a-f."));
        }
    } else if event.as_deref().is_some_and(|event| !is_hex(event)) {
        mistakes.push("Event: write the identity or how it begins: 0-9 and a-f.".to_owned());
    }
    let after = query.get("after").and_then(|after| {
        let id = after.parse();
        id.map_err(|_| mistakes.push("There is no such page.".to_owned())).ok()
    });
    mistakes.extend(query.unknown(&[&FIELDS, &BESIDE]).map(unknown));
    Question {
        event,
        called: None,
        origin,
        object_id,
        subscription_type: text("type"),
        target: text("handler"),
        verdict: text("verdict"),
        since_ms,
        until_ms,
        after,
    }
}

/// An identity or an alias, or how one begins; a problem's fingerprint too.
pub(super) fn is_hex(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (1..=64).contains(&text.len()) && text.chars().all(is_digit)
}

pub(super) fn address(query: &Query, after: Option<i64>) -> String {
    let mut writer = Writer::default();
    for name in FIELDS {
        if let Some(value) = query.get(name) {
            writer.add(name, &value);
        }
    }
    if let Some(id) = after {
        writer.add("after", &id);
    }
    format!("/events?{}", writer.finish())
}

fn row(line: &Line, now_ms: i64) -> Row {
    let error = match (&line.code, &line.error) {
        (Some(code), Some(error)) => Some(format!("{code} {error}")),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    Row {
        at: Moment::new(line.settled_ms, now_ms),
        identity: line.identity.clone(),
        short: line.identity.chars().take(8).collect(),
        subscription_type: or_none(&line.subscription_type).to_owned(),
        property: line.property.clone(),
        origin: line.origin.to_string(),
        object: line.object_id.map(i64::cast_unsigned),
        target: line.target.clone().unwrap_or_default(),
        attempt: i64::from(line.attempt) + 1,
        tone: tone(&line.verdict),
        verdict: line.verdict.clone(),
        error,
        took_ms: line.settled_ms.saturating_sub(line.started_ms),
    }
}
