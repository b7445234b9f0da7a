//! `/actions/{action}`: with GET the plan of what would be done to which letters, with POST the job
//! that does it.

use actix_web::web;
use askama::Template;

use super::super::access::Reach;
use super::super::action::{Action, state_in_address};
use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, at_least, grouped};
use super::super::query::Query;
use super::super::selection::{self, Condition};
use super::super::shell;
use super::super::visit::{Answer, Visit, page};
use super::jobs::making;
use crate::records::dead_letters::{Count, Filter, Plan};
use crate::records::jobs::{DEFAULT_RATE, MAX_RATE};
use crate::when;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    frame: Frame,
    action: Action,
    meaning: String,
    conditions: Vec<Condition>,
    /// Whether every letter is meant, which must be said once more.
    is_every: bool,
    count: i64,
    more: bool,
    letters: String,
    origins: String,
    oldest: Option<Part<Moment>>,
    newest: Option<Part<Moment>>,
    cutoff: Part<Moment>,
    cutoff_ms: i64,
    /// The rate to begin with and how long that takes, if a job does it.
    rate: Option<u32>,
    takes: String,
    /// Whether steps may be forgotten.
    forgets_steps: bool,
    /// The filter as it is posted.
    filter: String,
    /// Where the letters are listed.
    back: String,
    command: String,
}

/// What would be done.
pub(in crate::console) async fn plan(visit: Visit, name: web::Path<String>) -> Answer {
    let action = action_of(&name)?;
    if !visit.person.may_act() {
        return Err(Fault::Forbidden("Viewers may look at everything and change nothing.".into()));
    }
    let filter = chosen(action, &visit.query, &visit.person.reach)?;
    // What changes from here on is in no plan.
    let cutoff_ms = visit.now_ms;
    let (view, scope) = (visit.view(), action.scope(filter.clone(), visit.app.retention));
    let plan = visit.ask(async move { view.plan(scope, cutoff_ms).await }).await?;
    let moment = |ms: i64| Moment::new(ms, visit.now_ms);
    let tab = if action == Action::Restore { Tab::Discarded } else { Tab::Letters };
    page(&PlanPage {
        frame: visit.frame(action.title(), tab),
        action,
        meaning: action.meaning(visit.app.retention),
        conditions: selection::words(&filter),
        is_every: visit.person.reach.is_every(&filter),
        count: plan.count,
        more: plan.more,
        letters: at_least(plan.count, plan.more, "letter", "letters"),
        origins: origins(&plan),
        oldest: plan.oldest_ms.map(moment),
        newest: plan.newest_ms.map(moment),
        cutoff: moment(cutoff_ms),
        cutoff_ms,
        rate: action.kind().publishes().then_some(DEFAULT_RATE),
        takes: making::takes(&plan, DEFAULT_RATE),
        forgets_steps: action == Action::Retry && plan.forgets_steps(visit.now_ms),
        filter: address(&filter),
        back: list(action, &filter),
        command: command(action, &filter, cutoff_ms),
    })
}

/// Does it.
pub(in crate::console) async fn carry_out(
    visit: Visit,
    name: web::Path<String>,
    Form(form): Form,
) -> Answer {
    let action = action_of(&name)?;
    let reach = &visit.person.reach;
    let filter = understood(action, &Query::read(form.field("filter"))?, reach)?;
    if reach.is_every(&filter) && form.get("every").is_none() {
        return Err(Fault::Wrong(
            "Nothing was done: without a filter this is about every letter. Say so with the tick \
             `every letter`."
                .to_owned(),
        ));
    }
    let cutoff_ms = form.number("cutoff_ms")?.filter(|cutoff_ms| *cutoff_ms <= visit.now_ms);
    let cutoff_ms = cutoff_ms.ok_or_else(|| {
        Fault::Wrong("Nothing was done: the form does not say when it was planned.".to_owned())
    })?;
    let planned = planned(&form)?;
    let rate = if action.kind().publishes() { rate_of(&form)? } else { 0 };
    let scope = action.scope(filter, visit.app.retention);
    making::make(&visit, scope, cutoff_ms, rate, planned).await
}

/// How many the plan was about that was agreed to, if the form says it: that is not counted again.
pub(super) fn planned(form: &Query) -> Result<Option<Count>, Fault> {
    let count = form.number("count")?;
    Ok(count.map(|count| Count { count, more: form.get("more").is_some() }))
}

/// Of how many origins, as far as was counted.
pub(super) fn origins(plan: &Plan) -> String {
    grouped(plan.origins) + if plan.more { " or more" } else { "" }
}

/// Letters or events a second, as a form says it.
pub(super) fn rate_of(form: &Query) -> Result<u32, Fault> {
    let rate = match form.get("rate") {
        None => Some(DEFAULT_RATE),
        Some(rate) => rate.parse().ok().filter(|rate| *rate <= MAX_RATE),
    };
    rate.ok_or_else(|| {
        Fault::Wrong(format!(
            "Nothing was done: write how many a second as a number, at most {MAX_RATE}."
        ))
    })
}

fn action_of(name: &str) -> Result<Action, Fault> {
    Action::named(name).ok_or_else(|| Fault::NotFound("There is no such action.".to_owned()))
}

/// The letters that were ticked, or all that match. A filter within a field is no part of the address' own.
fn chosen(action: Action, query: &Query, reach: &Reach) -> Result<Filter, Fault> {
    let filter = match query.get("scope") {
        Some("ticked") => {
            let ids = Filter { ids: selected(query, reach)?.ids, ..Filter::default() };
            if ids.is_empty() {
                return Err(Fault::Wrong("No letter is ticked: tick some first.".to_owned()));
            }
            ids
        }
        Some("matching") => plainly(&Query::read(query.field("filter"))?, reach)?,
        None => plainly(query, reach)?,
        Some(_) => {
            return Err(Fault::Wrong("Nothing was done. Scope: ticked or matching.".to_owned()));
        }
    };
    in_state(action, filter, query)
}

fn understood(action: Action, query: &Query, reach: &Reach) -> Result<Filter, Fault> {
    in_state(action, plainly(query, reach)?, query)
}

/// The filter of a query that is nothing but one.
fn plainly(query: &Query, reach: &Reach) -> Result<Filter, Fault> {
    if query.get("filter").is_some() {
        let text = "Nothing was done. Filter: it belongs to a scope, which is ticked or matching.";
        return Err(Fault::Wrong(text.to_owned()));
    }
    selected(query, reach)
}

/// A filter in which every word is understood: what is left out by mistake would make it wider.
fn selected(query: &Query, reach: &Reach) -> Result<Filter, Fault> {
    let selection = selection::selection_of(query, reach);
    if selection.mistakes.is_empty() {
        Ok(selection.filter)
    } else {
        Err(Fault::Wrong(format!("Nothing was done. {}", selection.mistakes.join(" "))))
    }
}

/// With the state that the query names, which must be one that the action is for.
fn in_state(action: Action, filter: Filter, query: &Query) -> Result<Filter, Fault> {
    let Some(state) = query.get("state") else { return Ok(filter) };
    let state = state.parse().ok().filter(|state| action.from().contains(state));
    let state = state.ok_or_else(|| {
        Fault::Wrong("Nothing was done. State: not one that this can be done to.".to_owned())
    })?;
    // The first goes without saying.
    Ok(Filter { state: Some(state).filter(|state| *state != action.from()[0]), ..filter })
}

/// The filter as it is posted.
fn address(filter: &Filter) -> String {
    let mut query = selection::write(filter);
    if let Some(state) = filter.state {
        query.add("state", &state);
    }
    query.finish()
}

/// The same on a command line.
fn command(action: Action, filter: &Filter, cutoff_ms: i64) -> String {
    let command = shell::on_filter(action.command(), filter);
    if state_in_address(filter.state).is_empty() {
        return command;
    }
    format!("{command} --sent-before={}", when::exact(cutoff_ms))
}

/// Where such letters are listed.
fn list(action: Action, filter: &Filter) -> String {
    let path = match action {
        Action::Retry | Action::Restart | Action::Discard => "/letters",
        Action::Restore => "/discarded",
    };
    // A list has no use for numbers: most are gone from it.
    let query = address(&Filter { ids: Vec::new(), ..filter.clone() });
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
