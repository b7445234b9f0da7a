//! Receiver, worker and console on real servers, and traffic in which everything happens that is
//! measured: successes, retries, dead letters, forgeries, what cannot be read and what nothing takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use clap::Parser as _;
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::senders::hubspot::signature::{ClientSecret, Version};
use shared::testing::{DatabaseEngine, Engine, Place, TestDatabase, redis_url};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::task::AbortOnDropHandle;
use worker::parts::poster::Poster;
use worker::stand_ins::{Fault, StandIns};

use crate::harness::{Admin, settings, within};

const SECRET: &str = "prometheus-s3cret";

/// All that runs.
pub(super) struct Cluster {
    queues: Place,
    database: TestDatabase,
    stand_ins: StandIns,
    receiver: Receiver,
    worker: (Child, SocketAddr),
    console: (Child, SocketAddr),
    /// The file of tenants.
    tenants: PathBuf,
}

impl Cluster {
    pub(super) async fn start() -> Self {
        let prefix = shared::testing::prefix();
        let settings = settings(&prefix, &["--retry-initial", "1s", "--retry-max", "2s"]);
        let schedule = settings.processing.retry.schedule().unwrap();
        let queues = Place::new(Engine::Cluster, &settings.broker, Some(&schedule)).await;
        let database = TestDatabase::new(DatabaseEngine::Postgres).await;
        let stand_ins = StandIns::start().await.unwrap();
        stand_ins.put_deal(1, &[("dealname", "Anvils"), ("dealstage", "closedwon")], &[7]);
        for contact in [7, 9] {
            stand_ins.put_contact(contact);
        }
        // One is mended by trying again, the other by nobody.
        stand_ins.fail(Fault::new("slack", 503).times(20));
        stand_ins.fail(Fault::new("erp", 422).on("PUT", "/customers/9"));
        // One tenant's destination wants nothing any more; the other portal is no tenant.
        stand_ins.fail(Fault::new("erp", 410).on("POST", "/gone"));
        let tenants = std::env::temp_dir().join(format!("{prefix}.toml"));
        std::fs::write(&tenants, tenants_at(&stand_ins.url("erp"))).unwrap();
        let flags = [
            "receiver",
            "--listen=127.0.0.1:0",
            "--admin-listen=127.0.0.1:0",
            "--business-hours=always",
            "--hubspot-client-secret",
            SECRET,
            "--amqp-url",
            settings.broker.amqp_url.expose_secret(),
            "--prefix",
            &prefix,
            "--work-shards=2",
        ];
        let receiver = Receiver::start(&ReceiverSettings::parse_from(flags)).unwrap();
        within("the receiver", receiver.ready()).await;
        let environment = [
            ("AMQP_URL", settings.broker.amqp_url.expose_secret().to_owned()),
            ("REDIS_URL", redis_url()),
            ("DATABASE_URL", database.url()),
            ("PREFIX", prefix),
            ("WORK_SHARDS", "2".to_owned()),
            ("ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
            ("LOG_FORMAT", "json".to_owned()),
            ("RETRY_INITIAL", "1s".to_owned()),
            ("RETRY_MULTIPLIER", "2".to_owned()),
            ("RETRY_MAX", "2s".to_owned()),
            ("RETRY_ATTEMPTS", "4".to_owned()),
            ("HUBSPOT_API_URL", stand_ins.url("hubspot")),
            ("HUBSPOT_ACCESS_TOKEN", "pat-stand-in".to_owned()),
            ("SLACK_API_URL", stand_ins.url("slack")),
            ("SLACK_BOT_TOKEN", "xoxb-stand-in".to_owned()),
            ("ERP_URL", stand_ins.url("erp")),
            ("ERP_API_KEY", "erp-stand-in".to_owned()),
            ("TENANTS_FILE", tenants.to_str().unwrap().to_owned()),
            ("DESTINATION_ALLOW", stand_ins.host()),
        ];
        let start = async |command: &str, started: &str, more: &[(&str, &str)]| {
            let environment = environment.iter().map(|(name, value)| (*name, value.as_str()));
            process(command, started, environment.chain(more.iter().copied())).await
        };
        let worker = start("run", "admin listener started", &[]).await;
        // The console asks for a queue that is not there yet only once a minute.
        Admin::at(worker.1).wait_until_ready().await;
        let console =
            start("console", "console started", &[("CONSOLE_LISTEN", "127.0.0.1:0")]).await;
        queues.rabbitmq().put_foreign("unrouted", b"17").await;
        Self { queues, database, stand_ins, receiver, worker, console, tenants }
    }

    /// Whom Prometheus is to ask, beside RabbitMQ at `rabbitmq`.
    pub(super) fn targets(&self, rabbitmq: &str) -> Vec<(&'static str, String)> {
        vec![
            ("hubline-receiver", self.receiver.admin_address().to_string()),
            ("hubline-worker", self.worker.1.to_string()),
            ("hubline-console", self.console.1.to_string()),
            ("rabbitmq", rabbitmq.to_owned()),
        ]
    }

    /// Deliveries, one after the other, until the handle is dropped. One that fails is no reason to
    /// end: all that a test needs is that most arrive.
    pub(super) fn load(&self) -> AbortOnDropHandle<()> {
        let url = format!("http://{}/webhooks/hubspot", self.receiver.address());
        let poster = |secret: &str| {
            let secret = ClientSecret::new(secret.to_owned()).unwrap();
            Poster::new(&url, None, secret, Version::V3).unwrap()
        };
        let (hubspot, forger) = (poster(SECRET), poster("not-the-s3cret"));
        AbortOnDropHandle::new(tokio::spawn(async move {
            for number in 1_u64.. {
                deliver(&hubspot, number).await;
                if number % 5 == 0 {
                    deliver(&forger, number).await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }))
    }

    /// Ends all of it.
    pub(super) async fn finish(self) {
        let Self { queues, database, stand_ins, receiver, worker, console, tenants } = self;
        receiver.stop().await;
        for (mut process, _) in [worker, console] {
            process.kill().await.unwrap();
        }
        drop(stand_ins);
        std::fs::remove_file(tenants).unwrap();
        queues.end().await;
        database.end().await;
    }
}

fn tenants_at(api: &str) -> String {
    format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        destinations.acme-crm = {{ tenant = "acme", url = "{api}/gone", sign = "none" }}
        [routes.acme-tickets]
        tenant = "acme"
        destination = "acme-crm"
        filter = {{ field = "subscriptionType", operator = "equals", value = "ticket.creation" }}
        "#
    )
}

async fn deliver(poster: &Poster, number: u64) {
    if let Err(error) = poster.send(delivery(number).into_bytes()).await {
        eprintln!("delivery {number}: {error}");
    }
}

/// A deal that is won, a contact that the ERP refuses, one of a type that nothing wants but a tenant's destination,
/// and one that cannot be read.
fn delivery(number: u64) -> String {
    let event = |id: u64, kind: &str, object: u64, rest: &str| {
        format!(
            r#"{{"eventId":{id},"subscriptionId":7,"portalId":{},"appId":54321,"occurredAt":{},"subscriptionType":"{kind}","attemptNumber":0,"objectId":{object}{rest}}}"#,
            62_515 + number % 2,
            1_790_000_000_000 + number,
        )
    };
    let won = r#","propertyName":"dealstage","propertyValue":"closedwon""#;
    let events = [
        event(number * 10, "deal.propertyChange", 1, won),
        event(number * 10 + 1, "contact.creation", 9, ""),
        event(number * 10 + 2, "ticket.creation", 3, ""),
        "17".to_owned(),
    ];
    format!("[{}]", events.join(","))
}

/// A worker's process, once it has said where its admin listener is.
async fn process<'a>(
    command: &str,
    started: &str,
    environment: impl Iterator<Item = (&'a str, &'a str)>,
) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_worker"))
        .arg(command)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let starting = async {
        let mut said = String::new();
        while let Some(line) = log.next_line().await.unwrap() {
            let fields: Value = serde_json::from_str(&line).unwrap_or_default();
            if fields["message"] == started {
                return fields["admin"].as_str().unwrap().parse().unwrap();
            }
            said += &line;
        }
        panic!("it ended: {said}");
    };
    let admin = within("its start", starting).await;
    // A full pipe would hold it up.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    (child, admin)
}
