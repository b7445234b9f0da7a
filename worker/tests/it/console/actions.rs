//! What is done to letters: planned, agreed to, done once, and noted.

use shared::message::Message;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping, State};

use super::rig::Rig;
use crate::dead_letters::rig::letter;

async fn letters_are_discarded_and_restored_as_planned(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let mut messages: Vec<Message> = (1..=30).map(|id| letter(id, "ERP_422", "no")).collect();
    messages[0].event.origin = Origin::hubspot(9);
    messages.push(letter(31, "SLACK_5XX", "down"));
    rig.letters.index(&messages).await;
    let plan = "/actions/discard?code=ERP_422";
    rig.browser.get(plan).await.shows(&[
        "Discard 30 letters?",
        "code</i> ERP_422",
        "<dt>Origins</dt><dd>2</dd>",
        "restored for 7 days",
        "worker dead-letters discard --code=ERP_422",
    ]);
    assert_eq!(rig.carry_out(plan).await, 30);
    rig.browser.get("/jobs/1").await.shows(&[
        "Discard 1",
        "all discarded",
        "30 of 30",
        "/letters?job=1&amp;state=discarded\">30</a>",
    ]);
    rig.browser.get("/letters?code=ERP_422").await.shows(&["No letter matches"]);
    let discarded = rig.browser.get("/discarded").await;
    discarded.shows(&["30 discarded letters", "in 6 days"]);
    let ids = discarded.letters();
    let ticked = format!("/actions/restore?scope=ticked&id={}&id={}", ids[0], ids[1]);
    assert_eq!(rig.carry_out(&ticked).await, 2);
    rig.browser.get("/jobs/2").await.shows(&["Restore 2", "all restored", "2 of 2"]);
    assert_eq!(rig.letters.in_state(State::Discarded).await, 28);
    rig.browser.get("/audit").await.shows(&["console", "discard", "code=ERP_422", "restore"]);
    rig.letters.assert_counters().await;
    rig.finish().await;
}

async fn what_dies_after_the_plan_was_shown_is_left_alone(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    let plan = rig.browser.get("/actions/discard?code=A").await;
    let (filter, cutoff_ms) = (plan.field("filter"), plan.field("cutoff_ms"));
    // The next millisecond is not the plan's any more.
    let planned_ms: i64 = cutoff_ms.parse().unwrap();
    while shared::clock::now_ms() <= planned_ms {
        tokio::task::yield_now().await;
    }
    rig.letters.index(&[letter(3, "A", "x")]).await;
    let fields = [("filter", filter.as_str()), ("cutoff_ms", &cutoff_ms)];
    let made = rig.browser.post("/actions/discard", &fields).await;
    assert_eq!(rig.done(&made).await, 2);
    assert_eq!(rig.letters.in_state(State::Dead).await, 1);
    // Sent once more, it finds nothing to do, and says so.
    let again = rig.browser.post("/actions/discard", &fields).await;
    assert_eq!(again.header("location"), "/jobs?done=job-none");
    let page = rig.browser.get(again.header("location")).await;
    page.shows(&["No job was made: there was nothing to do any more."]);
    // A time that is not over yet is nobody's plan.
    let far = (shared::clock::now_ms() + 3_600_000).to_string();
    for cutoff_ms in ["", "x", &far] {
        let fields = [("filter", filter.as_str()), ("cutoff_ms", cutoff_ms)];
        assert_eq!(rig.browser.post("/actions/discard", &fields).await.status, 400);
    }
    assert_eq!(rig.letters.in_state(State::Dead).await, 1);
    rig.finish().await;
}

async fn every_letter_must_be_meant(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "B", "x")]).await;
    let plan = rig.browser.get("/actions/discard?scope=matching&filter=").await;
    plan.shows(&["every letter there is", "name=\"every\" value=\"1\" required"]);
    let cutoff_ms = plan.field("cutoff_ms");
    let post = async |more: &[(&str, &str)]| {
        let fields = [&[("cutoff_ms", cutoff_ms.as_str())], more].concat();
        rig.browser.post("/actions/discard", &fields).await
    };
    for wrong in [
        &[][..],
        &[("filter", "")],
        &[("filter", "state=dead")],
        &[("filter", "nothing=known")],
        &[("filter", "portal=x"), ("every", "1")],
        &[("filter", "id=x"), ("every", "1")],
        &[("filter", "filter=code%3DA"), ("every", "1")],
    ] {
        let refused = post(wrong).await;
        assert!(refused.status == 400 && refused.text.contains("Nothing was done"), "{wrong:?}");
    }
    for path in [
        "/actions/discard?scope=ticked&filter=code%3DA",
        "/actions/discard?filter=code%3DA",
        "/actions/discard?code=A&filter=code%3DA",
        "/actions/discard?scope=matching&filter=filter%3Dcode%253DA",
        "/actions/discard?portal=x",
    ] {
        assert_eq!(rig.browser.get(path).await.status, 400, "{path}");
    }
    assert_eq!(rig.letters.in_state(State::Dead).await, 2);
    assert_eq!(rig.done(&post(&[("every", "1")]).await).await, 2);
    assert_eq!(rig.letters.in_state(State::Discarded).await, 2);
    rig.browser.get("/actions/discard?code=A").await.shows(&["Nothing to discard"]);
    assert_eq!(rig.browser.get("/actions/explode?code=A").await.status, 404);
    rig.finish().await;
}

/// Their result may never be heard of.
async fn letters_that_are_being_retried_can_be_sent_again_and_discarded(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let messages: Vec<Message> = (1..=3).map(|id| letter(id, "A", "x")).collect();
    rig.letters.index(&messages).await;
    rig.letters.claim(-1, &Filter::default(), 2).await;
    let claimed = rig.letters.records.claimed(-1).await.unwrap();
    let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.letter.id).collect();
    rig.letters.mark_retried(-1, &ids).await;
    let list = rig.browser.get("/letters?state=retried").await;
    list.shows(&["Retry ticked…", "Discard all 2…", "name=\"state\" value=\"retried\""]);
    let page = rig.browser.get(&format!("/letters/{}", ids[0])).await;
    let again = page.link("Retry…").expect("a way to send it again");
    rig.browser.get(&again).await.shows(&["Retry 1 letter?", "being retried", "--sent-before="]);
    let made = rig.browser.act(&again).await;
    assert!(made.header("location").starts_with("/jobs/1?"), "{made:?}");
    // Discarded while it is out; of all there are only those that are.
    let plan = "/actions/discard?scope=matching&state=retried&filter=code%3DA";
    rig.browser.get(plan).await.shows(&["Discard 2 letters?"]);
    assert_eq!(rig.carry_out(plan).await, 2);
    let counts =
        (rig.letters.in_state(State::Discarded).await, rig.letters.in_state(State::Dead).await);
    assert_eq!(counts, (2, 1));
    for state in ["resolved", "discarded", "gone"] {
        let wrong = rig.browser.get(&format!("/actions/retry?code=A&state={state}")).await;
        assert_eq!(wrong.status, 400, "{state}");
    }
    rig.letters.assert_counters().await;
    rig.finish().await;
}

async fn a_note_is_written_and_taken_away(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let problem =
        rig.letters.records.groups(Grouping::Fingerprint, false).await.unwrap().remove(0).key;
    let path = format!("/problems/{problem}/note");
    rig.browser.get(&path).await.shows(&["<textarea"]);
    let read = rig.browser.get(&path).await.field("read");
    let written =
        rig.browser.post(&path, &[("note", "line one\r\nline two "), ("read", &read)]).await;
    rig.browser
        .get(written.header("location"))
        .await
        .shows(&["The note is written", "line one\nline two"]);
    assert_eq!(rig.browser.post(&path, &[("note", &"x".repeat(2001))]).await.status, 400);
    assert_eq!(rig.browser.post("/problems/none/note", &[("note", "x")]).await.status, 404);
    // Who has not read it does not write over it, and loses nothing of their own.
    let late = rig.browser.post(&path, &[("note", "mine"), ("read", &read)]).await;
    assert_eq!(late.status, 409);
    for words in ["Nothing was written", "line one\nline two", ">\nmine</textarea>"] {
        assert!(late.text.contains(words), "{words} in {}", late.text);
    }
    let group = rig.letters.records.problem(&problem).await.unwrap().unwrap();
    assert_eq!(group.note.as_deref(), Some("line one\nline two"));
    // Having read it there they may.
    let fields = [("note", "mine"), ("read", &late.field("read"))];
    assert_eq!(rig.browser.post(&path, &fields).await.status, 303);
    let read = rig.browser.get(&path).await.field("read");
    assert_eq!(rig.browser.post(&path, &[("note", ""), ("read", &read)]).await.status, 303);
    let group = rig.letters.records.problem(&problem).await.unwrap().unwrap();
    assert_eq!(group.note, None);
    rig.finish().await;
}

/// An address can be sent to anybody, and written by anybody.
async fn only_who_did_it_is_told_that_it_was_done(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "B", "x")]).await;
    let done = "/jobs?done=job-cancel";
    for path in [done, "/?done=note", "/jobs?done=job-made", "/letters?done=retry", "/?done=x"] {
        rig.browser.get(path).await.shows(&[]).hides(&["class=\"notice\""]);
    }
    let told = rig.browser.act("/actions/discard?code=A").await.header("location").to_owned();
    // Another address than the one that it led to.
    rig.browser.get(done).await.hides(&["class=\"notice\""]);
    rig.browser.get(&told).await.shows(&["class=\"notice\"", "The job is made."]);
    // Loaded again, or somewhere else.
    rig.browser.get(&told).await.shows(&[]).hides(&["class=\"notice\""]);
    let guarded = Rig::guarded(engine).await;
    let next = "/jobs?done=job-cancel";
    let fields = [("token", super::rig::OPERATOR), ("next", next)];
    let led = guarded.browser.post("/login", &fields).await;
    assert_eq!(led.header("location"), next);
    let session = led.header("set-cookie").split(';').next().unwrap().to_owned();
    let ann = guarded.browser.with("cookie", &session);
    ann.get(next).await.shows(&[]).hides(&["class=\"notice\""]);
    guarded.finish().await;
    rig.finish().await;
}

async fn many_letters_are_moved_as_one(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let messages: Vec<Message> = (1..=4500).map(|id| letter(id, "A", "x")).collect();
    rig.letters.index(&messages).await;
    assert_eq!(rig.carry_out("/actions/discard?code=A").await, 4500);
    assert_eq!(rig.letters.in_state(State::Discarded).await, 4500);
    let acts = rig.letters.records.audit(10).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|act| (&*act.action, act.count)).collect();
    assert_eq!(acts, [("discard", 4500)], "one act has one line");
    rig.letters.assert_counters().await;
    rig.finish().await;
}

on_every_database! {
    letters_are_discarded_and_restored_as_planned
    what_dies_after_the_plan_was_shown_is_left_alone
    every_letter_must_be_meant
    letters_that_are_being_retried_can_be_sent_again_and_discarded
    a_note_is_written_and_taken_away
    only_who_did_it_is_told_that_it_was_done
    many_letters_are_moved_as_one
}
