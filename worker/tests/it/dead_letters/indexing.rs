//! Every letter comes into the records, whatever it is, and once.

use bytes::Bytes;
use shared::message::Message;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, Place, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping, Indexed, State};

use super::rig::{Letters, again, letter, with_body, with_event};
use crate::harness::within;

async fn a_letter_is_kept_with_all_there_is_to_know_of_it(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = Message {
        traceparent: Some(traceparent.into()),
        generation: 2,
        ..letter(7, "ERP_422", "ERP answered 422: no amount")
    };
    rig.index(std::slice::from_ref(&message)).await;
    let page = rig.records.list(&Filter::default(), None, 10).await.unwrap();
    let kept = &page.letters[0];
    let death = message.death.clone().unwrap();
    assert_eq!((page.letters.len(), page.next), (1, None));
    assert_eq!(
        (kept.identity.clone(), &*kept.target),
        (message.event.identity.to_string(), "on_deal_created")
    );
    assert_eq!((kept.generation, kept.attempt), (2, 10));
    assert_eq!(kept.origin, Origin::hubspot(62515));
    assert_eq!((&*kept.subscription_type, kept.object_id), ("deal.creation", Some(7)));
    assert_eq!((&*kept.reason, &*kept.code, &*kept.error), ("exhausted", "ERP_422", &*death.error));
    assert_eq!((kept.died_ms, kept.received_ms), (death.dead_ms, message.received_ms));
    assert_eq!((kept.traceparent.as_deref(), kept.state), (Some(traceparent), State::Dead));
    assert_eq!(rig.records.body(kept.id).await.unwrap().unwrap(), *message.event.body());
    assert_eq!(rig.records.body(kept.id + 1).await.unwrap(), None);
    rig.finish().await;
}

async fn the_same_letter_twice_is_one(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages: Vec<Message> = (1..=700).map(|id| letter(id, "ERP_5XX", "down")).collect();
    assert_eq!(
        rig.index(&messages).await.indexed,
        Indexed { new: 700, known: 0, died_again: 0, problems: 1 }
    );
    let more = [messages.clone(), vec![letter(701, "X", "y"), letter(701, "X", "y")]].concat();
    assert_eq!(
        rig.index(&more).await.indexed,
        Indexed { new: 1, known: 701, died_again: 0, problems: 1 }
    );
    assert_eq!(rig.count(&Filter::default()).await, 701);
    rig.assert_counters().await;
    rig.finish().await;
}

async fn what_is_no_message_is_kept_with_its_bytes(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[]).await;
    let body = b"\xff\x00 not \x1b[31mours";
    match &rig.queues {
        Place::Cluster { queues, .. } => {
            queues.put_foreign("dead", body).await;
            queues.put_foreign("unrouted", b"elsewhere").await;
            // Nothing tells when such a message has arrived.
            let both = async {
                while rig.count(&Filter::default()).await < 2 {
                    rig.drain().await;
                }
            };
            within("both letters", both).await;
            let filter = Filter { reason: Some("unreadable".to_owned()), ..Filter::default() };
            assert_eq!(rig.count(&filter).await, 2);
        }
        Place::Embedded(_) => {
            let message = with_body(letter(1, "UNREADABLE", "x"), Bytes::from_static(body));
            rig.index(&[message]).await;
        }
    }
    let letters = rig.records.list(&Filter::default(), None, 10).await.unwrap().letters;
    let mut bodies = Vec::new();
    for letter in &letters {
        bodies.push(rig.records.body(letter.id).await.unwrap().unwrap());
    }
    assert!(bodies.iter().any(|kept| kept == body), "{bodies:?}");
    rig.assert_counters().await;
    rig.finish().await;
}

async fn hostile_letters_hold_up_nobody(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let hostile = "\u{1b}[2J\u{0}\u{202e}'; DROP TABLE dead_letter; --".repeat(9);
    let messages = [
        with_body(letter(1, "A", &hostile), Bytes::from(vec![0xff; 16 * 1024 * 1024])),
        with_body(letter(2, "A", &hostile), Bytes::from(vec![b'['; 16 * 1024 * 1024 - 1])),
        with_body(letter(3, "A", ""), Bytes::new()),
        Message { target: Some(hostile.repeat(20)), ..letter(4, &hostile, &hostile) },
        with_event(letter(5, "A", "b"), |event| {
            event.topic = hostile[..200].into();
            event.origin = Origin::hubspot(u64::MAX);
        }),
        Message {
            traceparent: Some(hostile.as_str().into()),
            received_ms: i64::MIN,
            ..letter(6, "A", "b")
        },
        Message {
            generation: u32::MAX,
            attempt: u32::MAX,
            received_ms: i64::MAX,
            ..letter(7, "A", "b")
        },
        letter(8, "A", "b"),
    ];
    assert_eq!(rig.index(&messages).await.indexed.new, 8);
    let letters = rig.records.list(&Filter::default(), None, 10).await.unwrap().letters;
    assert_eq!(letters.len(), 8);
    for kept in letters {
        assert!(!kept.error.contains('\0') && !kept.target.contains('\0'));
        let body = rig.records.body(kept.id).await.unwrap().unwrap();
        assert!(messages.iter().any(|message| *message.event.body() == body));
        assert_eq!(kept.body_bytes, Some(i64::try_from(body.len()).unwrap()));
    }
    rig.assert_counters().await;
    rig.finish().await;
}

async fn what_is_one_problem_is_one_group(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let mut messages: Vec<Message> = (1..=30)
        .map(|id| letter(id, "ERP_422", &format!("ERP answered 422: order {id} has no amount")))
        .collect();
    messages.push(letter(40, "ERP_422", "ERP answered 422: order 40 has no currency"));
    messages.push(Message {
        target: Some("other".to_owned()),
        ..letter(41, "ERP_422", "ERP answered 422: order 1 has no amount")
    });
    messages[0].event.origin = Origin::hubspot(9);
    rig.index(&messages).await;
    let groups = rig.records.groups(Grouping::Fingerprint, false).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.dead).collect::<Vec<_>>(), [30, 1, 1]);
    assert_eq!((groups[0].origins, groups[0].code.as_deref()), (2, Some("ERP_422")));
    assert_eq!(groups[0].trend.as_ref().unwrap().iter().sum::<i64>(), 30);
    let codes = rig.records.groups(Grouping::Code, false).await.unwrap();
    assert_eq!((codes.len(), codes[0].dead, codes[0].problems, codes[0].origins), (1, 32, 3, 2));
    let targets = rig.records.groups(Grouping::Target, false).await.unwrap();
    assert_eq!(targets.iter().map(|group| group.dead).collect::<Vec<_>>(), [31, 1]);
    let origins = rig.records.groups(Grouping::Origin, false).await.unwrap();
    assert_eq!(
        origins.iter().map(|group| &*group.key).collect::<Vec<_>>(),
        ["hubspot/62515", "hubspot/9"]
    );
    for (by, all) in [
        (Grouping::Fingerprint, groups),
        (Grouping::Code, codes),
        (Grouping::Target, targets),
        (Grouping::Origin, origins),
    ] {
        let mut pages = Vec::new();
        for first in 0..=3 {
            let page = rig.records.some_groups(by, false, first, 1).await.unwrap();
            assert!(page.groups.len() <= 1, "{by:?}");
            let count = i64::try_from(all.len()).unwrap();
            assert_eq!((page.count, page.dead), (count, 32), "{by:?}");
            pages.extend(page.groups);
        }
        assert_eq!(pages, all, "{by:?}");
    }
    rig.assert_counters().await;
    rig.finish().await;
}

async fn pages_follow_one_another_without_gap_or_overlap(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let messages: Vec<Message> =
        (1..=25).map(|id| letter(id, ["A", "B"][usize::from(id % 5 == 0)], "x")).collect();
    rig.index(&messages).await;
    let filter = Filter { code: Some("A".to_owned()), ..Filter::default() };
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = rig.records.list(&filter, before, 7).await.unwrap();
        ids.extend(page.letters.iter().map(|letter| letter.id));
        // What comes in meanwhile is not on a later page.
        rig.index(&[letter(100 + ids.len() as u64, "A", "x")]).await;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), 20);
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
    rig.finish().await;
}

async fn a_retry_that_ends_in_a_letter_is_found_in_it(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let first = letter(1, "ERP_5XX", "down");
    rig.index(&[first.clone(), letter(2, "ERP_5XX", "down")]).await;
    let filter = Filter { object_id: Some(1), ..Filter::default() };
    assert_eq!(rig.claim(-3, &filter, 10).await, 1);
    let claimed = rig.records.claimed(-3).await.unwrap();
    let id = claimed[0].letter.id;
    assert_eq!(rig.mark_retried(-3, &[id]).await, 1);
    // A late copy of what was known says nothing of the retry.
    let earlier = Message { attempt: first.attempt - 1, ..first.clone() };
    assert_eq!(rig.index(&[first.clone(), earlier]).await.indexed.died_again, 0);
    let indexed = rig.index(&[again(&first)]).await.indexed;
    assert_eq!(indexed, Indexed { new: 1, known: 0, died_again: 1, problems: 0 });
    let newest = rig.records.list(&filter, None, 1).await.unwrap().letters.remove(0);
    assert_eq!((newest.previous_id, newest.state), (Some(id), State::Dead));
    let shown = rig.records.show(newest.id).await.unwrap().unwrap();
    let states: Vec<State> = shown.earlier.iter().map(|letter| letter.state).collect();
    assert_eq!(states, [State::DiedAgain, State::Dead]);
    let shown = rig.records.show(id).await.unwrap().unwrap();
    assert_eq!((shown.letter.job_id, shown.later.len()), (Some(-3), 2));
    assert!(rig.records.show(newest.id + 100).await.unwrap().is_none());
    rig.assert_counters().await;
    rig.finish().await;
}

on_every_database! {
    a_letter_is_kept_with_all_there_is_to_know_of_it
    the_same_letter_twice_is_one
    what_is_no_message_is_kept_with_its_bytes
    hostile_letters_hold_up_nobody
    what_is_one_problem_is_one_group
    pages_follow_one_another_without_gap_or_overlap
    a_retry_that_ends_in_a_letter_is_found_in_it
}
