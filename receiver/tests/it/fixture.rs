//! A receiver in this process, on an engine of choice and on queues that no other test has and
//! that are gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use clap::Parser as _;
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use reqwest::Client;
use shared::message::Message;
use shared::testing::{Engine, Place, amqp_url, prefix};

use crate::answer::{Answer, eventually};
use crate::delivery::{Delivery, ORIGIN, SECRET, client, read};
use crate::work;

pub(crate) const SHARDS: u32 = 3;

/// A running receiver and a look at its queues.
pub(crate) struct Fixture {
    receiver: Receiver,
    client: Client,
    prefix: String,
    pub(crate) queues: Place,
}

impl Fixture {
    /// A receiver as [`settings`] has it with `options`, connected.
    pub(crate) async fn start(engine: Engine, options: &[&str]) -> Self {
        let prefix = prefix();
        let settings = settings(&amqp_url(), &prefix, options);
        let queues = Place::new(engine, &settings.broker, None).await;
        let receiver = Receiver::on(&queues.broker(), &settings).unwrap();
        receiver.ready().await;
        Self { receiver, client: client(), prefix, queues }
    }

    /// A receiver that reaches RabbitMQ at `url`, while the test reaches it at `direct`. Does
    /// not wait for the connection.
    pub(crate) async fn start_at(url: &str, direct: &str, options: &[&str]) -> Self {
        let prefix = prefix();
        let receiver = Receiver::start(&settings(url, &prefix, options)).unwrap();
        let queues = queues(direct, &prefix).await;
        Self { receiver, client: client(), prefix, queues }
    }

    pub(crate) async fn ready(&self) {
        self.receiver.ready().await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.receiver.address()
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.receiver.admin_address()
    }

    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Answer {
        delivery.send(&self.client, self.address()).await
    }

    /// A well-signed body.
    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.deliver(&Delivery::new(body)).await
    }

    /// A page of the admin listener.
    pub(crate) async fn admin(&self, page: &str) -> Answer {
        admin(&self.client, self.admin_address(), page).await
    }

    /// Delivers a new event again and again until the answer is `status`.
    pub(crate) async fn post_until(&self, status: u16) -> Answer {
        post_until(&self.client, self.address(), status).await
    }

    /// The value of one line of `/metrics`; 0 where it is not there yet.
    pub(crate) async fn metric(&self, line: &str) -> f64 {
        let page = self.admin("/metrics").await.body;
        let value = |text: &str| text.strip_prefix(line)?.strip_prefix(' ')?.parse().ok();
        page.lines().find_map(value).unwrap_or(0.0)
    }

    /// Looks at the queues through a new connection, after the broker was restarted.
    pub(crate) async fn look_again(&mut self, url: &str) {
        self.queues = queues(url, &self.prefix).await;
    }

    /// Everything in the work queues, by queue; takes it out.
    pub(crate) async fn work(&self) -> BTreeMap<String, Vec<Message>> {
        work::by_queue(&self.queues).await
    }

    /// The bodies of everything in the work queues, sorted; takes it out.
    pub(crate) async fn work_bodies(&self) -> Vec<Vec<u8>> {
        work::bodies(&self.queues).await
    }

    /// Exactly these events wait in the work queues, byte for byte; takes them out.
    pub(crate) async fn assert_work_is<T: AsRef<[u8]>>(&self, events: &[T]) {
        work::assert_is(&self.queues, events).await;
    }

    /// Every one of these events waits in a work queue; takes all out.
    pub(crate) async fn assert_work_holds(&self, confirmed: &BTreeSet<Vec<u8>>) {
        work::assert_holds(&self.queues, confirmed).await;
    }

    /// Stops the receiver; what it left is still there.
    pub(crate) async fn stop(self) -> Place {
        self.receiver.stop().await;
        self.queues
    }

    /// Stops the receiver; nothing may be left in any queue.
    pub(crate) async fn finish(self) {
        assert_eq!(self.stop().await.end().await, []);
    }

    /// Stops the receiver; whatever is left goes with the queues.
    pub(crate) async fn discard(self) {
        self.stop().await.end().await;
    }
}

/// Settings as they are read at start, with defaults but for `options`. A broker that is busy may
/// take as long as it ever may: whoever waits for one that says nothing sets `--publish-timeout`.
pub(crate) fn settings(url: &str, prefix: &str, options: &[&str]) -> ReceiverSettings {
    let (shards, prefix) = (SHARDS.to_string(), prefix.to_owned());
    let own = [
        "receiver",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
        &format!("--hubspot-client-secret={SECRET}"),
        &format!("--amqp-url={url}"),
        &format!("--prefix={prefix}"),
        &format!("--work-shards={shards}"),
    ]
    .map(str::to_owned);
    let is_left = |setting: &String| {
        let (name, _) = setting.split_once('=').unwrap();
        !options.iter().any(|option| option.starts_with(name))
    };
    let others = [format!("--public-url={ORIGIN}"), "--publish-timeout=4500ms".to_owned()];
    let others = others.into_iter().filter(is_left);
    let options = options.iter().map(|&option| option.to_owned());
    ReceiverSettings::try_parse_from(own.into_iter().chain(others).chain(options)).unwrap()
}

/// The queues of a receiver on RabbitMQ.
pub(crate) async fn queues(url: &str, prefix: &str) -> Place {
    Place::new(Engine::Cluster, &settings(url, prefix, &[]).broker, None).await
}

pub(crate) async fn admin(client: &Client, address: SocketAddr, page: &str) -> Answer {
    read(client.get(format!("http://{address}{page}"))).await.unwrap()
}

pub(crate) async fn post_until(client: &Client, address: SocketAddr, status: u16) -> Answer {
    eventually(&format!("an answer {status}"), async || {
        let body = crate::events::body(&crate::events::batch(1));
        let answer = Delivery::new(body).send(client, address).await;
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        (answer.status == status).then_some(answer)
    })
    .await
}
