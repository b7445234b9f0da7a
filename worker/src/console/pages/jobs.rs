//! `/jobs`: what was done in bulk, and how it goes. `/jobs/{id}`: one of them, and
//! with POST to `/jobs/{id}/{deed}` it waits, goes on or ends.

use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::visit::{Answer, Visit, page, see};
use super::paging::ROWS;
use crate::records::jobs::Job;

mod deed;
pub(super) mod making;
mod shown;

use deed::Deed;
use shown::Shown;

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    frame: Frame,
    rows: Vec<Shown>,
    next: Option<String>,
    is_first: bool,
}

pub(in crate::console) async fn list(visit: Visit) -> Answer {
    let before = visit.query.number("before")?;
    let view = visit.view();
    // One more than is shown tells whether there are more.
    let mut found = visit.ask(async move { view.jobs(before, ROWS + 1).await }).await?;
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let next = found.last().filter(|_| more).map(|job| format!("/jobs?before={}", job.id));
    page(&JobsPage {
        frame: visit.frame("Jobs", Tab::Jobs).live(before.is_none()),
        rows: found.into_iter().map(|job| Shown::new(job, visit.now_ms)).collect(),
        next,
        is_first: before.is_none(),
    })
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: Shown,
    command: String,
}

pub(in crate::console) async fn show(visit: Visit, id: web::Path<String>) -> Answer {
    let job = job(&visit, &id).await?;
    let is_live = !job.state.is_over() || job.open() > 0;
    let title = format!("Job {}", job.id);
    page(&JobPage {
        frame: visit.frame(title, Tab::Jobs).live(is_live),
        command: format!("worker dead-letters jobs show {}", job.id),
        job: Shown::new(job, visit.now_ms),
    })
}

/// Lets it wait, go on or end.
pub(in crate::console) async fn turn(visit: Visit, path: web::Path<(String, String)>) -> Answer {
    let (id, deed) = path.into_inner();
    let nothing = || Fault::NotFound("There is no such action.".to_owned());
    let deed = Deed::named(&deed).ok_or_else(nothing)?;
    let id: i64 = id.parse().map_err(|_| missing(&id))?;
    let view = visit.view();
    // Whoever goes away meanwhile has done it all the same. Nothing of it is asked before, behind all
    // who look at pages.
    let turning = visit.app.act(async move {
        match deed {
            Deed::Pause => view.pause(id).await,
            Deed::Resume => view.resume(id).await,
            Deed::Cancel => view.cancel(id).await,
        }
    });
    let done = match turning.await? {
        Some(Some(true)) => deed.name(),
        Some(Some(false)) => "nothing",
        Some(None) => return Err(missing(&id)),
        None => "slow",
    };
    Ok(see(&format!("/jobs/{id}?done=job-{done}")))
}

async fn job(visit: &Visit, id: &str) -> Result<Job, Fault> {
    let number: i64 = id.parse().map_err(|_| missing(&id))?;
    let view = visit.view();
    visit.ask(async move { view.job(number).await }).await?.ok_or_else(|| missing(&id))
}

fn missing(id: &dyn std::fmt::Display) -> Fault {
    Fault::NotFound(format!("There is no job {id}."))
}
