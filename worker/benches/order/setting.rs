//! A worker on an engine, with one tenant whose route keeps the order of records, and the events for it.

use std::path::PathBuf;

use clap::Parser;
use shared::broker::{Broker, Lane, Publication, Publisher, PublisherOptions, Route};
use shared::clock::now_ms;
use shared::message::Message;
use shared::metrics::{BrokerMetrics, registry};
use shared::senders::Sender;
use shared::testing::{Engine, Place, amqp_url, prefix, redis_url};
use tokio::time::{Duration, Instant};
use worker::Registry;
use worker::parts::{Engines, Worker};
use worker::settings::WorkerSettings;

use crate::Scale;
use crate::destination::Destination;

#[derive(Parser)]
struct Parsed {
    #[command(flatten)]
    settings: WorkerSettings,
}

pub(crate) struct Setting {
    queues: Place,
    worker: Worker,
    publisher: Publisher,
    directory: PathBuf,
}

impl Setting {
    pub(crate) async fn start(engine: Engine, destination: &Destination) -> Self {
        let prefix = prefix();
        let directory = std::env::temp_dir().join(&prefix);
        std::fs::create_dir(&directory).unwrap();
        let address = destination.address;
        let file = directory.join("tenants.toml");
        let text = format!(
            r#"
            tenants.bench = {{ origin = "hubspot/62515", rate = "1000000/s", concurrency = 200 }}
            destinations.bench = {{ tenant = "bench", url = "http://{address}/", sign = "none" }}
            routes.bench = {{ tenant = "bench", destination = "bench", order = "object" }}
            "#
        );
        std::fs::write(&file, text).unwrap();
        let (amqp, redis, allowed) = (amqp_url(), redis_url(), address.to_string());
        let flags = [
            ["--amqp-url", &amqp],
            ["--redis-url", &redis],
            ["--prefix", &prefix],
            ["--admin-listen", "127.0.0.1:0"],
            ["--tenants-file", file.to_str().unwrap()],
            ["--destination-allow", &allowed],
        ]
        .concat();
        let arguments = [&["worker"][..], &flags].concat();
        let settings = Parsed::try_parse_from(arguments).unwrap().settings;
        let schedule = settings.processing.retry.schedule().unwrap();
        let queues = Place::new(engine, &settings.broker, Some(&schedule)).await;
        let engines = match queues.broker() {
            Broker::RabbitMq { .. } => Engines::cluster(&settings).unwrap(),
            Broker::Sqlite(embedded) => Engines::Embedded(embedded),
        };
        let options = PublisherOptions { name: "bench".to_owned(), watch_depth: None };
        let metrics = BrokerMetrics::register(&mut registry("bench"));
        let publisher = queues.broker().publisher(options, metrics).unwrap();
        let worker = Worker::on(&engines, &settings, Registry::new()).unwrap();
        Self { queues, worker, publisher, directory }
    }

    /// One event of each record, then the next of each, in bursts at a steady rate.
    pub(crate) async fn publish(&self, scale: Scale, destination: &Destination) {
        let mut ticks = tokio::time::interval(scale.every);
        for round in 0..scale.events {
            let records: Vec<u64> = (1..=scale.records).collect();
            for burst in records.chunks(scale.burst) {
                ticks.tick().await;
                let publication = |record: &u64| {
                    let number = record + round * scale.records;
                    destination.published(number);
                    Publication { route: Route::Ready(Lane::Work), message: event(number, *record) }
                };
                let publications = burst.iter().map(publication).collect();
                let deadline = Instant::now() + Duration::from_secs(60);
                self.publisher.publish(publications, deadline).await.unwrap();
            }
        }
    }

    /// What still fails is left behind.
    pub(crate) async fn end(self) {
        self.worker.stop().await;
        drop(self.publisher);
        self.queues.end().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn event(number: u64, record: u64) -> Message {
    let at_ms = 1_790_000_000_000 + number;
    let body = format!(
        r#"{{"eventId":{number},"portalId":62515,"occurredAt":{at_ms},"subscriptionType":"deal.propertyChange","objectId":{record},"propertyName":"amount","changeSource":"CRM_UI"}}"#
    );
    Message::fresh(Sender::HubSpot.identify(&body.into()).unwrap(), now_ms())
}
