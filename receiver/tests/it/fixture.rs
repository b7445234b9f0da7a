//! A receiver in this process, on queues that no other test has and that are gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use clap::Parser as _;
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use reqwest::Client;
use shared::broker::Topology;
use shared::message::Message;
use shared::testing::{Queues, amqp_url, prefix};

use crate::answer::{Answer, eventually};
use crate::delivery::{Delivery, ORIGIN, SECRET, client, read};

pub(crate) const SHARDS: u32 = 3;

/// A running receiver and a look at its queues.
pub(crate) struct Fixture {
    receiver: Receiver,
    client: Client,
    prefix: String,
    pub(crate) queues: Queues,
}

impl Fixture {
    /// A receiver with its defaults but for `options`, connected.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let fixture = Self::start_at(&amqp_url(), &amqp_url(), options).await;
        fixture.receiver.ready().await;
        fixture
    }

    /// A receiver that reaches its broker at `url`, while the test reaches it at `direct`. Does
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

    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Answer {
        delivery.send(&self.client, self.address()).await
    }

    /// A well-signed body.
    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.deliver(&Delivery::new(body)).await
    }

    /// A page of the admin listener.
    pub(crate) async fn admin(&self, page: &str) -> Answer {
        admin(&self.client, self.receiver.admin_address(), page).await
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

    /// Everything in the work queues, by shard; takes it out.
    pub(crate) async fn work(&self) -> BTreeMap<u32, Vec<Message>> {
        work(&self.queues).await
    }

    /// Every one of these events waits in a work queue; takes all out.
    pub(crate) async fn assert_work_holds(&self, confirmed: &BTreeSet<Vec<u8>>) {
        assert_work_holds(&self.queues, confirmed).await;
    }

    /// The bodies of everything in the work queues, sorted.
    pub(crate) async fn work_bodies(&self) -> Vec<Vec<u8>> {
        let work = self.work().await;
        let mut bodies: Vec<Vec<u8>> =
            work.into_values().flatten().map(|message| message.body.to_vec()).collect();
        bodies.sort_unstable();
        bodies
    }

    /// Exactly these events wait in the work queues, byte for byte; takes them out.
    pub(crate) async fn assert_work_is<T: AsRef<[u8]>>(&self, events: &[T]) {
        let mut expected: Vec<&[u8]> = events.iter().map(AsRef::as_ref).collect();
        expected.sort_unstable();
        let found = self.work_bodies().await;
        let shown = |bodies: &[&[u8]]| -> Vec<String> {
            bodies.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
        };
        let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
        assert_eq!(shown(&found), shown(&expected));
        assert_eq!(found, expected);
    }

    /// Stops the receiver; nothing may be left in any queue.
    pub(crate) async fn finish(self) {
        self.receiver.stop().await;
        assert_eq!(self.queues.delete_all().await, []);
    }

    /// Stops the receiver; whatever is left goes with the queues.
    pub(crate) async fn discard(self) {
        self.receiver.stop().await;
        self.queues.delete_all().await;
    }
}

/// Settings as they are read at start, with every default.
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
    let origin = format!("--public-url={ORIGIN}");
    let is_set = options.iter().any(|option| option.starts_with("--public-url"));
    let origin = (!is_set).then_some(origin);
    let options = options.iter().map(|&option| option.to_owned());
    ReceiverSettings::try_parse_from(own.into_iter().chain(origin).chain(options)).unwrap()
}

pub(crate) async fn queues(url: &str, prefix: &str) -> Queues {
    Queues::connect(url, prefix, Topology::new(prefix, SHARDS, None)).await
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

async fn work(queues: &Queues) -> BTreeMap<u32, Vec<Message>> {
    let mut work = BTreeMap::new();
    for shard in 0..SHARDS {
        let letters = queues.drain(&format!("work.{shard}")).await;
        let messages = letters.into_iter().map(|letter| {
            assert_eq!(letter.routing_key, shard.to_string());
            letter.message.unwrap()
        });
        work.insert(shard, messages.collect());
    }
    work
}

/// Every one of these events waits in a work queue, however often; takes all out and tells how
/// many others were there.
pub(crate) async fn assert_work_holds(queues: &Queues, confirmed: &BTreeSet<Vec<u8>>) -> usize {
    assert!(!confirmed.is_empty());
    let found: BTreeSet<Vec<u8>> =
        work(queues).await.into_values().flatten().map(|message| message.body.to_vec()).collect();
    let lost = confirmed.difference(&found).count();
    assert_eq!(
        lost,
        0,
        "lost of {} that were answered 200; {} found",
        confirmed.len(),
        found.len()
    );
    found.len() - confirmed.len()
}
