//! `/actions/{action}`: with GET the plan of what would be done to which letters, with POST the
//! deed.

use std::time::Duration;

use actix_web::web;
use askama::Template;

use super::super::action::{Action, Done, Order};
use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, at_least, grouped};
use super::super::query::Query;
use super::super::selection::{self, Condition};
use super::super::shell;
use super::super::visit::{Answer, Visit, page, see};
use super::jobs;
use crate::records::dead_letters::{Count, Filter, Plan};
use crate::records::jobs::{DEFAULT_RATE, MAX_RATE};

/// How long a browser waits for a deed; a longer one goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);

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
    portals: String,
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
    let filter = chosen(&visit.query)?;
    // What changes from here on is in no plan.
    let cutoff_ms = visit.now_ms;
    let (letters, asked) = (visit.app.letters.clone(), filter.clone());
    let plan = visit.app.ask(async move {
        match action.scope(&asked) {
            Some(scope) => letters.jobs().plan(&scope, cutoff_ms).await,
            None => letters.plan(&asked, action.from(), cutoff_ms).await,
        }
    });
    let plan = plan.await?;
    let moment = |ms: i64| Moment::new(ms, visit.now_ms);
    let tab = if action == Action::Restore { Tab::Discarded } else { Tab::Letters };
    page(&PlanPage {
        frame: visit.frame(action.title(), tab),
        action,
        meaning: action.meaning(visit.app.retention),
        conditions: selection::words(&filter),
        is_every: filter.is_empty(),
        count: plan.count,
        more: plan.more,
        letters: at_least(plan.count, plan.more, "letter", "letters"),
        portals: portals(&plan),
        oldest: plan.oldest_ms.map(moment),
        newest: plan.newest_ms.map(moment),
        cutoff: moment(cutoff_ms),
        cutoff_ms,
        rate: action.scope(&filter).map(|_| DEFAULT_RATE),
        takes: jobs::takes(plan.count, plan.more, DEFAULT_RATE),
        forgets_steps: action == Action::Retry && plan.forgets_steps(visit.now_ms),
        filter: selection::write(&filter).finish(),
        back: list(action, &filter, ""),
        command: shell::on_filter(action.command(), &filter),
    })
}

/// Does it.
pub(in crate::console) async fn carry_out(
    visit: Visit,
    name: web::Path<String>,
    Form(form): Form,
) -> Answer {
    let action = action_of(&name)?;
    let filter = understood(&Query::read(form.field("filter"))?)?;
    if filter.is_empty() && form.get("every").is_none() {
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
    let who = visit.person.name.clone();
    let rate = rate_of(&form)?;
    let order = Order { action, filter: filter.clone(), cutoff_ms, planned, rate, who };
    let name = action.name();
    let done = match perform(&visit, order).await? {
        Some(Done::Moved(count)) => {
            format!("done={name}&count={count}&of={}", planned.unwrap_or_default().count)
        }
        Some(Done::Job(Some(job))) => return Ok(see(&format!("/jobs/{job}?done=job-made"))),
        Some(Done::Job(None)) => format!("done={name}"),
        None => format!("done={name}&going=1"),
    };
    Ok(see(&list(action, &filter, &done)))
}

/// Tells what came of it, or nothing if that will only be known later. The deed goes on
/// whether the browser waits for it or not.
async fn perform(visit: &Visit, order: Order) -> Result<Option<Done>, Fault> {
    let (letters, retention) = (visit.app.letters.clone(), visit.app.retention);
    let deed = visit.app.begin(async move {
        let done = order.carry_out(&letters, retention).await;
        let (action, who) = (order.action.name(), &order.who);
        match &done {
            Ok(Done::Moved(letters)) => {
                tracing::info!(action, who, letters, "an action of the console");
            }
            Ok(Done::Job(job)) => tracing::info!(action, who, job, "an action of the console"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(action, who, error, "an action of the console ended early");
            }
        }
        done
    });
    match tokio::time::timeout(PATIENCE, deed).await {
        Ok(Ok(done)) => done.map(Some).map_err(Fault::Unavailable),
        Ok(Err(error)) => Err(Fault::Broken(error.into())),
        Err(_) => Ok(None),
    }
}

/// How many the plan was about that was agreed to, if the form says it: that is not counted again.
pub(super) fn planned(form: &Query) -> Result<Option<Count>, Fault> {
    let count = form.number("count")?;
    Ok(count.map(|count| Count { count, more: form.get("more").is_some() }))
}

/// In how many portals, as far as was counted.
pub(super) fn portals(plan: &Plan) -> String {
    grouped(plan.portals) + if plan.more { " or more" } else { "" }
}

/// Messages a second, as a form says it.
pub(super) fn rate_of(form: &Query) -> Result<u32, Fault> {
    let rate = match form.get("rate") {
        None => Some(DEFAULT_RATE),
        Some(rate) => rate.parse().ok().filter(|rate| *rate <= MAX_RATE),
    };
    rate.ok_or_else(|| {
        Fault::Wrong(format!(
            "Nothing was done: write how many messages a second as a number, at most {MAX_RATE}."
        ))
    })
}

fn action_of(name: &str) -> Result<Action, Fault> {
    Action::named(name).ok_or_else(|| Fault::NotFound("There is no such action.".to_owned()))
}

/// The letters that were ticked, or all that match.
fn chosen(query: &Query) -> Result<Filter, Fault> {
    match query.get("scope") {
        Some("ticked") => {
            let ids = Filter { ids: understood(query)?.ids, ..Filter::default() };
            if ids.is_empty() {
                return Err(Fault::Wrong("No letter is ticked: tick some first.".to_owned()));
            }
            Ok(ids)
        }
        Some("matching") => understood(&Query::read(query.field("filter"))?),
        _ => understood(query),
    }
}

/// A filter in which every word is understood: what is left out by mistake would make it wider.
fn understood(query: &Query) -> Result<Filter, Fault> {
    let selection = selection::read(query);
    if selection.mistakes.is_empty() {
        Ok(selection.filter)
    } else {
        Err(Fault::Wrong(format!("Nothing was done. {}", selection.mistakes.join(" "))))
    }
}

/// Where such letters are listed.
fn list(action: Action, filter: &Filter, more: &str) -> String {
    let path = match action {
        Action::Retry | Action::Restart | Action::Discard => "/messages",
        Action::Restore => "/discarded",
    };
    // A list has no use for numbers: most are gone from it.
    let filter = Filter { ids: Vec::new(), ..filter.clone() };
    let query = [selection::write(&filter).finish(), more.to_owned()];
    let query: Vec<&str> =
        query.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}
