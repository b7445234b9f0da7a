//! The receiver and the worker as processes, and what the worker says in its log.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::deliveries::WON_STAGE;
use super::tenants::Tenants;
use crate::stand_ins::StandIns;
use crate::trial::Directory;

const READY: Duration = Duration::from_secs(60);
const ENDED: Duration = Duration::from_secs(20);

/// What the demo runs on if not in one process.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    /// RabbitMQ.
    pub(crate) amqp_url: SecretString,
    /// Redis.
    pub(crate) redis_url: SecretString,
    /// The receiver's program.
    pub(crate) receiver: PathBuf,
    /// This program.
    pub(crate) worker: PathBuf,
}

/// Both processes; they end with this.
pub(super) struct Processes {
    receiver: Child,
    worker: Child,
    address: SocketAddr,
    /// The file of tenants; it goes with this.
    _directory: Directory,
}

impl Processes {
    /// Starts both and waits until they are ready. The worker's log comes line by line, until its
    /// end.
    pub(super) async fn start(
        servers: &Servers,
        stand_ins: &StandIns,
        secret: &str,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let (address, receiver_admin, worker_admin) = (free_port()?, free_port()?, free_port()?);
        let directory = Directory::new("demo")?;
        let tenants = Tenants::write(&directory.0, stand_ins)?;
        let prefix = format!("demo-{:08x}", rand::random::<u32>());
        let common = |command: &mut Command, admin: SocketAddr| {
            command
                .env("AMQP_URL", servers.amqp_url.expose_secret())
                .env("PREFIX", &prefix)
                .env("ADMIN_LISTEN", admin.to_string())
                .env("LOG_FORMAT", "json")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .kill_on_drop(true);
        };
        let mut receiver = Command::new(&servers.receiver);
        common(&mut receiver, receiver_admin);
        let receiver = receiver
            .env("LISTEN", address.to_string())
            .env("HUBSPOT_CLIENT_SECRET", secret)
            .env("LOG_LEVEL", "error")
            .spawn()
            .context("cannot start the receiver")?;
        let mut worker = Command::new(&servers.worker);
        common(&mut worker, worker_admin);
        let mut worker = worker
            .arg("run")
            .env("LOG_LEVEL", "warn,worker=debug")
            .env("REDIS_URL", servers.redis_url.expose_secret())
            .env("RETRY_INITIAL", "500ms")
            .env("RETRY_MULTIPLIER", "2")
            .env("RETRY_ATTEMPTS", "5")
            .env("WON_STAGES", format!("closedwon,{WON_STAGE}"))
            .env("HUBSPOT_API_URL", stand_ins.url("hubspot"))
            .env("HUBSPOT_ACCESS_TOKEN", "pat-stand-in")
            .env("SLACK_API_URL", stand_ins.url("slack"))
            .env("SLACK_BOT_TOKEN", "xoxb-stand-in")
            .env("ERP_URL", stand_ins.url("erp"))
            .env("ERP_API_KEY", "stand-in")
            .env("ONBOARDING_URL", stand_ins.url("onboarding"))
            .env("TENANTS_FILE", &tenants.file)
            .env("TENANT_SECRETS_DIR", &tenants.secrets)
            .env("DESTINATION_ALLOW", &tenants.allow)
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the worker")?;
        let log = worker.stderr.take().context("the worker has no log")?;
        let (lines, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut log = BufReader::new(log).lines();
            // To its end, whether anyone listens or not: a full pipe would hold the worker up.
            while let Ok(Some(line)) = log.next_line().await {
                let _ = lines.send(line);
            }
        });
        let processes = Self { receiver, worker, address, _directory: directory };
        for (name, admin) in [("receiver", receiver_admin), ("worker", worker_admin)] {
            tokio::time::timeout(READY, ready(admin)).await.with_context(|| {
                format!("the {name} is not ready within {} s", READY.as_secs())
            })??;
            say!("{name} ready");
        }
        Ok((processes, told))
    }

    pub(super) fn receiver_url(&self) -> String {
        format!("http://{}/webhooks/hubspot", self.address)
    }

    /// Ends both as an operator would, with SIGTERM, and expects them to exit well.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        for (name, child) in [("receiver", &mut self.receiver), ("worker", &mut self.worker)] {
            let pid = child.id().with_context(|| format!("the {name} has ended by itself"))?;
            Command::new("kill")
                .arg(pid.to_string())
                .status()
                .await
                .context("cannot run `kill`")?;
        }
        let ended = async { tokio::join!(self.receiver.wait(), self.worker.wait()) };
        let (receiver, worker) =
            tokio::time::timeout(ENDED, ended).await.context("the processes do not end")?;
        let (receiver, worker) = (receiver?, worker?);
        anyhow::ensure!(
            receiver.success() && worker.success(),
            "receiver: {receiver}, worker: {worker}"
        );
        Ok(())
    }
}

async fn ready(admin: SocketAddr) -> anyhow::Result<()> {
    let client = shared::http_client::builder().timeout(ENDED).build()?;
    let url = format!("http://{admin}/readyz");
    while !client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
