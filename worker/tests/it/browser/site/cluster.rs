//! The same on servers: an endpoint and a worker of this process, and `worker console`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use prometheus_client::registry::Registry as Metrics;
use receiver::Endpoint;
use receiver::settings::EndpointSettings;
use secrecy::SecretString;
use shared::metrics::BrokerMetrics;
use shared::testing::{DatabaseEngine, TestDatabase, amqp_url};
use shared::trace::Tracer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use worker::Registry;
use worker::parts::Worker;

use crate::harness::{Admin, Engine, PATIENCE, Rig, within};

pub(super) struct Cluster {
    rig: Rig,
    database: TestDatabase,
    endpoint: Endpoint,
    worker: Worker,
    program: Child,
    pub(super) console: String,
}

impl Cluster {
    pub(super) async fn start(settings: &EndpointSettings, registry: Registry) -> Self {
        let mut rig = Rig::on(Engine::Cluster, &[]).await;
        let database = TestDatabase::new(DatabaseEngine::Postgres).await;
        rig.settings.records.database_url = Some(SecretString::from(database.url()));
        let worker = rig.worker(|handlers| *handlers = registry);
        let mut metrics = Metrics::default();
        let broker_metrics = BrokerMetrics::register(&mut metrics);
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let broker = rig.queues.broker();
        let tracer = Tracer::default();
        let endpoint =
            Endpoint::open(settings, listen, &broker, &mut metrics, broker_metrics, &tracer);
        let endpoint = endpoint.unwrap();
        within("the endpoint", endpoint.ready()).await;
        Admin::of(&worker).wait_until_ready().await;
        let (program, console) = program(&rig, &database).await;
        Self { rig, database, endpoint, worker, program, console }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    pub(super) async fn finish(mut self) {
        let pid = self.program.id().unwrap();
        assert!(Command::new("kill").arg(pid.to_string()).status().await.unwrap().success());
        let ended = within("the console's end", self.program.wait()).await.unwrap();
        assert_eq!(ended.code(), Some(0));
        self.endpoint.close(PATIENCE).await;
        within("the worker's end", self.worker.stop()).await;
        self.rig.finish().await;
        self.database.end().await;
    }
}

/// `worker console`, and where it says it is.
async fn program(rig: &Rig, database: &TestDatabase) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_worker"))
        .arg("console")
        .env_clear()
        .env("CONSOLE_LISTEN", "127.0.0.1:0")
        .env("ADMIN_LISTEN", "127.0.0.1:0")
        .env("AMQP_URL", amqp_url())
        .env("DATABASE_URL", database.url())
        .env("PREFIX", &rig.prefix)
        // As the rig's, since these make the names of queues.
        .env("WORK_SHARDS", "2")
        .env("RETRY_INITIAL", "50ms")
        .env("RETRY_MULTIPLIER", "2")
        .env("RETRY_MAX", "1s")
        .env("RETRY_ATTEMPTS", "4")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = within("the console's start", said.next_line()).await.unwrap();
    let line = line.expect("the console ended before it listened");
    let (_, address) = line.split_once("console: ").expect("the console says where it is");
    (program, address.trim_end_matches('/').to_owned())
}
