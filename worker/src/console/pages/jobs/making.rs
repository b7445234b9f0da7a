//! Making a job that was planned, and how long it will take.

use std::time::Duration;

use crate::console::access::reach::OutOfReach;
use crate::console::fault::Fault;
use crate::console::parts::at_least;
use crate::console::visit::{Answer, Visit, see};
use crate::records::dead_letters::{Count, Plan};
use crate::records::jobs::Scope;

/// How long a browser waits for a job to be made; that goes on by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a job, and leads to its page.
pub(in crate::console) async fn make(
    visit: &Visit,
    scope: Scope,
    cutoff_ms: i64,
    rate: u32,
    planned: Option<Count>,
) -> Answer {
    let view = visit.view();
    // Whoever goes away meanwhile has made it all the same.
    let making = visit.app.begin(async move { view.make(scope, cutoff_ms, rate, planned).await });
    let Ok(made) = tokio::time::timeout(PATIENCE, making).await else {
        return Ok(see("/jobs?done=job-late"));
    };
    let job = made.map_err(|error| Fault::Broken(error.into()))?.map_err(away)?;
    Ok(match job {
        Some(job) => see(&format!("/jobs/{}?done=job-made", job.id)),
        None => see("/jobs?done=job-none"),
    })
}

fn away(error: anyhow::Error) -> Fault {
    if error.is::<OutOfReach>() { Fault::nothing() } else { Fault::Unavailable(error) }
}

/// How long what is planned takes at `rate` messages a second, in words.
pub(in crate::console) fn takes(plan: &Plan, rate: u32) -> String {
    let messages = at_least(plan.messages, plan.more, "message", "messages");
    let seconds = plan.messages.max(0).unsigned_abs().div_ceil(u64::from(rate.max(1)));
    let time = crate::when::rough(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000));
    let about = if plan.more { "more than" } else { "about" };
    format!("{messages} at {rate} a second: {about} {time}")
}
