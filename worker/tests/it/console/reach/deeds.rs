//! What people of one account do is done to what is theirs, whatever they ask for, and is in the audit with
//! their account.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;
use worker::parts::records::jobs::JobState;

use super::tenants::{OTHER, OWN, OWN_OPERATOR, OWN_VIEWER, Two};
use crate::console::rig::Answer;

/// Whether the answer says that nothing was done, in one of the ways in which that is said.
fn is_refused(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 404) || answer.header("location") == "/jobs?done=job-none"
}

async fn everything_is_everything_of_the_own_account(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let ann = two.rig.browser.sign_in(OWN_OPERATOR, "ann").await;
    let plan = ann.get("/actions/discard").await;
    plan.shows(&["Discard 3 letters?", "every letter there is", "origin</i> hubspot/62515"]);
    let cutoff_ms = plan.field("cutoff_ms");
    // Not even of one's own without the tick.
    for filter in ["", "origin=hubspot%2F62515", &plan.field("filter")] {
        let fields = [("filter", filter), ("cutoff_ms", cutoff_ms.as_str())];
        assert_eq!(ann.post("/actions/discard", &fields).await.status, 400, "{filter}");
    }
    let fields =
        [("filter", ""), ("cutoff_ms", cutoff_ms.as_str()), ("every", "1"), ("count", "9")];
    let made = ann.post("/actions/discard", &fields).await;
    assert_eq!(two.rig.done(&made).await, 3, "{made:?}");
    assert_eq!(two.in_state(OWN, State::Discarded).await, 3);
    assert_eq!(two.in_state(OTHER, State::Dead).await, 6);
    let restored = ann.act("/actions/restore?code=SHARED").await;
    assert_eq!(two.rig.done(&restored).await, 2);
    // A problem that others have too is one's own letters of it.
    let plan = format!("/actions/retry?problem={}", two.problem);
    ann.get(&plan).await.shows(&["Retry 2 letters?", "<dt>Origins</dt><dd>1</dd>"]);
    ann.get("/actions/restart?code=ONLY_OTHERS").await.shows(&["Nothing to restart"]);
    let acts = two.rig.letters.records.audit(99).await.unwrap();
    let acts: Vec<_> = acts.iter().filter(|act| act.who.starts_with("ann (")).collect();
    assert_eq!(acts.len(), 2, "{acts:?}");
    for act in acts {
        assert_eq!(act.who, "ann (hubspot/62515)");
        assert!(act.filter.contains("origin=hubspot/62515"), "{act:?}");
    }
    ann.get(&made.header("location").replace("?done=job-made", "")).await.shows(&[
        "by ann (hubspot/62515)",
        "all discarded",
        "3 of",
    ]);
    two.finish().await;
}

async fn nothing_of_others_is_changed_whatever_is_asked_for(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let ann = two.with(OWN_OPERATOR);
    let now = shared::clock::now_ms().to_string();
    let (letter, event) = (&two.others[0], &two.others[0].identity);
    let filters = [
        format!("id={}", letter.id),
        format!("origin=hubspot%2F{OTHER}"),
        format!("portal={OTHER}"),
        format!("origin=hubspot%2F{OWN}&origin=hubspot%2F{OTHER}&id={}", letter.id),
        format!("problem={}", letter.fingerprint),
        format!("job={}", two.others_jobs[0]),
        "code=ONLY_OTHERS".to_owned(),
    ];
    for action in ["retry", "restart", "discard", "restore"] {
        for filter in &filters {
            for count in ["", "9"] {
                let fields = [
                    ("filter", filter.as_str()),
                    ("cutoff_ms", now.as_str()),
                    ("every", "1"),
                    ("count", count),
                ];
                let answer = ann.post(&format!("/actions/{action}"), &fields).await;
                assert!(is_refused(&answer), "{action} {filter}: {answer:?}");
                two.assert_own(filter, &answer);
            }
        }
    }
    for question in [format!("event={event}"), format!("since_ms=0&portal={OTHER}")] {
        for force in ["", "1"] {
            let fields = [
                ("question", question.as_str()),
                ("cutoff_ms", now.as_str()),
                ("force", force),
                ("count", "9"),
            ];
            let answer = ann.post("/replay", &fields).await;
            assert!(is_refused(&answer), "{question}: {answer:?}");
        }
    }
    for job in two.others_jobs {
        for deed in ["pause", "resume", "cancel"] {
            let answer = ann.post(&format!("/jobs/{job}/{deed}"), &[]).await;
            let none = ann.post(&format!("/jobs/98765/{deed}"), &[]).await;
            let text = answer.text.replace(&format!("job {job}"), "job 98765");
            assert_eq!((answer.status, text), (404, none.text));
        }
        let job = two.rig.letters.records.jobs().get(job).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Running);
    }
    let note = format!("/problems/{}/note", two.problem);
    assert_eq!(ann.post(&note, &[("note", "x"), ("read", "")]).await.status, 404);
    let problem = two.rig.letters.records.problem(&two.problem).await.unwrap().unwrap();
    assert_eq!(problem.note.as_deref(), Some("Initech waits for this"));
    assert_eq!(two.in_state(OTHER, State::Dead).await, 6);
    assert_eq!(two.in_state(OWN, State::Dead).await, 3);
    let made = two.rig.letters.records.jobs().list(None, 99).await.unwrap();
    assert_eq!(made.len(), 3, "{made:?}");
    let acts = two.rig.letters.records.audit(99).await.unwrap();
    assert!(acts.iter().all(|act| !act.who.contains('(')), "{acts:?}");
    two.finish().await;
}

async fn what_is_handed_out_is_ones_own_and_in_the_audit(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let vic = two.with(OWN_VIEWER);
    let letter = &two.own[0];
    for path in [
        format!("/letters/{}/payload", letter.id),
        format!("/events/{}/payload", letter.identity),
        "/letters/export".to_owned(),
    ] {
        vic.get(&path).await.shows(&["62515"]);
    }
    let acts = two.rig.letters.records.audit(3).await.unwrap();
    let done: Vec<_> = acts.iter().map(|act| (act.who.as_str(), act.action.as_str())).collect();
    let who = "console viewer (hubspot/62515)";
    assert_eq!(done, [(who, "export"), (who, "payload"), (who, "payload")]);
    assert_eq!((acts[0].count, acts[0].filter.as_str()), (3, "origin=hubspot/62515 state=dead"));
    two.finish().await;
}

on_every_database! {
    everything_is_everything_of_the_own_account
    nothing_of_others_is_changed_whatever_is_asked_for
    what_is_handed_out_is_ones_own_and_in_the_audit
}
