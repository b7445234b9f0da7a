//! `worker console`: the console by itself, beside any number of workers, and whoever takes dead
//! letters into the records and works on jobs for it.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use prometheus_client::registry::Registry;
use shared::admin::{self, Admin};
use shared::broker::{Broker, Measuring, Topology};
use shared::metrics::{BrokerMetrics, registry};
use shared::trace::Tracer;
use shared::{shutdown, telemetry, terminal};
use tokio_util::task::AbortOnDropHandle;

use crate::alerts::{Alerts, Own};
use crate::console::{self, Board, Console, ConsoleMetrics, Sources};
use crate::installing::{self, Installing, Tenancy};
use crate::oauth::App;
use crate::records::Records;
use crate::records::dead_letters::{DeadLetters, Indexer, Retention};
use crate::records::jobs::{Jobs, Runner};
use crate::records::redaction::Redaction;
use crate::settings::ConsoleProgramSettings;

/// Serves the console until SIGTERM, takes dead letters out of their queue into the records, and
/// works on the jobs that retry and replay.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  DATABASE_URL_FILE=/run/secrets/database AMQP_URL_FILE=/run/secrets/amqp worker console
  CONSOLE_LISTEN=0.0.0.0:8090 CONSOLE_TOKEN_FILE=/run/secrets/console worker console

It listens on 127.0.0.1:8090 without asking for anything; anywhere else it needs a token. Put
something that ends TLS before it. `worker standalone` has a console of its own.")]
pub struct ConsoleCommand {
    /// Everything else.
    #[command(flatten)]
    pub settings: ConsoleProgramSettings,
}

impl ConsoleCommand {
    /// The longest that it takes to stop.
    pub const STOP: Duration =
        Self::LISTENERS.saturating_add(Runner::CLOSE).saturating_add(Indexer::CLOSE);

    /// The console, and beside it where the app is installed, which takes longer.
    const LISTENERS: Duration = Installing::STOP;

    /// How long HubSpot may take to answer an install.
    const API_TIMEOUT: Duration = Duration::from_secs(10);

    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let settings = self.settings;
        settings.check()?;
        telemetry::init(&settings.log)?;
        let shutdown = shutdown::on_signal()?;
        let program = Program::start(&settings)?;
        // Whoever started it may not listen, and it must go on all the same.
        let _ = terminal::say(format_args!(
            "Hubline {} console: http://{}/",
            env!("CARGO_PKG_VERSION"),
            program.console.address()
        ));
        shutdown.cancelled().await;
        program.stop().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// All that runs.
struct Program {
    console: Console,
    installing: Option<Installing>,
    indexer: Indexer,
    runner: Runner,
    records: Records,
    admin: actix_web::dev::ServerHandle,
    _watching: (Measuring, AbortOnDropHandle<()>, Alerts),
    tracer: Tracer,
}

impl Program {
    fn start(settings: &ConsoleProgramSettings) -> anyhow::Result<Self> {
        // Nothing is begun before it is clear that it can be.
        let listener = console::bind(&settings.console)?;
        let admin_listener = admin::bind(settings.admin_listen)?;
        let install_listener = installing::bind(&settings.console.install)?;
        let tracer = Tracer::start(&settings.trace, "hubline-console")?;
        let records = Records::open_for_reading(&settings.records, None)?;
        let mut registry = registry("console");
        let broker_metrics = BrokerMetrics::register(&mut registry);
        let schedule = settings.retry.schedule()?;
        let (prefix, shards) = (&settings.broker.prefix, settings.broker.work_shards);
        let topology = Topology::new(prefix, shards, Some(&schedule));
        let broker = Broker::RabbitMq { settings: settings.broker.clone(), topology };
        let indexer = Indexer::start(
            DeadLetters::new(records.clone()),
            broker.clone(),
            Retention::from(&settings.records),
            &mut registry,
            broker_metrics.clone(),
        );
        let measuring = broker.measure(&mut registry, broker_metrics.clone())?;
        let pulse = records.watch(&mut registry, None);
        let jobs = Jobs::new(records.clone());
        let runner = Runner::start(jobs, Some(broker.clone()), None, broker_metrics, &tracer);
        let board = Board::default();
        let sources = Sources {
            records: records.clone(),
            discarded_retention: settings.records.discarded_retention,
            redaction: Redaction::from(&settings.records),
            broker,
            receivers: Vec::new(),
            parts: None,
            alerts: board.clone(),
            tenants_file: settings.tenants_file(),
            has_app: settings.app.client_id().is_some(),
            secrets_key: settings.app.secrets_key.clone(),
            metrics: ConsoleMetrics::register(&mut registry),
        };
        let console = Console::serve(listener, &settings.console, sources)?;
        let installing = match install_listener {
            Some(listener) => Some(install(listener, settings, &records, &mut registry)?),
            None => None,
        };
        let registry = Arc::new(registry);
        let shown = Admin {
            registry: Arc::clone(&registry),
            readiness: console.readiness(),
            is_alive: Arc::new(|| true),
        };
        let (admin, admin_address) = admin::serve(admin_listener, shown, |_| {})?;
        let own = Own { registry, instance: admin_address.to_string() };
        let alerts = Alerts::start(&settings.console, &settings.slack, own, board)?;
        tracing::info!(
            console = %console.address(),
            admin = %admin_address,
            "console started"
        );
        let watching = (measuring, pulse, alerts);
        Ok(Self {
            console,
            installing,
            indexer,
            runner,
            records,
            admin,
            _watching: watching,
            tracer,
        })
    }

    async fn stop(self) {
        let installing = async {
            if let Some(installing) = self.installing {
                installing.stop().await;
            }
        };
        const { assert!(Installing::STOP.as_millis() >= Console::STOP.as_millis()) };
        tokio::join!(installing, self.console.stop());
        self.admin.stop(false).await;
        self.runner.close().await;
        self.indexer.close().await;
        self.records.close().await;
        self.tracer.close().await;
        tracing::info!("console stopped");
    }
}

/// Where portals install the app.
fn install(
    listener: TcpListener,
    settings: &ConsoleProgramSettings,
    records: &Records,
    registry: &mut Registry,
) -> anyhow::Result<Installing> {
    let app = App::open(
        &settings.app,
        settings.client_secret.secret()?,
        (settings.hubspot_url()?, ConsoleCommand::API_TIMEOUT),
        Some(records),
        registry,
    )?;
    let app = app.context("OAUTH_LISTEN is set without HUBSPOT_CLIENT_ID")?;
    let tenants = settings.tenants_file();
    let (install, proxies) = (&settings.console.install, &settings.console.console_trusted_proxies);
    Installing::serve(listener, install, proxies, app, Tenancy::of(tenants))
}
