//! Letters move by compare-and-set, and the counters with them.

use std::time::Duration;

use shared::message::Message;
use shared::testing::{DatabaseEngine, Dice, on_every_database};
use worker::parts::records::dead_letters::{
    Done, Expired, Exported, Filter, Noted, State, note_version,
};
use worker::parts::records::jobs::{Action, Scope};

use super::rig::{ALWAYS, AT_ONCE, KEPT, Letters, WEEK, again, letter};

/// The seed of a course that ends with every letter discarded, of which none is left in the end.
const ALL_OVER: u64 = 1026;

fn all() -> Filter {
    Filter::default()
}

fn letters(count: u64) -> Vec<Message> {
    (1..=count)
        .map(|id| letter(id, ["A", "B", "C"][usize::try_from(id % 3).unwrap()], "x"))
        .collect()
}

fn done(message: &Message, generation: i64) -> Done {
    let target = message.target.clone().unwrap_or_default();
    Done { identity: message.event.identity.to_string(), target, generation }
}

/// What a job has claimed once it has claimed so many more.
async fn claim(rig: &Letters, job_id: i64, filter: &Filter, limit: u32) -> Vec<Exported> {
    rig.claim(job_id, filter, limit).await;
    rig.records.claimed(job_id).await.unwrap()
}

async fn of_two_who_discard_the_same_each_letter_is_one_ones(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&letters(5000)).await;
    let filter = Filter { code: Some("A".to_owned()), ..Filter::default() };
    let expected = rig.count(&filter).await;
    let everything = all();
    let (one, other, claimed) = tokio::join!(
        rig.discard(&filter, ALWAYS, "ann"),
        rig.discard(&everything, ALWAYS, "bob"),
        rig.claim(-1, &everything, 1000),
    );
    let claimed = i64::try_from(claimed).unwrap();
    assert_eq!((one + other + claimed, claimed <= 1000), (5000, true));
    assert_eq!(rig.in_state(State::Discarded).await, one + other);
    assert!(one <= expected);
    let acts = rig.records.audit(100).await.unwrap();
    // One line each, however many parts it was done in; who came too late for all of them has done nothing.
    for (who, discarded) in [("ann", one), ("bob", other)] {
        let lines = acts.iter().filter(|act| act.who == who).count();
        assert_eq!(lines, usize::from(discarded > 0), "{acts:?}");
    }
    assert_eq!(rig.discard(&filter, ALWAYS, "ann").await, 0);
    rig.assert_counters().await;
    rig.finish().await;
}

async fn what_was_discarded_is_restored_or_in_the_end_deleted(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&letters(9)).await;
    let a = Filter { code: Some("A".to_owned()), ..Filter::default() };
    assert_eq!(rig.discard(&all(), ALWAYS, "ann").await, 9);
    assert_eq!(rig.restore(&a, WEEK, "bob").await, 3);
    assert_eq!(rig.restore(&a, WEEK, "bob").await, 0);
    assert_eq!(rig.records.expire(KEPT).await.unwrap(), Expired::default());
    // As long as the clock has not gone on, what was discarded now is not yet too old.
    let mut gone = 0;
    while gone < 6 {
        gone += rig.records.expire(AT_ONCE).await.unwrap().discarded;
    }
    assert_eq!((rig.count(&all()).await, rig.in_state(State::Dead).await), (3, 3));
    rig.assert_counters().await;
    let acts = rig.records.audit(100).await.unwrap();
    assert!(
        acts.iter().any(|act| (&*act.who, &*act.action) == ("bob", "restore")
            && act.filter.ends_with(" code=A"))
    );
    assert!(acts.iter().any(|act| (&*act.who, &*act.action) == ("hubline", "delete")));
    rig.finish().await;
}

async fn what_was_discarded_too_long_ago_is_not_restored(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&letters(1)).await;
    rig.discard(&all(), ALWAYS, "ann").await;
    let discarded = rig.records.list(&all(), None, 1).await.unwrap().letters[0].state_ms;
    while shared::clock::now_ms() <= discarded {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.restore(&all(), Duration::ZERO, "ann").await, 0);
    rig.finish().await;
}

async fn what_dies_after_the_plan_is_left_alone(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&letters(3)).await;
    let newest = rig.records.list(&all(), None, 1).await.unwrap().letters[0].state_ms;
    while shared::clock::now_ms() <= newest {
        tokio::task::yield_now().await;
    }
    rig.index(&[letter(50, "A", "x")]).await;
    let scope = Scope::letters(Action::Discard, all());
    let plan = rig.records.jobs().plan(&scope, newest).await.unwrap();
    assert_eq!((plan.count, plan.origins), (3, 1));
    assert_eq!(rig.discard(&all(), newest, "ann").await, 3);
    assert_eq!(rig.in_state(State::Dead).await, 1);
    rig.finish().await;
}

async fn a_retry_goes_from_state_to_state_and_never_back(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages = letters(4);
    rig.index(&messages).await;
    let claimed = claim(&rig, -1, &all(), 3).await;
    let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.letter.id).collect();
    let mut messages = messages;
    // In the order in which they were claimed; one was not.
    messages.sort_by_key(|message| {
        let identity = message.event.identity.to_string();
        claimed.iter().position(|claimed| claimed.letter.identity == identity).unwrap_or(9)
    });
    assert_eq!(claimed.len(), 3);
    assert!(claimed.iter().zip(&messages).all(|(claimed, message)| {
        claimed.body.as_deref() == Some(&message.event.body()[..])
            && claimed.letter.state == State::Requested
    }));
    // Nobody else gets them, and no other job can say anything of them.
    assert_eq!(claim(&rig, -2, &all(), 9).await.len(), 1);
    assert_eq!(rig.mark_retried(-2, &ids).await, 0);
    assert_eq!(rig.mark_retried(-1, &ids[..2]).await, 2);
    assert_eq!(rig.mark_retried(-1, &ids[..2]).await, 0);
    assert_eq!(rig.give_back(-1).await, 1);
    assert_eq!(rig.give_back(-2).await, 1);
    let other = Done { target: "other".to_owned(), ..done(&messages[0], 0) };
    let unknown = done(&letter(99, "A", "x"), 0);
    let replayed = done(&messages[3], 0);
    let all_done = [other, unknown, replayed, done(&messages[0], 5)];
    assert_eq!(rig.records.mark_resolved(&all_done).await.unwrap(), 2);
    assert_eq!(rig.records.mark_resolved(&all_done).await.unwrap(), 0);
    assert_eq!(rig.records.mark_resolved(&[]).await.unwrap(), 0);
    assert_eq!(rig.discard(&Filter::of(&ids), ALWAYS, "ann").await, 1);
    for (state, count) in [(State::Resolved, 2), (State::Retried, 1), (State::Discarded, 1)] {
        assert_eq!(rig.in_state(state).await, count, "{state}");
    }
    rig.assert_counters().await;
    rig.finish().await;
}

/// Forty things done to letters, one after the other, as these dice fall.
async fn forty_things(rig: &Letters, dice: &mut Dice) {
    let mut messages = letters(300);
    rig.index(&messages).await;
    for round in 0..40 {
        let filter = match dice.below(4) {
            0 => Filter { code: Some("B".to_owned()), ..all() },
            1 => Filter { object_id: Some(1 + dice.small::<i64>(299)), ..all() },
            2 => Filter { target: Some("on_deal_created".to_owned()), ..all() },
            _ => all(),
        };
        let some = dice.below(messages.len() - 20);
        let some = &messages[some..some + 20];
        match dice.below(6) {
            0 => drop(rig.discard(&filter, ALWAYS, "ann").await),
            1 => drop(rig.restore(&filter, WEEK, "ann").await),
            2 => {
                let claimed = claim(rig, -1 - round, &filter, 50).await;
                let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.letter.id).collect();
                rig.mark_retried(-1 - round, &ids[ids.len() / 3..]).await;
            }
            3 => drop(rig.give_back(-round).await),
            4 => {
                let done: Vec<Done> = some.iter().map(|message| done(message, 0)).collect();
                rig.records.mark_resolved(&done).await.unwrap();
            }
            _ => {
                let next: Vec<Message> = some.iter().map(again).collect();
                rig.index(&next).await;
                messages.extend(next);
            }
        }
    }
}

async fn counters_are_right_after_whatever_was_done(engine: DatabaseEngine) {
    for seed in [ALL_OVER, rand::random()] {
        // Shown if the test fails.
        eprintln!("seed {seed}");
        let rig = Letters::new(engine).await;
        forty_things(&rig, &mut Dice(seed)).await;
        rig.assert_counters().await;
        rig.records.expire(AT_ONCE).await.unwrap();
        let left = rig.count(&all()).await;
        assert!(left == 0 || seed != ALL_OVER, "{left} letters are left");
        // So there is something to count even if nothing was left.
        rig.index(&(1001..=1030).map(|id| letter(id, "A", "x")).collect::<Vec<_>>()).await;
        rig.assert_counters().await;
        rig.finish().await;
    }
}

async fn a_note_stays_with_its_problem(engine: DatabaseEngine) {
    use worker::parts::records::dead_letters::Grouping;
    let rig = Letters::new(engine).await;
    rig.index(&letters(1)).await;
    let key = rig.records.groups(Grouping::Fingerprint, false).await.unwrap().remove(0).key;
    let note = async |read: &str, text: Option<&str>| {
        rig.records.note(&key, &note_version(Some(read)), text, "ann").await.unwrap()
    };
    assert_eq!(note("", Some("ask \0 the ERP's people")).await, Noted::Written);
    let unknown = rig.records.note("no such", "", Some("x"), "ann").await.unwrap();
    assert_eq!(unknown, Noted::Unknown);
    rig.index(&letters(5)).await;
    let groups = rig.records.groups(Grouping::Fingerprint, false).await.unwrap();
    let group = groups.into_iter().find(|group| group.key == key).unwrap();
    assert_eq!(group.note.as_deref(), Some("ask \u{fffd} the ERP's people"));
    // Nobody writes over what they have not read.
    let there = "ask \u{fffd} the ERP's people";
    for read in ["", "ask the ERP's people"] {
        for text in [None, Some("mine")] {
            assert_eq!(note(read, text).await, Noted::Changed(Some(there.to_owned())));
        }
    }
    let acts = rig.records.audit(9).await.unwrap();
    assert_eq!(acts.iter().filter(|act| act.action == "note").count(), 1, "{acts:?}");
    assert_eq!(note(there, None).await, Noted::Written);
    assert_eq!(note(there, Some("late")).await, Noted::Changed(None));
    // Of several at once one has read what is there.
    let notes = (0..8).map(|number| {
        let (records, key, text) = (rig.records.clone(), key.clone(), format!("note {number}"));
        tokio::spawn(async move { records.note(&key, "", Some(&text), "ann").await.unwrap() })
    });
    let ends = futures_util::future::join_all(notes).await;
    let written = ends.into_iter().filter(|noted| *noted.as_ref().unwrap() == Noted::Written);
    assert_eq!(written.count(), 1);
    rig.finish().await;
}

on_every_database! {
    of_two_who_discard_the_same_each_letter_is_one_ones
    what_was_discarded_is_restored_or_in_the_end_deleted
    what_was_discarded_too_long_ago_is_not_restored
    what_dies_after_the_plan_is_left_alone
    a_retry_goes_from_state_to_state_and_never_back
    counters_are_right_after_whatever_was_done
    a_note_stays_with_its_problem
}
