//! Retries, restarts and replays through their pages, with real workers.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;

use super::rig::{Browser, OPERATOR, VIEWER, console};
use crate::harness::deal;
use crate::jobs::program::run;
use crate::jobs::replay::logged;
use crate::jobs::rig::Bulk;

async fn a_problem_is_retried_from_its_group_to_its_resolution(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=12).await;
    bulk.mend();
    let console = console(&bulk.database.url(), bulk.rig.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let groups = browser.get("/").await;
    let plan = groups.link("Retry…").expect("a way to retry the problem");
    browser.get(&plan).await.shows(&[
        "Retry 12 letters?",
        "steps that had succeeded are not run again",
        "12 messages at 50 a second: about 1 s",
        "worker dead-letters retry --problem=",
    ]);
    let made = browser.act(&plan).await;
    assert_eq!((made.status, made.header("location")), (303, "/jobs/1?done=job-made"));
    browser.get("/jobs/1?done=job-made").await.shows(&["Retry 1", "running", "The job is made."]);
    let runner = bulk.runner();
    bulk.finished(1).await;
    bulk.wait_for(State::Resolved, 12).await;
    let page = browser.get("/jobs/1").await;
    page.shows(&["all succeeded", "12 of 12", "/letters?job=1&amp;state=resolved\">12</a>"]);
    page.hides(&["Cancel the job"]);
    browser.get("/jobs").await.shows(&["<a href=\"/jobs/1\">Retry 1</a>", "12 of 12"]);
    let resolved = browser.get("/letters?job=1&state=resolved").await;
    assert_eq!(resolved.letters().len(), 12);
    let letter = format!("/letters/{}", resolved.letters()[0]);
    browser.get(&letter).await.shows(&["<a href=\"/jobs/1\">job 1</a>", "<code>first</code>"]);
    browser.get("/audit").await.shows(&["retry", "job=1"]);
    runner.close().await;
    console.stop().await;
    bulk.finish().await;
}

/// Published is not done, and only what is done is green.
async fn what_has_not_succeeded_is_nowhere_called_good(engine: DatabaseEngine) {
    let mut bulk = Bulk::new(engine).await;
    bulk.die(1..=5).await;
    bulk.fail_for_now().await;
    let console = console(&bulk.database.url(), bulk.rig.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    browser.act("/actions/restart?code=TEST_4XX").await;
    let runner = bulk.runner();
    bulk.until(1, "they do not fail", |job| job.failing == 5 && job.fate().is_some()).await;
    for path in ["/jobs", "/jobs/1"] {
        let page = browser.get(path).await;
        page.shows(&["all published, some failing", "state bad", "count bad\">5"]);
        page.hides(&["state good", "count good"]);
    }
    let told = run(&bulk, &["dlq", "jobs", "show", "1", "--json"]).await.json();
    let told = ["state", "fate", "failing", "succeeded"].map(|field| told[field].to_string());
    assert_eq!(told, ["\"done\"", "\"failing\"", "5", "0"]);
    let said = run(&bulk, &["dlq", "jobs"]).await.stdout;
    assert!(said.contains("job 1 is failing: 5 of 5 published, 0 succeeded, 5 failing"), "{said}");
    bulk.mend();
    bulk.finished(1).await;
    for path in ["/jobs", "/jobs/1"] {
        let page = browser.get(path).await;
        page.shows(&["all succeeded", "state good", "count good"]).hides(&["count bad"]);
    }
    runner.close().await;
    console.stop().await;
    bulk.finish().await;
}

async fn a_job_is_paused_resumed_and_cancelled_by_those_who_may(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=3).await;
    let flags = ["--console-token", OPERATOR, "--console-viewer-token", VIEWER];
    let console = console(&bulk.database.url(), bulk.rig.queues.broker(), &flags);
    let anybody = Browser::at(console.address());
    let (ann, viewer) =
        (anybody.sign_in(OPERATOR, "ann").await, anybody.sign_in(VIEWER, "vic").await);
    let plan = "/actions/restart?code=TEST_4XX";
    assert_eq!(viewer.get(plan).await.status, 403);
    assert_eq!(ann.act(plan).await.header("location"), "/jobs/1?done=job-made");
    viewer
        .get("/jobs/1")
        .await
        .shows(&["Restart 1", "by ann"])
        .hides(&["<button class=\"danger\""]);
    assert_eq!(viewer.post("/jobs/1/pause", &[]).await.status, 403);
    assert_eq!(ann.post_bare("/jobs/1/pause", &[]).await.status, 403);
    for (deed, shown) in [("pause", "paused"), ("resume", "running"), ("cancel", "being cancelled")]
    {
        let turned = ann.post(&format!("/jobs/1/{deed}"), &[]).await;
        assert_eq!(turned.header("location"), format!("/jobs/1?done=job-{deed}"));
        ann.get("/jobs/1").await.shows(&[shown]);
    }
    let again = ann.post("/jobs/1/pause", &[]).await;
    assert_eq!(again.header("location"), "/jobs/1?done=job-nothing");
    assert_eq!(ann.post("/jobs/1/explode", &[]).await.status, 404);
    assert_eq!(ann.post("/jobs/9/pause", &[]).await.status, 404);
    assert_eq!(ann.get("/jobs/x").await.status, 404);
    assert_eq!(bulk.in_state(State::Dead).await, 3);
    console.stop().await;
    bulk.finish().await;
}

async fn a_job_is_made_of_what_was_planned_and_at_a_rate_that_can_be_read(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.die(1..=2).await;
    let console = console(&bulk.database.url(), bulk.rig.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let cutoff_ms = browser.get("/actions/retry?code=TEST_4XX").await.field("cutoff_ms");
    let fields = [("filter", ""), ("cutoff_ms", cutoff_ms.as_str())];
    assert_eq!(browser.post("/actions/retry", &fields).await.status, 400);
    for rate in ["fast", "-1", "10001"] {
        let fields =
            [("filter", "code=TEST_4XX"), ("cutoff_ms", cutoff_ms.as_str()), ("rate", rate)];
        let refused = browser.post("/actions/retry", &fields).await;
        assert_eq!(refused.status, 400, "{rate}");
        assert!(refused.text.contains("Nothing was done"), "{}", refused.text);
    }
    browser.get("/jobs").await.shows(&["No jobs yet"]);
    let nothing = browser.get("/actions/retry?code=OTHER").await;
    nothing.shows(&["Nothing to retry"]);
    console.stop().await;
    bulk.finish().await;
}

async fn events_are_replayed_as_they_were_searched_for(engine: DatabaseEngine) {
    let bulk = Bulk::new(engine).await;
    bulk.mend();
    for id in 1..=5 {
        bulk.rig.publish(&deal(id)).await;
    }
    bulk.probe.wait(5).await;
    logged(&bulk, 5).await;
    let console = console(&bulk.database.url(), bulk.rig.queues.broker(), &[]);
    let browser = Browser::at(console.address());
    let way = browser.get("/events?since=1h&type=deal.creation").await.link("Replay these…");
    let plan = browser.get(&way.expect("a way to replay them")).await;
    plan.shows(&["Replay 5 events?", "What is completed stays completed", "since</i> 1h"]);
    let (question, cutoff_ms) = (plan.field("question"), plan.field("cutoff_ms"));
    assert!(question.contains("since_ms="), "{question}");
    let fields =
        [("question", question.as_str()), ("cutoff_ms", &cutoff_ms), ("rate", "0"), ("force", "1")];
    let made = browser.post("/replay", &fields).await;
    assert_eq!(made.header("location"), "/jobs/1?done=job-made", "{}", made.text);
    let runner = bulk.runner();
    assert_eq!(bulk.finished(1).await.succeeded, 5);
    assert_eq!(bulk.probe.runs().len(), 10);
    browser.get("/jobs/1").await.shows(&["Forced replay 1", "5 of 5", "as fast as it goes"]);
    // Nobody means all events ever.
    assert_eq!(browser.get("/replay?type=deal.creation").await.status, 400);
    assert_eq!(browser.post_bare("/replay", &fields).await.status, 403);
    runner.close().await;
    console.stop().await;
    bulk.finish().await;
}

on_every_database! {
    a_problem_is_retried_from_its_group_to_its_resolution
    what_has_not_succeeded_is_nowhere_called_good
    a_job_is_paused_resumed_and_cancelled_by_those_who_may
    a_job_is_made_of_what_was_planned_and_at_a_rate_that_can_be_read
    events_are_replayed_as_they_were_searched_for
}
