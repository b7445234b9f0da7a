//! The receiver's life: connect, listen, drain, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use shared::admin as shared_admin;
use shared::broker::{Broker, PublisherOptions, Topology};
use shared::metrics::{BrokerMetrics, registry};
use shared::signature::Verifier;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::app::{self, Intake};
use crate::metrics::ReceiverMetrics;
use crate::rejections::Rejections;
use crate::settings::ReceiverSettings;

/// Longer than the 60 s after which common load balancers drop an idle connection: they, not
/// we, should be the ones to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connections without a request in flight may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A running receiver.
pub struct Receiver {
    intake: Data<Intake>,
    server: ServerHandle,
    admin: ServerHandle,
    address: SocketAddr,
    admin_address: SocketAddr,
    grace: Duration,
}

/// Runs a receiver until `shutdown`, then drains it.
pub async fn run(settings: &ReceiverSettings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let receiver = Receiver::start(settings)?;
    shutdown.cancelled().await;
    receiver.stop().await;
    Ok(())
}

impl Receiver {
    /// Starts listening; a broker that is not there yet is waited for, and meanwhile every
    /// delivery is answered 503. Must be called on a multi-thread runtime.
    pub fn start(settings: &ReceiverSettings) -> anyhow::Result<Self> {
        let topology = Topology::new(&settings.broker.prefix, settings.broker.work_shards, None);
        Self::on(&Broker::RabbitMq { settings: settings.broker.clone(), topology }, settings)
    }

    /// The same on any broker; the settings' own is not looked at.
    pub fn on(broker: &Broker, settings: &ReceiverSettings) -> anyhow::Result<Self> {
        settings.check()?;
        let mut registry = registry();
        let metrics = ReceiverMetrics::register(&mut registry);
        let publisher = broker.publisher(
            PublisherOptions {
                name: "hubline receiver".to_owned(),
                watch_depth: settings.queue_soft_limit > 0,
            },
            BrokerMetrics::register(&mut registry),
        )?;
        let intake = Data::new(Intake {
            verifier: Verifier::new(settings.secrets()?, settings.accept_signatures),
            publisher,
            public_url: settings.public_url.clone(),
            max_body_bytes: settings.max_body_bytes,
            body_timeout: settings.body_timeout,
            bodies: Arc::new(Semaphore::new(settings.body_room_kib())),
            publish_timeout: settings.publish_timeout,
            queue_soft_limit: settings.queue_soft_limit,
            metrics,
            rejections: Rejections::default(),
            requests: TaskTracker::new(),
            shutting_down: CancellationToken::new(),
        });
        let (server, address) = listen(settings, &intake)?;
        let shown = shared_admin::Admin {
            registry: Arc::new(registry),
            readiness: admin::readiness(&intake),
        };
        let shared = intake.clone();
        let (admin, admin_address) =
            shared_admin::serve(settings.admin_listen, shown, move |config| {
                admin::routes(config, &shared);
            })?;
        tracing::info!(
            listen = %address,
            path = settings.webhook_path,
            admin = %admin_address,
            signatures = %settings.accept_signatures,
            "receiver started"
        );
        if settings.public_url.is_guessed() {
            tracing::warn!(
                "PUBLIC_URL is not set: the URL that HubSpot signed is guessed from the Host header"
            );
        }
        Ok(Self { intake, server, admin, address, admin_address, grace: settings.shutdown_grace })
    }

    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Resolves when the broker can take messages.
    pub async fn ready(&self) {
        self.intake.publisher.ready().await;
    }

    /// Accepts no more, finishes what is in flight within the grace, and ends.
    pub async fn stop(self) {
        self.intake.shutting_down.cancel();
        self.server.pause().await;
        self.intake.requests.close();
        if tokio::time::timeout(self.grace, self.intake.requests.wait()).await.is_err() {
            tracing::warn!(
                requests = self.intake.requests.len(),
                "grace is over with requests in flight"
            );
        }
        // Gracefully, so that the last answers are written out and not only made; this ends
        // connections that are merely kept alive, and waits CLOSE_TIMEOUT at most.
        self.server.stop(true).await;
        self.admin.stop(false).await;
        tracing::info!("receiver stopped");
    }
}

fn listen(
    settings: &ReceiverSettings,
    intake: &Data<Intake>,
) -> anyhow::Result<(ServerHandle, SocketAddr)> {
    let (shared, path) = (intake.clone(), settings.webhook_path.clone());
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            // Each of the server's threads has a channel of its own.
            .app_data(Data::new(shared.publisher.here()))
            .wrap(from_fn(app::observe))
            .configure(|config| app::routes(config, &path))
    })
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(CLOSE_TIMEOUT.as_secs())
    .disable_signals();
    if settings.http_workers > 0 {
        server = server.workers(settings.http_workers);
    }
    let server = server
        .bind(settings.listen)
        .with_context(|| format!("cannot listen on LISTEN {}", settings.listen))?;
    let address = server.addrs().first().copied().unwrap_or(settings.listen);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok((handle, address))
}
