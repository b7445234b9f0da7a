//! Where a contender's events wait, and how many of them do.

use std::time::{Duration, Instant};

use deadpool_redis::redis;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

use super::raw;

/// How long a queue may take to show what was confirmed.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);

pub(crate) enum Queue {
    RabbitMq {
        url: String,
        name: String,
    },
    /// BullMQ's, on a Redis of its own.
    BullMq {
        url: String,
        name: String,
    },
}

impl Queue {
    /// The events that no worker has.
    pub(crate) async fn length(&self) -> u64 {
        match self {
            Self::RabbitMq { url, name } => {
                let connection = raw::connect(url).await;
                let channel = connection.create_channel().await.unwrap();
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                let queue =
                    channel.queue_declare(name.as_str().into(), options, FieldTable::default());
                u64::from(queue.await.unwrap().message_count())
            }
            Self::BullMq { url, name } => {
                let client = redis::Client::open(url.as_str()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                let waiting = format!("bull:{name}:wait");
                redis::cmd("LLEN").arg(waiting).query_async::<u64>(&mut connection).await.unwrap()
            }
        }
    }

    /// Its length once it is `expected`; or what it is when that takes too long.
    pub(crate) async fn settled(&self, expected: u64) -> u64 {
        let deadline = Instant::now() + SETTLES_WITHIN;
        loop {
            let length = self.length().await;
            if length >= expected || Instant::now() > deadline {
                return length;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Sets when the Redis at `url` syncs its log of writes: `everysec` or `always`.
pub(crate) async fn sync(url: &str, when: &str) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("CONFIG")
        .arg("SET")
        .arg("appendfsync")
        .arg(when)
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
}
