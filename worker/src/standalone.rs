//! The whole of Hubline in one process on one data file: endpoint and processor on the embedded
//! engines, behind one admin listener.

mod opening;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use receiver::Endpoint;
use shared::admin::{self, Admin, Readiness};
use shared::broker::{Backlog, Broker, Embedded};
use shared::metrics::{BrokerMetrics, registry};
use shared::store::Store;
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::alerts::{Alerts, Own};
use crate::console::{self, Board, Console, ConsoleMetrics, Sources};
use crate::engines::Engines;
use crate::installing::{self, Installing, Tenancy};
use crate::processor::{Beside, Processor};
use crate::records::Keeping;
use crate::records::dead_letters::Indexer;
use crate::records::jobs::Runner;
use crate::records::redaction::Redaction;
use crate::registry::Registry;
use crate::settings::StandaloneSettings;
use opening::{app_of, looking_after, processing_of, records_of};

/// How long the data file may take to close.
const CLOSE: Duration = Duration::from_secs(5);

/// A running Hubline.
pub struct Standalone {
    endpoint: Endpoint,
    processor: Processor,
    keeping: Keeping,
    indexer: Indexer,
    runner: Runner,
    console: Console,
    installing: Option<Installing>,
    admin: ServerHandle,
    admin_address: SocketAddr,
    embedded: Arc<Embedded>,
    grace: Duration,
    watching: (AbortOnDropHandle<()>, Alerts),
    tracer: Tracer,
}

impl Standalone {
    /// Opens the data file and starts with the handlers of `handlers`. Must be called on a
    /// multi-thread runtime.
    pub async fn start(settings: &StandaloneSettings, handlers: Registry) -> anyhow::Result<Self> {
        settings.check()?;
        // Nothing is begun before it is clear that it can be.
        let listener = admin::bind(settings.admin_listen)?;
        let console_listener = console::bind(&settings.console)?;
        let install_listener = installing::bind(&settings.console.install)?;
        let tracer = Tracer::start(&settings.trace, "hubline-standalone")?;
        let store = Arc::new(Store::open(&settings.data).await?);
        let mut registry = registry("standalone");
        store.register(&mut registry);
        let embedded = Embedded::new(store);
        let measuring = embedded.measure(&mut registry);
        // One process, one link: what publishes and what consumes share its metrics.
        let broker_metrics = BrokerMetrics::register(&mut registry);
        let endpoint = Endpoint::open(
            &settings.endpoint,
            settings.listen,
            &Broker::Sqlite(Arc::clone(&embedded)),
            &mut registry,
            broker_metrics.clone(),
            &tracer,
        )?;
        let records = records_of(settings)?;
        let (indexer, runner) =
            looking_after(settings, &records, &embedded, &mut registry, &broker_metrics, &tracer);
        let keeping =
            Keeping::start(records.clone(), settings.records.log_retention, &mut registry);
        let app = app_of(settings, &records, &mut registry)?;
        let processor = Processor::start(
            &Engines::Embedded(Arc::clone(&embedded)),
            &processing_of(settings)?,
            handlers,
            Beside { keeping: Some(&keeping), app: app.as_ref() },
            &mut registry,
            broker_metrics,
            &tracer,
        )?;
        let (receiving, processing, recording) =
            (endpoint.readiness(), processor.readiness(), keeping.readiness());
        let readiness: Arc<dyn Fn() -> Readiness + Send + Sync> =
            Arc::new(move || receiving().and(processing()).and(recording()));
        let console_metrics = ConsoleMetrics::register(&mut registry);
        let registry = Arc::new(registry);
        // Weak: the admin listener must not keep the file open.
        let file = Arc::downgrade(embedded.store());
        let shown = Admin {
            registry: Arc::clone(&registry),
            readiness: Arc::clone(&readiness),
            is_alive: Arc::new(move || file.upgrade().is_none_or(|file| file.has_writer())),
        };
        let pages = both(endpoint.pages(), processor.pages());
        let (admin, admin_address) = admin::serve(listener, shown, pages)?;
        let board = Board::default();
        let own = Own { registry, instance: admin_address.to_string() };
        let slack = &settings.processing.integrations.slack;
        let alerts = Alerts::start(&settings.console, slack, own, board.clone())?;
        let sources = Sources {
            records,
            discarded_retention: settings.records.discarded_retention,
            redaction: Redaction::from(&settings.records),
            broker: Broker::Sqlite(Arc::clone(&embedded)),
            receivers: vec![reachable(admin_address)],
            parts: Some(readiness),
            alerts: board,
            tenants_file: settings.processing.tenants.file().map(Path::to_owned),
            has_app: settings.processing.app.client_id().is_some(),
            secrets_key: settings.processing.app.secrets_key.clone(),
            metrics: console_metrics,
        };
        let console = Console::serve(console_listener, &settings.console, sources)?;
        let tenants = settings.processing.tenants.file().map(Path::to_owned);
        let installing = install_listener.zip(app).map(|(listener, app)| {
            let (install, proxies) =
                (&settings.console.install, &settings.console.console_trusted_proxies);
            Installing::serve(listener, install, proxies, app, Tenancy::of(tenants))
        });
        let installing = installing.transpose()?;
        tracing::info!(
            listen = %endpoint.address(),
            path = settings.endpoint.webhook_path,
            admin = %admin_address,
            console = %console.address(),
            data = %settings.data.display(),
            "standalone started"
        );
        let grace = settings.shutdown_grace;
        Ok(Self {
            endpoint,
            processor,
            keeping,
            indexer,
            runner,
            console,
            installing,
            admin,
            admin_address,
            embedded,
            grace,
            watching: (measuring, alerts),
            tracer,
        })
    }

    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where the console is.
    pub fn console_address(&self) -> SocketAddr {
        self.console.address()
    }

    /// Where the app is installed, if anywhere.
    pub fn install_address(&self) -> Option<SocketAddr> {
        self.installing.as_ref().map(Installing::address)
    }

    /// The data file.
    pub fn store(&self) -> &Arc<Store> {
        self.embedded.store()
    }

    /// What waits in the data file.
    pub async fn backlog(&self) -> anyhow::Result<Backlog> {
        Ok(self.embedded.backlog().await?)
    }

    /// The integrations, one line each: on and where, or off and why.
    pub fn integrations(&self) -> Vec<String> {
        self.processor.integrations()
    }

    /// Goes on until `shutdown`, then stops; false if the data file has lost its writer before,
    /// without which nothing can go on.
    pub async fn until(mut self, shutdown: &CancellationToken) -> bool {
        let goes_on = tokio::select! {
            () = shutdown.cancelled() => true,
            () = self.embedded.store().writer_ended() => false,
        };
        if !goes_on {
            tracing::error!("the data file has lost its writer: this process ends, start it again");
            // Nothing that is at work can come to its end.
            self.grace = Duration::ZERO;
        }
        self.stop().await;
        goes_on
    }

    /// Takes no more deliveries, lets requests and then running handlers finish within the
    /// grace, and closes the file. What is not done is in it and goes on at the next start.
    pub async fn stop(self) {
        let Self {
            endpoint,
            processor,
            keeping,
            indexer,
            runner,
            console,
            installing,
            admin,
            embedded,
            grace,
            watching,
            tracer,
            ..
        } = self;
        if let Some(installing) = installing {
            installing.stop().await;
        }
        endpoint.close(grace).await;
        runner.close().await;
        processor.stop(grace).await;
        console.stop().await;
        admin.stop(false).await;
        indexer.close().await;
        keeping.close().await;
        tracer.close().await;
        drop(watching);
        let closed = embedded.store().closed();
        drop(embedded);
        if tokio::time::timeout(CLOSE, closed).await.is_err() {
            tracing::warn!("the data file is still in use: left as it is, nothing is lost");
        }
        tracing::info!("standalone stopped");
    }
}

/// The pages of two parts.
fn both(
    one: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    other: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        one(config);
        other(config);
    }
}

/// Where a listener is reached from this machine.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Where a data directory is, as it would be found from anywhere.
pub(crate) fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}
