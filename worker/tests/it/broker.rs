//! What every engine of the broker does, on each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use prometheus_client::registry::Registry as Metrics;
use shared::broker::{Consumer, ConsumerOptions, Delivery, Lane, Publication, Route};
use shared::message::{Death, DeathReason, Message};
use shared::metrics::BrokerMetrics;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::harness::{Engine, PATIENCE, Rig, deal, fresh, on_every_engine, within};

/// Long enough to see that nothing comes.
const SILENCE: Duration = Duration::from_millis(150);
/// A delay of the test schedule.
const DELAY: Duration = Duration::from_millis(200);

impl Rig {
    fn consume(&self, prefetch: u16) -> Hand {
        let options = ConsumerOptions { name: "test".to_owned(), prefetch, bulk_prefetch: 5 };
        let metrics = BrokerMetrics::register(&mut Metrics::default());
        let (consumer, deliveries) = self.queues.broker().consumer(options, metrics).unwrap();
        Hand { consumer, deliveries }
    }

    async fn publish_on(&self, route: Route, message: Message) {
        let deadline = Instant::now() + PATIENCE;
        self.publisher.publish(vec![Publication { route, message }], deadline).await.unwrap();
    }
}

struct Hand {
    consumer: Consumer,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Hand {
    async fn take(&mut self) -> Delivery {
        within("a delivery", self.deliveries.recv()).await.unwrap()
    }

    async fn take_all(&mut self, count: usize) -> Vec<Delivery> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(self.take().await);
        }
        taken
    }

    async fn nothing_comes(&mut self) {
        let came = timeout(SILENCE, self.deliveries.recv()).await;
        assert!(came.is_err(), "{:?}", came.unwrap().unwrap().message);
    }
}

fn identities(deliveries: &[Delivery]) -> BTreeSet<String> {
    let identity =
        |delivery: &Delivery| delivery.message.as_ref().unwrap().event.identity.to_string();
    deliveries.iter().map(identity).collect()
}

async fn a_message_comes_as_it_was_published(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(10);
    let mut message = fresh(&deal(1));
    message.attempt = 3;
    message.target = Some("on_deal_created".to_owned());
    message.generation = 2;
    message.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".into());
    rig.publish_on(Route::Ready(Lane::Work), message.clone()).await;
    rig.publish_on(Route::Ready(Lane::Bulk), fresh(&deal(2))).await;
    let mut taken = hand.take_all(2).await;
    taken.sort_by_key(|delivery| delivery.lane == Lane::Bulk);
    assert_eq!(taken[0].message.as_ref().unwrap(), &message);
    assert_eq!((taken[0].lane, taken[1].lane), (Lane::Work, Lane::Bulk));
    for delivery in taken {
        delivery.settlement.ack();
    }
    hand.nothing_comes().await;
    hand.consumer.close().await;
    rig.finish().await;
}

async fn what_is_given_back_comes_again_and_what_is_acked_does_not(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(10);
    rig.publish_all(1..=3).await;
    let taken = hand.take_all(3).await;
    let mut again = BTreeSet::new();
    for (index, delivery) in taken.into_iter().enumerate() {
        let identity = delivery.message.as_ref().unwrap().event.identity.to_string();
        match index {
            0 => delivery.settlement.ack(),
            1 => {
                again.insert(identity);
                delivery.settlement.requeue();
            }
            _ => {
                again.insert(identity);
                drop(delivery);
            }
        }
    }
    let returned = hand.take_all(2).await;
    assert_eq!(identities(&returned), again);
    hand.nothing_comes().await;
    for delivery in returned {
        delivery.settlement.ack();
    }
    hand.consumer.close().await;
    rig.finish().await;
}

async fn what_a_consumer_leaves_unsettled_goes_to_the_next(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut first = rig.consume(10);
    rig.publish_all(1..=2).await;
    let taken = first.take_all(2).await;
    let all = identities(&taken);
    first.consumer.cancel();
    rig.publish_all(3..=3).await;
    first.nothing_comes().await;
    first.consumer.close().await;
    let mut second = rig.consume(10);
    let again = second.take_all(3).await;
    assert!(identities(&again).is_superset(&all));
    // Said too late to mean anything: they belong to the other one now.
    drop(taken);
    second.nothing_comes().await;
    for delivery in again {
        delivery.settlement.ack();
    }
    second.consumer.close().await;
    rig.finish().await;
}

async fn no_more_is_in_hand_than_the_prefetch(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(4);
    rig.publish_all(1..=10).await;
    let mut taken = hand.take_all(4).await;
    hand.nothing_comes().await;
    for settled in [2, 4] {
        for delivery in taken.drain(..settled) {
            delivery.settlement.ack();
        }
        taken.extend(hand.take_all(settled).await);
        hand.nothing_comes().await;
    }
    assert_eq!(taken.len(), 4);
    drop(taken);
    hand.consumer.close().await;
    let mut next = rig.consume(10);
    for delivery in next.take_all(4).await {
        delivery.settlement.ack();
    }
    next.consumer.close().await;
    rig.finish().await;
}

async fn a_delayed_message_waits_and_comes_back_to_its_lane(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(10);
    for (lane, id) in [(Lane::Work, 1), (Lane::Bulk, 2)] {
        let route = Route::Later { lane, wait: DELAY };
        let published = Instant::now();
        rig.publish_on(route, fresh(&deal(id))).await;
        let delivery = hand.take().await;
        assert!(published.elapsed() >= DELAY, "{:?}", published.elapsed());
        assert_eq!((delivery.lane, delivery.rest), (lane, Duration::ZERO));
        delivery.settlement.ack();
    }
    hand.consumer.close().await;
    rig.finish().await;
}

async fn a_wait_between_two_queues_is_over_after_a_few_stays_and_not_before(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(10);
    let wait = Duration::from_millis(800);
    let message =
        Message { attempt: 2, target: Some("on_deal_created".to_owned()), ..fresh(&deal(1)) };
    for lane in [Lane::Work, Lane::Bulk] {
        let (published, mut rests) = (Instant::now(), vec![wait]);
        while let Some(rest) = rests.last().copied().filter(|rest| !rest.is_zero()) {
            rig.publish_on(Route::Later { lane, wait: rest }, message.clone()).await;
            let delivery = hand.take().await;
            assert_eq!((delivery.lane, delivery.message.as_ref().unwrap()), (lane, &message));
            assert!(published.elapsed() + delivery.rest >= wait, "{rests:?}");
            rests.push(delivery.rest);
            delivery.settlement.ack();
        }
        let stays: Vec<u128> =
            rests.windows(2).map(|two| two[0].as_millis() - two[1].as_millis()).collect();
        // The queues are for 50, 100 and 200 ms, 1 s, 5 s and so on.
        match engine {
            Engine::Cluster => assert_eq!(stays, [200; 4]),
            Engine::Embedded => assert_eq!(stays, [800]),
        }
    }
    hand.consumer.close().await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_stands_in_a_queue_that_it_nearly_fills_with_what_is_left_of_it() {
    let rig = Rig::with(&["--retry-initial", "1s", "--retry-multiplier", "5"]).await;
    for (seconds, queue, ttl_ms, rest_ms) in [
        (24, "retry.25s", 24_000, 0),
        (26, "retry.25s", 25_000, 1000),
        (86_400, "retry.6h", 21_600_000, 64_800_000),
        (30 * 86_400, "retry.6h", 21_600_000, 2_570_400_000),
    ] {
        let wait = Duration::from_secs(seconds);
        rig.publish_on(Route::Later { lane: Lane::Work, wait }, fresh(&deal(seconds))).await;
        let letter = rig.queues.take(queue).await;
        let [ttl, rest] = [ttl_ms, rest_ms].map(Duration::from_millis);
        assert_eq!((letter.ttl, letter.rest), (Some(ttl), rest), "{seconds} s");
        assert_eq!(letter.routing_key, "0");
    }
    rig.finish().await;
}

async fn a_dead_letter_is_kept_and_not_delivered(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let mut hand = rig.consume(10);
    let message = fresh(&deal(1));
    let death = Death::new(DeathReason::Permanent, "NO", "never", 7);
    rig.publish_on(Route::Dead, message.clone().dead(death.clone())).await;
    hand.nothing_comes().await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    assert_eq!((letter.event.identity, letter.death), (message.event.identity, Some(death)));
    hand.consumer.close().await;
    rig.finish().await;
}

async fn two_consumers_share_and_each_message_comes_once(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let (mut first, mut second) = (rig.consume(10), rig.consume(10));
    rig.publish_all(1..=300).await;
    let mut seen = BTreeSet::new();
    for _ in 0..300 {
        let delivery = within("a delivery", async {
            tokio::select! {
                delivery = first.deliveries.recv() => delivery,
                delivery = second.deliveries.recv() => delivery,
            }
        })
        .await
        .unwrap();
        assert!(seen.insert(delivery.message.as_ref().unwrap().event.identity.to_string()));
        delivery.settlement.ack();
    }
    first.nothing_comes().await;
    second.nothing_comes().await;
    first.consumer.close().await;
    second.consumer.close().await;
    rig.finish().await;
}

on_every_engine! {
    a_message_comes_as_it_was_published
    what_is_given_back_comes_again_and_what_is_acked_does_not
    what_a_consumer_leaves_unsettled_goes_to_the_next
    no_more_is_in_hand_than_the_prefetch
    a_delayed_message_waits_and_comes_back_to_its_lane
    a_wait_between_two_queues_is_over_after_a_few_stays_and_not_before
    a_dead_letter_is_kept_and_not_delivered
    two_consumers_share_and_each_message_comes_once
}
