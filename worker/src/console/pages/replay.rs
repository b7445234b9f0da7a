//! `/replay`: events of the log run once more. With GET the plan, with POST the job.

use askama::Template;

use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, at_least};
use super::super::query::{Query, Writer};
use super::super::visit::{Answer, Visit, page};
use super::action::{origins, planned, rate_of};
use super::events;
use super::jobs::making;
use crate::records::Question;
use crate::records::jobs::{DEFAULT_RATE, Scope};

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    conditions: Vec<(&'static str, String)>,
    count: i64,
    more: bool,
    events: String,
    origins: String,
    oldest: Option<Part<Moment>>,
    newest: Option<Part<Moment>>,
    cutoff: Part<Moment>,
    cutoff_ms: i64,
    rate: u32,
    takes: String,
    /// The question as it is posted.
    question: String,
    back: String,
}

/// What would be run.
pub(in crate::console) async fn plan(visit: Visit) -> Answer {
    if !visit.person.may_act() {
        return Err(Fault::Forbidden("Viewers may look at everything and change nothing.".into()));
    }
    let question = understood(&visit, &visit.query)?;
    // What is logged from here on was in no plan.
    let cutoff_ms = visit.now_ms;
    let (view, asked) = (visit.view(), question.clone());
    let plan = visit.ask(async move {
        let asked = view.meant(asked).await?;
        view.plan(scope(asked, false), cutoff_ms).await
    });
    let plan = plan.await?;
    let moment = |ms: i64| Moment::new(ms, visit.now_ms);
    let address = events::address(&visit.query, None);
    page(&ReplayPage {
        frame: visit.frame("Replay", Tab::Events),
        conditions: conditions(&visit.query),
        count: plan.count,
        more: plan.more,
        events: at_least(plan.count, plan.more, "event", "events"),
        origins: origins(&plan),
        oldest: plan.oldest_ms.map(moment),
        newest: plan.newest_ms.map(moment),
        cutoff: moment(cutoff_ms),
        cutoff_ms,
        rate: DEFAULT_RATE,
        takes: making::takes(&plan, DEFAULT_RATE),
        question: exactly(&question),
        back: address,
    })
}

/// Makes the job.
pub(in crate::console) async fn begin(visit: Visit, Form(form): Form) -> Answer {
    let question = understood(&visit, &Query::read(form.field("question"))?)?;
    let cutoff_ms = form.number("cutoff_ms")?.filter(|cutoff_ms| *cutoff_ms <= visit.now_ms);
    let cutoff_ms = cutoff_ms.ok_or_else(|| {
        Fault::Wrong("Nothing was done: the form does not say when it was planned.".to_owned())
    })?;
    let rate = rate_of(&form)?;
    let (planned, is_forced) = (planned(&form)?, form.get("force").is_some());
    let view = visit.view();
    let meant = async move { view.meant(question).await };
    let scope = scope(visit.ask(meant).await?, is_forced);
    making::make(&visit, scope, cutoff_ms, rate, planned).await
}

fn scope(question: Question, force: bool) -> Scope {
    Scope::Events { question, force }
}

/// A question in which every word is understood, and which says from when on, or which event or
/// record: nobody means all events ever by mistake.
fn understood(visit: &Visit, query: &Query) -> Result<Question, Fault> {
    let mut mistakes = Vec::new();
    let question = events::question_of(visit, query, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(Fault::Wrong(format!("Nothing was done. {}", mistakes.join(" "))));
    }
    let is_narrow = question.event.is_some() || question.object_id.is_some();
    if question.since_ms.is_none() && !is_narrow {
        return Err(Fault::Wrong(
            "Say since when, or which event or object: go back and fill in `Ended since`."
                .to_owned(),
        ));
    }
    Ok(Question { since_ms: question.since_ms.or(Some(0)), after: None, ..question })
}

/// The question as it was planned, with exact times: what was `2h` ago moves on.
fn exactly(question: &Question) -> String {
    let mut writer = Writer::default();
    let texts = [
        ("event", &question.event),
        ("type", &question.subscription_type),
        ("handler", &question.target),
        ("verdict", &question.verdict),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            writer.add(name, text);
        }
    }
    if let Some(origin) = &question.origin {
        writer.add("origin", origin);
    }
    if let Some(id) = question.object_id {
        writer.add("object", &id.cast_unsigned());
    }
    for (name, ms) in [("since_ms", question.since_ms), ("until_ms", question.until_ms)] {
        if let Some(ms) = ms {
            writer.add(name, &ms);
        }
    }
    writer.finish()
}

fn conditions(query: &Query) -> Vec<(&'static str, String)> {
    let names = [
        ("event", "event"),
        ("object", "object"),
        ("origin", "origin"),
        ("portal", "portal"),
        ("type", "type"),
        ("handler", "with a run of"),
        ("verdict", "with a run that ended"),
        ("since", "ended since"),
        ("until", "ended before"),
    ];
    let condition = |(name, label)| Some((label, query.get(name)?.to_owned()));
    names.into_iter().filter_map(condition).collect()
}
