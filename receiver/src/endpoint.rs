//! The webhook endpoint: listens, verifies, publishes, drains. On any broker, and beside
//! whatever else its process does: it brings no admin listener of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use prometheus_client::registry::Registry;
use shared::admin::Readiness;
use shared::broker::{Broker, Lane, PublisherOptions};
use shared::metrics::BrokerMetrics;
use shared::signature::Verifier;
use shared::trace::Tracer;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::app::{self, Intake};
use crate::metrics::ReceiverMetrics;
use crate::rejections::Rejections;
use crate::settings::EndpointSettings;

/// Longer than the 60 s after which common load balancers drop an idle connection: they, not
/// we, should be the ones to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connections without a request in flight may take to close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open endpoint.
pub struct Endpoint {
    intake: Data<Intake>,
    server: ServerHandle,
    address: SocketAddr,
}

impl Endpoint {
    /// Listens on `listen`; a broker that is not there yet is waited for, and meanwhile every
    /// delivery is answered 503. What is measured goes into `registry` and `broker_metrics`, what
    /// is done into the traces of `tracer`.
    /// Must be called on a multi-thread runtime.
    pub fn open(
        settings: &EndpointSettings,
        listen: SocketAddr,
        broker: &Broker,
        registry: &mut Registry,
        broker_metrics: BrokerMetrics,
        tracer: &Tracer,
    ) -> anyhow::Result<Self> {
        settings.check()?;
        let metrics = ReceiverMetrics::register(registry, &settings.business_hours);
        let publisher = broker.publisher(
            PublisherOptions {
                name: "hubline receiver".to_owned(),
                watch_depth: (settings.queue_soft_limit > 0).then_some(Lane::Work),
            },
            broker_metrics,
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
            tracer: tracer.clone(),
            rejections: Rejections::default(),
            requests: TaskTracker::new(),
            shutting_down: CancellationToken::new(),
        });
        let (server, address) = serve(settings, listen, &intake)?;
        if settings.public_url.is_guessed() {
            tracing::warn!(
                "PUBLIC_URL is not set: the URL that HubSpot signed is guessed from the Host header"
            );
        }
        Ok(Self { intake, server, address })
    }

    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the broker can take messages.
    pub async fn ready(&self) {
        self.intake.publisher.ready().await;
    }

    /// Whether deliveries can be answered 200, for an admin listener.
    pub fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        admin::readiness(&self.intake)
    }

    /// The pages it adds to an admin listener: `/rejections`.
    pub fn pages(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let intake = self.intake.clone();
        move |config| admin::routes(config, &intake)
    }

    /// Accepts no more, finishes what is in flight within `grace`, and ends.
    pub async fn close(self, grace: Duration) {
        self.intake.shutting_down.cancel();
        self.server.pause().await;
        self.intake.requests.close();
        if tokio::time::timeout(grace, self.intake.requests.wait()).await.is_err() {
            tracing::warn!(
                requests = self.intake.requests.len(),
                "grace is over with requests in flight"
            );
        }
        // Gracefully, so that the last answers are written out and not only made; this ends
        // connections that are merely kept alive, and waits CLOSE_TIMEOUT at most.
        self.server.stop(true).await;
    }
}

fn serve(
    settings: &EndpointSettings,
    listen: SocketAddr,
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
    let server =
        server.bind(listen).with_context(|| format!("cannot listen on LISTEN {listen}"))?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok((handle, address))
}
