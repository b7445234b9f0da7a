//! What did not come from a receiver, or what no handler here runs.

use std::collections::BTreeSet;

use shared::broker::Lane;
use shared::event::Event;
use shared::message::{DeathReason, Message};

use crate::harness::{
    Engine, Probe, Rig, deal, fresh, on_every_engine, probed, wait_for_verdicts, within,
};

async fn what_nobody_wants_is_acked_and_what_cannot_be_read_is_kept(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .hubspot(
                "deals",
                |event| event.subscription_type == "deal.creation",
                move |cx: &_, event: &_| {
                    runs.note(cx, event);
                    async { Ok(()) }
                },
            )
            .unwrap();
    });
    rig.publish(&deal(1).replace("deal.creation", "galaxy.formation")).await;
    rig.queues.put_foreign(b"what is this?").await;
    let fine = fresh(&deal(2));
    let Event { origin, topic, identity, .. } = fine.event.clone();
    let broken = Event::new(origin, topic, identity, "{\"eventId\":".into());
    let broken = Message { event: broken, ..fine };
    rig.publish_to(Lane::Work, broken).await;
    rig.publish(&deal(3)).await;
    let mut kept = BTreeSet::new();
    for _ in 0..2 {
        let letter = rig.queues.take("dead").await.message.unwrap();
        assert_eq!(letter.death.unwrap().reason, DeathReason::Unreadable);
        kept.insert(letter.event.body().clone());
    }
    assert_eq!(kept, ["what is this?", "{\"eventId\":"].map(Into::into).into());
    wait_for_verdicts(&worker, "unwanted", 1).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    let ids: Vec<u64> = probe.runs().iter().map(|run| run.object_id).collect();
    assert_eq!(ids, [3]);
    rig.finish().await;
}

/// On RabbitMQ alone: nobody moves events into a data file by hand.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_moved_here_by_hand_is_run() {
    let rig = Rig::new().await;
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    // Without Hubline's properties.
    rig.queues.put_foreign(deal(1).as_bytes()).await;
    // Which has its identity all the same.
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    worker.stop().await;
    rig.finish().await;
}

/// On RabbitMQ alone: a data file of an earlier build is not opened at all.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_build_left_is_a_letter_that_says_how_to_drain_it() {
    let rig = Rig::new().await;
    let worker = rig.worker(|registry| probed(registry, |_, _| async { Ok(()) }));
    rig.queues.rabbitmq().put_as_earlier_build("work.0", &fresh(&deal(1))).await;
    let letter = within("the letter", rig.queues.take("dead")).await.message.unwrap();
    assert_eq!(&letter.event.body()[..], deal(1).as_bytes());
    let death = letter.death.unwrap();
    assert_eq!((death.reason, death.code.as_str()), (DeathReason::Unreadable, "UNREADABLE"));
    assert!(death.error.contains("let that build's workers empty its queues"), "{}", death.error);
    // Retried, it is the event that it was: HubSpot's event again is a duplicate of it.
    assert_eq!(letter.event, fresh(&deal(1)).event);
    rig.publish_to(
        Lane::Work,
        Message { death: None, attempt: 0, event: letter.event, ..fresh(&deal(1)) },
    )
    .await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish(&deal(1)).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    worker.stop().await;
    rig.finish().await;
}

async fn a_message_for_a_handler_that_stays_away_is_a_dead_letter(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let worker = rig.worker(|_| {});
    let message = fresh(&deal(1)).same_attempt(Some("on_the_moon"));
    rig.publish_to(Lane::Bulk, message).await;
    let letter = within("the letter", rig.queues.take("dead")).await.message.unwrap();
    assert_eq!(letter.death.unwrap().code, "TARGET_UNKNOWN");
    assert_eq!(letter.target.as_deref(), Some("on_the_moon"));
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    what_nobody_wants_is_acked_and_what_cannot_be_read_is_kept
    a_message_for_a_handler_that_stays_away_is_a_dead_letter
}
