//! What did not come from a receiver, or what no handler here runs.

use shared::message::DeathReason;

use crate::harness::{Engine, Probe, Rig, deal, fresh, on_every_engine, within};

/// On RabbitMQ alone: nobody else can put anything into a data file.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_is_acked_and_what_cannot_be_read_is_kept() {
    let rig = Rig::new().await;
    let probe = Probe::new();
    let runs = probe.clone();
    let worker = rig.worker(|registry| {
        registry
            .add(
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
    rig.queues.rabbitmq().put_foreign("work.0", b"what is this?").await;
    // Without Hubline's properties, but an event: as when it was moved here by hand.
    rig.queues.rabbitmq().put_foreign("work.0", deal(2).as_bytes()).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    assert_eq!(letter.body, "what is this?");
    assert_eq!(letter.death.unwrap().reason, DeathReason::Unreadable);
    assert_eq!(probe.wait(1).await[0].object_id, 2);
    worker.stop().await;
    rig.finish().await;
}

async fn a_message_for_a_handler_that_stays_away_is_a_dead_letter(engine: Engine) {
    let rig = Rig::on(engine, &["--retry-attempts", "2"]).await;
    let worker = rig.worker(|_| {});
    let message = fresh(&deal(1)).same_attempt(Some("on_the_moon"));
    rig.publish_to(shared::broker::Lane::Bulk, message).await;
    let letter = within("the letter", rig.queues.take("dead")).await.message.unwrap();
    assert_eq!(letter.death.unwrap().code, "TARGET_UNKNOWN");
    assert_eq!(letter.target.as_deref(), Some("on_the_moon"));
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    a_message_for_a_handler_that_stays_away_is_a_dead_letter
}
