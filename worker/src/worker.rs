//! A worker's life: a processor and an admin listener, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use shared::admin::{self, Admin};
use shared::metrics::{BrokerMetrics, registry};
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;

use crate::engines::Engines;
use crate::oauth::App;
use crate::processor::{Beside, Processor};
use crate::records::{Keeping, Records};
use crate::registry::Registry;
use crate::settings::WorkerSettings;

/// A running worker.
pub struct Worker {
    processor: Processor,
    keeping: Option<Keeping>,
    admin: ServerHandle,
    admin_address: SocketAddr,
    grace: Duration,
    tracer: Tracer,
}

/// Runs a worker with the handlers of `registry` until `shutdown`, then drains it. Settings that do not
/// fit each other are an error.
pub async fn run(
    settings: &WorkerSettings,
    registry: Registry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    settings.check()?;
    let worker = Worker::start(settings, registry)?;
    shutdown.cancelled().await;
    worker.stop().await;
    Ok(())
}

impl Worker {
    /// What [`Self::stop`] takes beyond its grace at the most. Whoever kills what does not stop has to
    /// wait so much longer.
    pub const AFTER_GRACE: Duration =
        Processor::AFTER_GRACE.saturating_add(Keeping::CLOSE).saturating_add(Tracer::CLOSE);

    /// Starts in the background; servers that are not there yet are waited for.
    pub fn start(settings: &WorkerSettings, handlers: Registry) -> anyhow::Result<Self> {
        Self::on(&Engines::cluster(settings)?, settings, handlers)
    }

    /// The same on chosen engines; the settings' own are not looked at.
    pub fn on(
        engines: &Engines,
        settings: &WorkerSettings,
        handlers: Registry,
    ) -> anyhow::Result<Self> {
        let listener = admin::bind(settings.admin_listen)?;
        let tracer = Tracer::start(&settings.trace, "hubline-worker")?;
        let mut registry = registry("worker");
        let broker_metrics = BrokerMetrics::register(&mut registry);
        let keeping = Records::open(&settings.records)?
            .map(|records| Keeping::start(records, settings.records.log_retention, &mut registry));
        let records = keeping.as_ref().map(Keeping::records);
        let integrations = &settings.processing.integrations;
        let app = App::open(
            &settings.processing.app,
            settings.client_secret.secret()?,
            (integrations.hubspot_url()?, integrations.api_timeout),
            records.as_ref(),
            &mut registry,
        )?;
        let beside = Beside { keeping: keeping.as_ref(), app: app.as_ref() };
        let processor = Processor::start(
            engines,
            &settings.processing,
            handlers,
            beside,
            &mut registry,
            broker_metrics,
            &tracer,
        )?;
        let (processing, recording) =
            (processor.readiness(), keeping.as_ref().map(Keeping::readiness));
        let readiness = move || match &recording {
            None => processing(),
            Some(recording) => processing().and(recording()),
        };
        let shown = Admin {
            registry: Arc::new(registry),
            readiness: Arc::new(readiness),
            is_alive: Arc::new(|| true),
        };
        let (admin, admin_address) = admin::serve(listener, shown, processor.pages())?;
        tracing::info!(admin = %admin_address, "admin listener started");
        let grace = settings.shutdown_grace;
        Ok(Self { processor, keeping, admin, admin_address, grace, tracer })
    }

    /// From now on events are for the handlers of `handlers`. Runs that have begun end with those they
    /// began with; what comes back for one that is no longer there waits for it as long as its attempts
    /// last (`TARGET_UNKNOWN`).
    pub fn replace(&self, handlers: Registry) {
        self.processor.replace(handlers);
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Takes no more deliveries, lets what runs finish within the grace, gives the rest back
    /// without spending an attempt, and ends.
    pub async fn stop(self) {
        self.processor.stop(self.grace).await;
        self.admin.stop(false).await;
        if let Some(keeping) = self.keeping {
            keeping.close().await;
        }
        self.tracer.close().await;
        tracing::info!("worker stopped");
    }
}
