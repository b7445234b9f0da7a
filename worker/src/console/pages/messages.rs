//! `/letters`: letters that match a filter, the latest first. The address is the filter.

use actix_web::http::StatusCode;
use askama::Template;

use super::super::access::Reach;
use super::super::action::{Action, state_in_address};
use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, Trend, at_least, grouped};
use super::super::query::Query;
use super::super::selection::{self, Condition, Selection, words_of};
use super::super::shell;
use super::super::visit::{Answer, Visit, page_with};
use super::letter_row::LetterRow;
use super::paging::ROWS;
use crate::records::dead_letters::{Count, Filter, Group, State};

/// What can be chosen as a state.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// What the form's fields hold.
pub(super) struct Fields {
    pub(super) query: Query,
}

impl Fields {
    /// What was written into the field, to stand there again.
    pub(super) fn of(&self, name: &str) -> &str {
        self.query.field(name)
    }

    /// The same of the origin, whichever way it was named.
    pub(super) fn origin(&self) -> &str {
        self.query.get("origin").unwrap_or_else(|| self.query.field("portal"))
    }
}

/// The problem that all letters of the page are of.
struct Problem {
    fingerprint: String,
    code: String,
    target: String,
    sample: String,
    note: Option<String>,
    first: Option<Part<Moment>>,
    last: Part<Moment>,
    trend: Option<Part<Trend>>,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage {
    frame: Frame,
    fields: Fields,
    states: Vec<Choice>,
    mistakes: Vec<String>,
    is_filtered: bool,
    conditions: Vec<Condition>,
    problem: Option<Problem>,
    rows: Vec<LetterRow>,
    summary: String,
    /// Matching letters that were counted, whatever page this is.
    count: i64,
    /// The filter without its state, as an address.
    filter: String,
    command: String,
    next: Option<String>,
    is_first: bool,
    first: String,
    /// Where they can be had as a file, without the format.
    export: String,
    is_dead: bool,
    actions: Vec<Action>,
    /// The state that an action is told of.
    acting_state: &'static str,
    /// How many all are, behind a space.
    all: String,
}

pub(in crate::console) async fn show(visit: Visit) -> Answer {
    let Selection { filter, mistakes } = selected(&visit.query, &visit.person.reach);
    let state = filter.state;
    let before = visit.query.number("before")?;
    let (view, asked) = (visit.view(), filter.clone());
    let is_understood = mistakes.is_empty();
    let found = visit.ask(async move {
        if !is_understood {
            return Ok(None);
        }
        let page = view.letters(&asked, before, ROWS).await?;
        let count = view.count(&asked).await?;
        let problem = match &asked.fingerprint {
            Some(fingerprint) => view.problem(fingerprint).await?,
            None => None,
        };
        Ok(Some((page, count, problem)))
    });
    let (page, count, problem) = match found.await? {
        Some((page, count, problem)) => (Some(page), count, problem),
        None => (None, Count::default(), None),
    };
    let next = page.as_ref().and_then(|page| page.next);
    let retention_ms = retention_ms(&visit);
    let letters = page.map(|page| page.letters).unwrap_or_default();
    let address = |before: Option<i64>| address(&filter, before);
    let template = MessagesPage {
        frame: visit.frame("Letters", Tab::Letters).live(before.is_none() && is_understood),
        states: states(state),
        is_filtered: !filter.is_empty(),
        conditions: selection::words(&Filter {
            state: state.filter(|state| *state != State::Dead),
            ..filter.clone()
        }),
        problem: problem.map(|group| self::problem(group, visit.now_ms)),
        rows: letters
            .iter()
            .map(|letter| LetterRow::new(letter, retention_ms, visit.now_ms))
            .collect(),
        summary: summary(count, state),
        count: count.count,
        command: command(&filter),
        next: next.map(|next| address(Some(next))),
        is_first: before.is_none(),
        first: address(None),
        export: address(None).replacen("/letters?", "/letters/export?", 1),
        is_dead: state == Some(State::Dead),
        actions: Action::on(state),
        acting_state: state_in_address(state),
        all: all(count),
        filter: selection::write(&filter).finish(),
        fields: Fields { query: visit.query },
        mistakes,
    };
    page_with(if is_understood { StatusCode::OK } else { StatusCode::BAD_REQUEST }, &template)
}

/// The filter of the address; of dead letters, unless it names another state.
pub(super) fn selected(query: &Query, reach: &Reach) -> Selection {
    let mut selection = selection::selection_of(query, reach);
    selection.filter.state = match query.get("state") {
        None => Some(State::Dead),
        Some("any") => None,
        Some(state) => match state.parse() {
            Ok(state) => Some(state),
            Err(error) => {
                selection.mistakes.push(format!("State: {error}."));
                Some(State::Dead)
            }
        },
    };
    selection
}

pub(super) fn retention_ms(visit: &Visit) -> i64 {
    i64::try_from(visit.app.retention.as_millis()).unwrap_or(i64::MAX)
}

fn states(chosen: Option<State>) -> Vec<Choice> {
    let choice = |state: State| Choice {
        value: state.as_str(),
        label: words_of(state),
        is_chosen: chosen == Some(state),
    };
    let any = Choice { value: "any", label: "any", is_chosen: chosen.is_none() };
    State::ALL.into_iter().map(choice).chain([any]).collect()
}

/// Where these letters are.
pub(super) fn address(filter: &Filter, before: Option<i64>) -> String {
    let mut query = selection::write(filter);
    match filter.state {
        Some(State::Dead) => {}
        Some(state) => _ = query.add("state", &state),
        None => _ = query.add("state", &"any"),
    }
    if let Some(before) = before {
        query.add("before", &before);
    }
    format!("/letters?{}", query.finish())
}

fn summary(count: Count, state: Option<State>) -> String {
    let count = |one, many| at_least(count.count, count.more, one, many);
    match state {
        Some(State::Dead) => count("dead letter", "dead letters"),
        None => count("letter", "letters") + " in any state",
        Some(state) => format!("{}, {}", count("letter", "letters"), words_of(state)),
    }
}

/// What follows on `all`: how many they are, or nothing if that is not known.
pub(super) fn all(count: Count) -> String {
    if count.more { String::new() } else { format!(" {}", grouped(count.count)) }
}

fn command(filter: &Filter) -> String {
    let command = shell::on_filter("list", filter);
    match filter.state {
        Some(State::Dead) => command,
        Some(state) => format!("{command} --state={state}"),
        None => format!("{command} --state=any"),
    }
}

fn problem(group: Group, now_ms: i64) -> Problem {
    Problem {
        code: group.code.unwrap_or_default(),
        target: selection::or_none(group.target.as_deref().unwrap_or_default()).to_owned(),
        sample: group.sample.unwrap_or_default(),
        note: group.note,
        first: group.first_ms.map(|ms| Moment::new(ms, now_ms)),
        last: Moment::new(group.last_ms, now_ms),
        trend: group.trend.as_deref().map(Trend::new),
        fingerprint: group.key,
    }
}

/// A letter's number, as it stands in an address.
pub(super) fn number_of(id: &str) -> Result<i64, Fault> {
    id.parse().map_err(|_| Fault::NotFound(format!("There is no letter {id}.")))
}
