//! The webhook endpoint: listens, verifies, publishes, drains. On any broker, and beside
//! whatever else its process does: it brings no admin listener of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use anyhow::Context as _;
use prometheus_client::registry::Registry;
use shared::admin::Readiness;
use shared::broker::{Broker, Lane, PublisherOptions};
use shared::listener::{self, Knocking, Limits, Listener, ListenerMetrics, connections_for};
use shared::metrics::BrokerMetrics;
use shared::senders::Verifier;
use shared::senders::hubspot::signature::{self, ClientSecret, Secrets};
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::app;
use crate::intake::Intake;
use crate::intake::body::{Bodies, Room};
use crate::intake::head::Door;
use crate::intake::publish::Outlet;
use crate::metrics::ReceiverMetrics;
use crate::rejections::Rejections;
use crate::settings::EndpointSettings;

/// Longer than the 60 s after which common load balancers drop an idle connection: they, not
/// we, should be the ones to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Body and confirms have bounds of their own, which are shorter.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connections without a request in flight may take to close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open endpoint.
pub struct Endpoint {
    intake: Data<Intake>,
    server: ServerHandle,
    address: SocketAddr,
    knocking: Knocking,
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
        let threads = listener::threads(settings.http_workers);
        let connections = connections_for(settings.max_connections as usize, threads)?;
        let secrets = settings.secrets()?;
        warn_of_short(&secrets);
        let accepted = settings.accept_signatures;
        let verifier = Verifier::HubSpot(signature::Verifier::new(secrets, accepted));
        let metrics = ReceiverMetrics::register(registry, &settings.business_hours, &verifier);
        let publisher = broker.publisher(
            PublisherOptions {
                name: "hubline receiver".to_owned(),
                watch_depth: (settings.queue_soft_limit > 0).then_some(Lane::Work),
            },
            broker_metrics,
        )?;
        let intake = Data::new(Intake {
            rejections: Rejections::of(verifier.sender(), &metrics, tracer),
            door: Door {
                verifier: Arc::new(verifier),
                public_url: settings.public_url.clone(),
                max_body_bytes: settings.max_body_bytes,
            },
            bodies: Bodies {
                room: Room::new(settings.body_room_bytes()),
                max_bytes: settings.max_body_bytes,
                timeout: settings.body_timeout,
            },
            outlet: Outlet {
                publisher,
                timeout: settings.publish_timeout,
                soft_limit: settings.queue_soft_limit,
            },
            metrics,
            tracer: tracer.clone(),
            requests: TaskTracker::new(),
            shutting_down: CancellationToken::new(),
        });
        let listener =
            listener::bind(listen).with_context(|| format!("cannot listen on LISTEN {listen}"))?;
        let limits = Limits {
            connections,
            threads,
            head: HEAD_TIMEOUT,
            request: REQUEST_TIMEOUT,
            idle: KEEP_ALIVE,
            close: CLOSE_TIMEOUT,
        };
        let listening =
            serve(settings, listener, limits, ListenerMetrics::register(registry), &intake)?;
        if settings.public_url.is_guessed() {
            tracing::warn!(
                "PUBLIC_URL is not set: the URL that HubSpot signed is guessed from the Host header"
            );
        }
        let knocking = listening.knock();
        let Listener { server, address, .. } = listening;
        Ok(Self { intake, server, address, knocking })
    }

    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resolves when the broker can take messages.
    pub async fn ready(&self) {
        self.intake.outlet.publisher.ready().await;
    }

    /// Whether deliveries can be answered 200, for an admin listener.
    pub fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        let (intake, accepting) = (admin::readiness(&self.intake), self.knocking.accepting());
        Arc::new(move || intake().and(accepting.readiness("listener")))
    }

    /// The pages it adds to an admin listener: `/rejections`.
    pub fn pages(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let intake = self.intake.clone();
        move |config| admin::routes(config, &intake)
    }

    /// Accepts no more, finishes what is in flight within `grace`, and ends.
    pub async fn close(self, grace: Duration) {
        drop(self.knocking);
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
    listener: TcpListener,
    limits: Limits,
    measured: ListenerMetrics,
    intake: &Data<Intake>,
) -> anyhow::Result<Listener> {
    let (shared, path) = (intake.clone(), settings.webhook_path.clone());
    listener::serve(listener, limits, Some(measured), move || {
        App::new()
            .app_data(shared.clone())
            // Each of the server's threads has a channel of its own.
            .app_data(Data::new(shared.outlet.publisher.here()))
            .wrap(from_fn(app::observe))
            .configure(|config| app::routes(config, &path))
    })
}

fn warn_of_short(secrets: &Secrets) {
    for (name, secret) in [
        ("HUBSPOT_CLIENT_SECRET", Some(&secrets.current)),
        ("HUBSPOT_CLIENT_SECRET_PREVIOUS", secrets.previous.as_ref()),
    ] {
        if secret.is_some_and(ClientSecret::is_short) {
            tracing::warn!(
                setting = name,
                "the client secret is so short that it can be guessed: HubSpot's have 36 characters"
            );
        }
    }
}
