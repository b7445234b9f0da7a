//! The receiver's life: an endpoint that publishes to RabbitMQ, and an admin listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use shared::admin::{self, Admin};
use shared::broker::{Broker, Topology};
use shared::metrics::{BrokerMetrics, registry};
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;

use crate::endpoint::{CLOSE_TIMEOUT, Endpoint};
use crate::settings::ReceiverSettings;

/// A running receiver.
pub struct Receiver {
    endpoint: Endpoint,
    admin: ServerHandle,
    admin_address: SocketAddr,
    grace: Duration,
    tracer: Tracer,
}

/// Runs a receiver until `shutdown`, then drains it.
pub async fn run(settings: &ReceiverSettings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let receiver = Receiver::start(settings)?;
    shutdown.cancelled().await;
    receiver.stop().await;
    Ok(())
}

impl Receiver {
    /// What [`Self::stop`] takes beyond its grace at the most.
    pub const AFTER_GRACE: Duration = CLOSE_TIMEOUT.saturating_add(Tracer::CLOSE);

    /// Starts listening; a broker that is not there yet is waited for, and meanwhile every
    /// delivery is answered 503. Must be called on a multi-thread runtime.
    pub fn start(settings: &ReceiverSettings) -> anyhow::Result<Self> {
        let topology = Topology::new(&settings.broker.prefix, settings.broker.work_shards, None);
        Self::on(&Broker::RabbitMq { settings: settings.broker.clone(), topology }, settings)
    }

    /// The same on any broker; the settings' own is not looked at.
    pub fn on(broker: &Broker, settings: &ReceiverSettings) -> anyhow::Result<Self> {
        let listener = admin::bind(settings.admin_listen)?;
        let tracer = Tracer::start(&settings.trace, "hubline-receiver")?;
        let mut registry = registry("receiver");
        let broker_metrics = BrokerMetrics::register(&mut registry);
        let endpoint = Endpoint::open(
            &settings.endpoint,
            settings.listen,
            broker,
            &mut registry,
            broker_metrics,
            &tracer,
        )?;
        let shown = Admin {
            registry: Arc::new(registry),
            readiness: endpoint.readiness(),
            is_alive: Arc::new(|| true),
        };
        let (admin, admin_address) = admin::serve(listener, shown, endpoint.pages())?;
        tracing::info!(
            listen = %endpoint.address(),
            path = settings.endpoint.webhook_path,
            admin = %admin_address,
            signatures = %settings.endpoint.accept_signatures,
            "receiver started"
        );
        Ok(Self { endpoint, admin, admin_address, grace: settings.shutdown_grace, tracer })
    }

    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.endpoint.address()
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Resolves when the broker can take messages.
    pub async fn ready(&self) {
        self.endpoint.ready().await;
    }

    /// Accepts no more, finishes what is in flight within the grace, and ends.
    pub async fn stop(self) {
        self.endpoint.close(self.grace).await;
        self.admin.stop(false).await;
        self.tracer.close().await;
        tracing::info!("receiver stopped");
    }
}
