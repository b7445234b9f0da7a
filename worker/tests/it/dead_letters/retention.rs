//! What is over is deleted after a while, and what waits for somebody never.

use prometheus_client::registry::Registry;
use shared::message::Message;
use shared::metrics::BrokerMetrics;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Done, Expired, Filter, Grouping, Indexer, State};

use super::rig::{ALWAYS, AT_ONCE, KEPT, Letters, again, letter};
use crate::harness::within;

fn of(code: &str) -> Filter {
    Filter { code: Some(code.to_owned()), ..Filter::default() }
}

/// Deletes what is over until there is `wanted`: what has ended in this very millisecond stays.
async fn expire(rig: &Letters, wanted: Expired) {
    let mut gone = Expired::default();
    while gone != wanted {
        let Expired { discarded, resolved, died_again, problems } =
            rig.records.expire(AT_ONCE).await.unwrap();
        gone.discarded += discarded;
        gone.resolved += resolved;
        gone.died_again += died_again;
        gone.problems += problems;
        let more = gone.discarded > wanted.discarded
            || gone.resolved > wanted.resolved
            || gone.died_again > wanted.died_again
            || gone.problems > wanted.problems;
        assert!(!more, "{gone:?}, and {wanted:?} was to go");
    }
}

async fn keys(rig: &Letters) -> Vec<String> {
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    let mut codes: Vec<String> = groups.into_iter().filter_map(|group| group.code).collect();
    codes.sort();
    codes
}

/// Claims what has `code` for a job, says that it was published, and gives their events.
async fn retry(rig: &Letters, job_id: i64, code: &str) -> Vec<String> {
    rig.claim(job_id, &of(code), 100).await;
    let claimed = rig.records.claimed(job_id).await.unwrap();
    let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.letter.id).collect();
    rig.mark_retried(job_id, &ids).await;
    claimed.into_iter().map(|claimed| claimed.letter.identity).collect()
}

async fn what_is_over_goes_and_what_waits_for_somebody_stays(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let ended: Vec<Message> = (1..=3).map(|id| letter(id, "ENDED", "x")).collect();
    let died: Vec<Message> = (4..=5).map(|id| letter(id, "DIED", "x")).collect();
    rig.index(&[ended.clone(), died.clone()].concat()).await;
    for (id, code) in [(6, "DISCARDED"), (7, "DEAD"), (8, "OUT"), (9, "RETRIED")] {
        rig.index(&[letter(id, code, "x")]).await;
    }
    let done = |identity: String| {
        let target = "on_deal_created".to_owned();
        Done { identity, target, generation: 0 }
    };
    let done: Vec<Done> = retry(&rig, -1, "ENDED").await.into_iter().map(done).collect();
    rig.records.mark_resolved(&done).await.unwrap();
    retry(&rig, -2, "DIED").await;
    let later = died.iter().map(again).map(|message| {
        let death = message
            .death
            .clone()
            .map(|death| shared::message::Death { code: "LATER".to_owned(), ..death });
        Message { death, ..message }
    });
    rig.index(&later.collect::<Vec<_>>()).await;
    rig.discard(&of("DISCARDED"), ALWAYS, "ann").await;
    rig.claim(-3, &of("OUT"), 1).await;
    retry(&rig, -4, "RETRIED").await;

    assert_eq!(rig.records.expire(KEPT).await.unwrap(), Expired::default());
    expire(&rig, Expired { discarded: 1, resolved: 3, died_again: 2, problems: 3 }).await;
    let states = [State::Dead, State::Requested, State::Retried];
    let mut left = Vec::new();
    for state in states {
        left.push(rig.in_state(state).await);
    }
    assert_eq!((left, rig.count(&Filter::default()).await), (vec![3, 1, 1], 5));
    assert_eq!(keys(&rig).await, ["DEAD", "LATER", "OUT", "RETRIED"]);
    rig.assert_counters().await;

    let acts = rig.records.audit(100).await.unwrap();
    let acts: Vec<_> = acts
        .iter()
        .filter(|act| act.who == "hubline")
        .map(|act| (&*act.action, &*act.filter, act.count))
        .collect();
    for act in [
        ("delete", "state=discarded", 1),
        ("delete", "state=resolved", 3),
        ("delete", "state=died_again", 2),
    ] {
        assert!(acts.contains(&act), "{acts:?}");
    }
    let problems = acts.iter().filter(|act| act.0 == "delete problems").map(|act| act.2);
    assert_eq!(problems.sum::<i64>(), 3);
    rig.finish().await;
}

async fn a_problem_with_a_note_stays_and_one_that_is_met_again_begins_anew(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[letter(1, "NOTED", "x"), letter(2, "PLAIN", "x")]).await;
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    let noted = groups.iter().find(|group| group.code.as_deref() == Some("NOTED")).unwrap();
    rig.records.note(&noted.key, "", Some("theirs"), "ann").await.unwrap();
    rig.discard(&Filter::default(), ALWAYS, "ann").await;
    expire(&rig, Expired { discarded: 2, problems: 1, ..Expired::default() }).await;
    assert_eq!(keys(&rig).await, ["NOTED"]);
    rig.index(&[letter(3, "PLAIN", "x"), letter(4, "NOTED", "x")]).await;
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    for group in &groups {
        // The trend was forgotten with the problem, and kept with the other.
        let deaths = if group.note.is_some() { 2 } else { 1 };
        assert_eq!((group.dead, group.origins), (1, 1), "{group:?}");
        assert_eq!(group.trend.as_ref().unwrap().iter().sum::<i64>(), deaths, "{group:?}");
    }
    rig.assert_counters().await;
    rig.finish().await;
}

async fn what_is_deleted_is_counted(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    rig.discard(&Filter::default(), ALWAYS, "ann").await;
    let letters = rig.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let newest = letters.iter().map(|letter| letter.state_ms).max().unwrap();
    while shared::clock::now_ms() <= newest {
        tokio::task::yield_now().await;
    }
    let mut registry = Registry::default();
    let metrics = BrokerMetrics::register(&mut registry);
    let broker = rig.queues.broker();
    let indexer = Indexer::start(rig.records.clone(), broker, AT_ONCE, &mut registry, metrics);
    let counted = async {
        loop {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            let letters = text.contains("dead_letters_deleted_total{state=\"discarded\"} 2");
            if letters && text.contains("problems_deleted_total 1") {
                return;
            }
            // A registry has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("the deletion", counted).await;
    assert_eq!(rig.count(&Filter::default()).await, 0);
    rig.end(indexer).await;
    rig.finish().await;
}

on_every_database! {
    what_is_over_goes_and_what_waits_for_somebody_stays
    a_problem_with_a_note_stays_and_one_that_is_met_again_begins_anew
    what_is_deleted_is_counted
}
