//! What the figures were measured on, and what was synced: without that they say nothing.

use std::fs;
use std::path::Path;

use deadpool_redis::redis;
use shared::testing::{rabbitmq_metrics, redis_url};

use super::disk::{Folder, file_system};
use super::rounds::RABBITMQ;
use super::scale::Scale;

/// How often the disk is synced to say how often it can be.
pub(crate) const SYNCS: usize = 1000;

/// The machine: kernel, CPU and cores.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model =
        model.and_then(|line| line.split_once(": ")).map_or("unknown CPU", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("machine: Linux {}, {model}, {cores} cores", kernel.trim())
}

/// The data of one process.
pub(crate) fn data(folder: &Folder) -> String {
    format!(
        "data: on {}; SQLite's log is synced before a delivery is answered",
        file_system(folder.path())
    )
}

/// The servers: their versions, and when each of them syncs.
pub(crate) async fn servers(scale: Scale) -> Vec<String> {
    let folder = Folder::new();
    let syncs = folder.synced(scale.count(SYNCS)).per_second();
    let rabbitmq = std::env::var(RABBITMQ).unwrap_or_default();
    vec![
        machine(),
        format!(
            "RabbitMQ {}: on {}; quorum queues sync before they confirm",
            rabbitmq_version().await,
            file_system(Path::new(&rabbitmq))
        ),
        redis_server().await,
        format!("disk: {}, {syncs:.0} syncs of 4 KiB a second", file_system(folder.path())),
    ]
}

async fn rabbitmq_version() -> String {
    let url = format!("http://{}/metrics", rabbitmq_metrics());
    let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
    let version = text.split_once("rabbitmq_version=\"").and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("of unknown version", |(version, _)| version).to_owned()
}

async fn redis_server() -> String {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let about: String =
        redis::cmd("INFO").arg("server").query_async(&mut connection).await.unwrap();
    let version = about.lines().find_map(|line| line.strip_prefix("redis_version:"));
    let config = |name: &'static str| {
        let mut connection = connection.clone();
        async move {
            let mut command = redis::cmd("CONFIG");
            let pair: Vec<String> =
                command.arg("GET").arg(name).query_async(&mut connection).await.unwrap();
            pair.into_iter().nth(1).unwrap_or_default()
        }
    };
    format!(
        "Redis {}: appendonly {}, appendfsync {}",
        version.unwrap_or("of unknown version").trim(),
        config("appendonly").await,
        config("appendfsync").await
    )
}
