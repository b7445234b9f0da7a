//! Events a second that go out: to one destination and to a thousand, with a filter, and with a template. Beside
//! what one client sends there by itself, and a handler that does nothing.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};

use super::destinations::Destinations;
use super::file::{FILTER, File, UNLIMITED, portal};
use crate::pipeline::disk::Folder;
use crate::pipeline::embedded::{self, Measured};
use crate::pipeline::http::{event, post, requests_of};
use crate::pipeline::process::{Process, own_cpu};
use crate::pipeline::queue::Queue;
use crate::pipeline::report::{Report, Sample};
use crate::pipeline::rounds::{REDIS, Receiver, drained, environment, in_turn};
use crate::pipeline::scale::Scale;

/// The events of a row: deliveries, and the events of each.
const LOAD: (usize, usize) = (100, 100);
const CONNECTIONS: usize = 8;
/// As many as there may be for one destination.
const MANY: u16 = 1000;
/// As many requests as a worker has runs.
const IN_FLIGHT: usize = 400;
const TEMPLATE: &str = "transform = \"flat-record\"";
/// What has been answered is noted at once.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

/// A worker with its destinations: none, and its handler does nothing.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    destinations: u16,
    route: Route,
}

#[derive(Clone, Copy)]
enum Route {
    Plain,
    Filter,
    Template,
}

const SERVERS: [Row; 5] = [
    Row { name: "worker, a handler that does nothing", destinations: 0, route: Route::Plain },
    Row { name: "worker, 1 destination", destinations: 1, route: Route::Plain },
    Row { name: "worker, 1,000 destinations", destinations: MANY, route: Route::Plain },
    Row { name: "worker, 1 destination, filter", destinations: 1, route: Route::Filter },
    Row { name: "worker, 1 destination, template", destinations: 1, route: Route::Template },
];
const EMBEDDED: [Row; 3] = [
    Row { name: "embedded, a handler that does nothing", destinations: 0, route: Route::Plain },
    Row { name: "embedded, 1 destination", destinations: 1, route: Route::Plain },
    Row { name: "embedded, 1,000 destinations", destinations: MANY, route: Route::Plain },
];

pub(super) async fn measure(round: usize, scale: Scale, prefix: &str, report: &mut Report) {
    report.add("a client by itself, 400 in flight", by_itself(scale).await);
    let (amqp, redis) = (shared::testing::amqp_url(), shared::testing::redis_url());
    let environment = environment(&amqp, &redis, prefix);
    let receiver = Receiver::start(&environment, prefix).await;
    let run = OnServers { scale, environment: &environment, receiver };
    for row in in_turn(round, SERVERS) {
        let sample = run.measured(row, report).await;
        report.add(row.name, sample);
    }
    for row in in_turn(round, EMBEDDED) {
        let sample = in_one_process(row, scale).await;
        report.add(row.name, sample);
    }
}

impl Row {
    /// Its portals and, if it has any, destinations with the file that says so.
    async fn start(self, scale: Scale) -> (Vec<u64>, Option<(Destinations, File)>) {
        let count = self.count(scale);
        let portals = (0..count.max(1)).map(portal).collect();
        if count == 0 {
            return (portals, None);
        }
        let destinations = Destinations::start(count).await;
        let more = match self.route {
            Route::Plain => String::new(),
            Route::Filter => format!("filter = '''{FILTER}'''"),
            Route::Template => TEMPLATE.to_owned(),
        };
        let file = File::of(&destinations, UNLIMITED, &more);
        (portals, Some((destinations, file)))
    }

    fn count(self, scale: Scale) -> u16 {
        match self.destinations {
            MANY => u16::try_from(scale.count(MANY.into())).unwrap(),
            few => few,
        }
    }
}

struct OnServers<'a> {
    scale: Scale,
    environment: &'a [(&'static str, &'a str)],
    receiver: Receiver,
}

impl OnServers<'_> {
    /// All events wait in the queue before the worker is started.
    async fn measured(&self, row: Row, report: &mut Report) -> Sample {
        let (portals, forwarded) = row.start(self.scale).await;
        let (deliveries, batch) = (self.scale.count(LOAD.0), LOAD.1);
        let (requests, ids) = requests_of(&portals, deliveries, batch);
        post(self.receiver.process.address, requests, CONNECTIONS).await;
        let url = shared::testing::amqp_url();
        let queue = Queue::RabbitMq { url, name: self.receiver.queue.clone() };
        queue.settled(ids.end - ids.start).await;
        let own = forwarded.as_ref().map(|(_, file)| file.environment()).unwrap_or_default();
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let worker = Process::start("worker", &[self.environment, &own].concat()).await;
        let before = own_cpu();
        let mut sample = drained(&worker, 0..ids.end - ids.start, REDIS).await;
        sample.load_cpu = Some(own_cpu().saturating_sub(before));
        sample.lost = Some(missing(forwarded.as_ref(), ids).await);
        report.add_peak("worker, forwarding", worker.peak_mib());
        worker.stop().await;
        sample
    }
}

/// From the first delivery to the last event that has gone out.
async fn in_one_process(row: Row, scale: Scale) -> Sample {
    let (portals, forwarded) = row.start(scale).await;
    let folder = Folder::new();
    let data = folder.path().join("data");
    let own = forwarded.as_ref().map(|(_, file)| file.environment()).unwrap_or_default();
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let environment = [&embedded::environment(data.to_str().unwrap())[..], &own].concat();
    let process = Process::start("standalone", &environment).await;
    let mut measured = Measured { process, folder: &folder, done: 0 };
    let (deliveries, batch) = (scale.count(LOAD.0), LOAD.1);
    let (requests, ids) = requests_of(&portals, deliveries, batch);
    let load = post(measured.process.address, requests, CONNECTIONS);
    let mut sample = measured.sample(deliveries * batch, load).await;
    // What is answered is not what this row is about.
    sample.latency = None;
    sample.lost = sample.lost.max(Some(missing(forwarded.as_ref(), ids).await));
    measured.process.stop().await;
    sample
}

/// How many of the events did not get where they were to go.
async fn missing(forwarded: Option<&(Destinations, File)>, ids: Range<u64>) -> u64 {
    let Some((destinations, _)) = forwarded else { return 0 };
    let arrived = destinations.arrivals.settled(ids.clone(), SETTLES_WITHIN).await;
    ids.end - ids.start - arrived
}

/// The same requests without Hubline: what client and destination can do here.
async fn by_itself(scale: Scale) -> Sample {
    let destinations = Destinations::start(1).await;
    let url = format!("http://{}/hooks", destinations.addresses().next().unwrap());
    let client = reqwest::Client::builder().build().unwrap();
    let count = scale.count(LOAD.0) * LOAD.1;
    let (started, ids) = (Instant::now(), 1..count as u64 + 1);
    stream::iter(ids.clone())
        .for_each_concurrent(IN_FLIGHT, |id| {
            let request = client.post(&url).body(event(id));
            async move { assert_eq!(request.send().await.unwrap().status(), 200) }
        })
        .await;
    let mut sample = Sample::rate(count, started.elapsed());
    sample.lost = Some(count as u64 - destinations.arrivals.count(ids));
    sample
}
