//! A receiver whose user on the broker may publish and nothing else.

use std::process::Command;

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind};
use prometheus_client::registry::Registry;
use shared::broker::PublisherOptions;
use shared::metrics::BrokerMetrics;
use shared::testing::{Place, amqp_url, prefix};

use crate::delivery::{Delivery, client};
use crate::events;
use crate::fixture::{admin, queues};
use crate::process::Process;
use crate::work;

/// A user of the broker's; gone when dropped.
struct User {
    name: String,
    url: String,
}

impl User {
    /// One that may do what each pattern, after the prefix, stands for.
    fn new(prefix: &str, configure: &str, write: &str, read: &str) -> Self {
        let (name, password) = (format!("user-{prefix}"), format!("{:x}", rand::random::<u128>()));
        let url = amqp_url();
        let (_, server) = url.split_once('@').unwrap();
        let user = Self { url: format!("amqp://{name}:{password}@{server}"), name };
        rabbitmqctl(&["add_user", &user.name, &password]);
        rabbitmqctl(&["set_permissions", "-p", "/", &user.name, configure, write, read]);
        user
    }

    async fn connect(&self) -> Connection {
        Connection::connect(&self.url, ConnectionProperties::default()).await.unwrap()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        rabbitmqctl(&["delete_user", &self.name]);
    }
}

fn rabbitmqctl(arguments: &[&str]) {
    let program = std::env::var("HUBLINE_TEST_RABBITMQCTL").unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || std::thread::panicking(), "{arguments:?}: {said}");
}

/// The rights that are enough for a receiver.
fn publisher(prefix: &str) -> User {
    User::new(prefix, "^$", &format!("^{prefix}\\.(events|dead)$"), "^$")
}

/// Has everything declared, as a worker's start does.
async fn declare(place: &Place) {
    let options = PublisherOptions { name: "test".to_owned(), watch_depth: None };
    let metrics = BrokerMetrics::register(&mut Registry::default());
    place.broker().publisher(options, metrics).unwrap().ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_may_not_declare_waits_for_a_worker_and_then_goes_on_by_itself() {
    let prefix = prefix();
    let user = publisher(&prefix);
    let mut process = Process::start(&user.url, &prefix, &[]).await;
    let said = process.said("broker lacks what is published to, waiting for it").await;
    let page = admin(&client(), process.admin_address, "/readyz").await;
    assert_eq!(page.status, 503);
    for why in [&said["error"], &page.json()["checks"]["broker"]] {
        let why = why.as_str().unwrap();
        assert!(why.contains("may not declare what is missing: start a worker first"), "{why}");
        assert!(why.contains("ACCESS_REFUSED") && why.contains(&user.name), "{why}");
    }
    let batch = events::batch(2);
    let delivery = Delivery::new(events::body(&batch));
    let answer = delivery.send(&client(), process.address).await;
    answer.assert_refused(503, "broker_unavailable");

    let place = queues(&amqp_url(), &prefix).await;
    declare(&place).await;
    process.ready().await;
    delivery.send(&client(), process.address).await.assert_received(2);
    work::assert_is(&place, &batch).await;
    let unreadable = Delivery::new("not JSON");
    unreadable.send(&client(), process.address).await.assert_received(1);
    assert_eq!(place.take("dead").await.message.unwrap().event.body(), "not JSON");
    let page = admin(&client(), process.admin_address, "/metrics").await.body;
    // It waited on the connection that it had.
    assert!(page.contains("hubline_broker_connection_failures_total 0\n"), "{page}");
    process.terminate();
    process.ended().await;
    assert_eq!(place.end().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_declare_given_later_is_found_by_itself() {
    let prefix = prefix();
    let user = publisher(&prefix);
    let mut process = Process::start(&user.url, &prefix, &[]).await;
    process.said("broker lacks what is published to, waiting for it").await;
    let all = format!("^{prefix}\\.");
    rabbitmqctl(&["set_permissions", "-p", "/", &user.name, &all, &all, &all]);
    process.ready().await;
    process.terminate();
    process.ended().await;
    assert_eq!(queues(&amqp_url(), &prefix).await.end().await, []);
}

/// What must be refused, each on a channel of its own: a refusal closes it.
macro_rules! refused {
    ($connection:expr, $($name:literal: |$channel:ident| $call:expr),+ $(,)?) => {
        $({
            let $channel: Channel = $connection.create_channel().await.unwrap();
            let result = $call.await.map(|_| ());
            let Err(error) = result else { panic!("{} was not refused", $name) };
            let is_403 =
                matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 403);
            assert!(is_403, "{}: {error}", $name);
        })+
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_needs_to_publish_lets_nobody_read_or_destroy() {
    let prefix = prefix();
    let user = publisher(&prefix);
    let place = queues(&amqp_url(), &prefix).await;
    declare(&place).await;
    let connection = user.connect().await;
    let queue = || format!("{prefix}.work.0");
    let exchange = || format!("{prefix}.events");
    let none = FieldTable::default;
    refused! {
        connection,
        "consume": |channel| channel.basic_consume(
            queue().into(), "".into(), BasicConsumeOptions::default(), none()),
        "get": |channel| channel.basic_get(queue().into(), BasicGetOptions::default()),
        "purge": |channel| channel.queue_purge(queue().into(), QueuePurgeOptions::default()),
        "delete": |channel| channel.queue_delete(queue().into(), QueueDeleteOptions::default()),
        "declare": |channel| channel.queue_declare(
            format!("{prefix}.mine").into(), QueueDeclareOptions::default(), none()),
        "bind": |channel| channel.queue_bind(
            queue().into(), exchange().into(), "x".into(), QueueBindOptions::default(), none()),
        "declare an exchange": |channel| channel.exchange_declare(
            format!("{prefix}.mine").into(), ExchangeKind::Direct,
            ExchangeDeclareOptions::default(), none()),
        "delete an exchange": |channel| channel.exchange_delete(
            exchange().into(), ExchangeDeleteOptions::default()),
    }
    connection.close(200, "done".into()).await.unwrap();
    assert_eq!(place.end().await, []);
}
