//! A Redis Cluster of a test's own: two nodes, each with half of the keys.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Client, FromRedisValue};
use shared::testing::prefix;

use super::admin::pause;
use super::{free, within};

/// The first key slot of the second node.
const HALF: u32 = 8192;

/// Ends, with its data, when dropped.
pub(crate) struct OwnCluster {
    nodes: Vec<Node>,
}

struct Node {
    process: Child,
    directory: PathBuf,
    port: u16,
}

impl OwnCluster {
    pub(crate) async fn start() -> Self {
        let ports = free::<4>().map(|address| address.port());
        let nodes = ports.chunks(2).map(|ports| Node::start(ports[0], ports[1])).collect();
        let own = Self { nodes };
        own.ask::<()>(0, &format!("CLUSTER ADDSLOTSRANGE 0 {}", HALF - 1)).await;
        own.ask::<()>(1, &format!("CLUSTER ADDSLOTSRANGE {HALF} 16383")).await;
        own.ask::<()>(0, &format!("CLUSTER MEET 127.0.0.1 {} {}", ports[2], ports[3])).await;
        for node in 0..2 {
            let formed = async {
                loop {
                    let info: String = own.ask(node, "CLUSTER INFO").await;
                    if info.contains("cluster_state:ok") && info.contains("cluster_size:2") {
                        break;
                    }
                    pause().await;
                }
            };
            within("the cluster to form", formed).await;
        }
        own
    }

    /// Of its first node.
    pub(crate) fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// Whether the first node has this key.
    pub(crate) async fn is_on_first(&self, key: &str) -> bool {
        self.ask::<u32>(0, &format!("CLUSTER KEYSLOT {key}")).await < HALF
    }

    async fn ask<T: FromRedisValue>(&self, node: usize, words: &str) -> T {
        let mut redis = self.nodes[node].connect().await;
        let mut words = words.split(' ');
        let mut command = deadpool_redis::redis::cmd(words.next().unwrap());
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut redis).await.unwrap()
    }
}

impl Node {
    fn start(port: u16, bus: u16) -> Self {
        let directory = std::env::temp_dir().join(prefix());
        std::fs::create_dir(&directory).unwrap();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&directory)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is needed");
        Self { process, directory, port }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    async fn connect(&self) -> MultiplexedConnection {
        let client = Client::open(self.url()).unwrap();
        let connecting = async {
            loop {
                if let Ok(redis) = client.get_multiplexed_async_connection().await {
                    break redis;
                }
                pause().await;
            }
        };
        within("a node of the cluster", connecting).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
