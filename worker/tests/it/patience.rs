//! How long the broker may be silent: publishers, whom a delivery waits for, soon leave it; consumers,
//! whose answer may stand behind large messages, do so later.

use prometheus_client::registry::Registry as Metrics;
use shared::broker::{Broker, ConsumerOptions, Link, Publisher, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::testing::amqp_url;

use crate::harness::{Rig, deal, within};
use crate::jobs::rig::look_again;

fn publisher(broker: &Broker) -> Publisher {
    let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
    broker.publisher(options, BrokerMetrics::register(&mut Metrics::default())).unwrap()
}

/// Waits until the connection is taken for dead.
async fn given_up(link: impl Fn() -> Link) {
    let waiting = async {
        while !matches!(link(), Link::Down(_)) {
            look_again().await;
        }
    };
    within("a connection that is given up", waiting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_give_up_later_than_publishers() {
    let mut rig = Rig::new().await;
    let proxy = rig.through_proxy().await;
    // Without heartbeats, which would tell as well.
    rig.settings.broker.amqp_url = format!("{}?heartbeat=0", proxy.url(&amqp_url())).into();
    let Broker::RabbitMq { topology, .. } = rig.queues.broker() else { unreachable!("a cluster") };
    let broker = Broker::RabbitMq { settings: rig.settings.broker.clone(), topology };
    let metrics = BrokerMetrics::register(&mut Metrics::default());
    let options = ConsumerOptions { name: "test".to_owned(), prefetch: 10, bulk_prefetch: 5 };
    let (consumer, mut deliveries) = broker.consumer(options, metrics.clone()).unwrap();
    // They ask at different moments: the last of them does so after the consumer.
    let publishers = [(); 5].map(|()| publisher(&broker));
    for publisher in &publishers {
        within("a publisher", publisher.ready()).await;
    }
    rig.publish(&deal(1)).await;
    let delivery = within("a delivery", deliveries.recv()).await.unwrap();
    proxy.mute_server();
    for publisher in &publishers {
        given_up(|| publisher.link()).await;
    }
    proxy.restore();
    delivery.settlement.ack();
    rig.publish(&deal(2)).await;
    within("another delivery", deliveries.recv()).await.unwrap().settlement.ack();
    assert_eq!(metrics.connection_failures.get(), 0);
    proxy.mute_server();
    given_up(|| consumer.link()).await;
    proxy.restore();
    consumer.close().await;
    drop(publishers);
    rig.finish().await;
}
