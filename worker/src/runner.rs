//! A worker's life: connect, take deliveries, run them, drain, stop. Decides nothing about
//! single events.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use shared::admin::{self, Admin, Readiness};
use shared::broker::{
    Broker, Consumer, ConsumerOptions, Delivery, Embedded, Link, PublisherOptions, Topology,
};
use shared::metrics::{BrokerMetrics, registry};
use shared::retry::RetrySchedule;
use tokio::sync::{RwLock, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::Clients;
use crate::executor::{Executor, OwnWrites};
use crate::ledger::{Ledger, LedgerOptions};
use crate::metrics::WorkerMetrics;
use crate::portals::Portals;
use crate::registry::Registry;
use crate::settings::WorkerSettings;

/// How long interrupted runs have to give back what they hold.
const GIVE_BACK: Duration = Duration::from_secs(3);

/// What a worker runs on.
#[derive(Clone, Debug)]
pub enum Engines {
    /// RabbitMQ and Redis, where the settings say they are.
    Cluster,
    /// One data file.
    Embedded(Arc<Embedded>),
}

impl Engines {
    fn broker(&self, settings: &WorkerSettings, schedule: &RetrySchedule) -> Broker {
        match self {
            Self::Cluster => {
                let broker = &settings.broker;
                let topology = Topology::new(&broker.prefix, broker.work_shards, Some(schedule));
                Broker::RabbitMq { settings: broker.clone(), topology }
            }
            Self::Embedded(embedded) => Broker::Sqlite(Arc::clone(embedded)),
        }
    }

    fn ledger(&self, settings: &WorkerSettings, metrics: WorkerMetrics) -> anyhow::Result<Ledger> {
        let (lease, retention) = (settings.lease, settings.retention()?);
        match self {
            Self::Cluster => {
                let (url, prefix) = (settings.redis_url()?, settings.broker.prefix.clone());
                Ledger::start(LedgerOptions { url, prefix, lease, retention }, metrics)
            }
            Self::Embedded(embedded) => {
                let store = Arc::clone(embedded.store());
                Ok(Ledger::embedded(store, lease, retention, metrics))
            }
        }
    }
}

/// A running worker.
pub struct Worker {
    executor: Arc<Executor>,
    consumer: Arc<Consumer>,
    admin: ServerHandle,
    admin_address: SocketAddr,
    grace: Duration,
    runs: TaskTracker,
    taking: tokio::task::JoinHandle<()>,
    stop_taking: CancellationToken,
}

/// Runs a worker with the handlers of `registry` until `shutdown`, then drains it.
pub async fn run(
    settings: &WorkerSettings,
    registry: Registry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let worker = Worker::start(settings, registry)?;
    shutdown.cancelled().await;
    worker.stop().await;
    Ok(())
}

impl Worker {
    /// Starts in the background; servers that are not there yet are waited for.
    pub fn start(settings: &WorkerSettings, handlers: Registry) -> anyhow::Result<Self> {
        Self::on(&Engines::Cluster, settings, handlers)
    }

    /// The same on chosen engines.
    pub fn on(
        engines: &Engines,
        settings: &WorkerSettings,
        handlers: Registry,
    ) -> anyhow::Result<Self> {
        settings.check()?;
        let schedule = settings.schedule()?;
        let broker = engines.broker(settings, &schedule);
        let mut registry = registry();
        let broker_metrics = BrokerMetrics::register(&mut registry);
        let metrics = WorkerMetrics::register(&mut registry, settings.metrics_by_portal);
        let ledger = Arc::new(engines.ledger(settings, metrics.clone())?);
        let clients = Arc::new(Clients::new(&settings.integrations, metrics.clone())?);
        for line in clients.summary() {
            tracing::info!(integration = line, "integration");
        }
        let publisher = broker.publisher(
            PublisherOptions { name: "hubline worker, publishing".to_owned(), watch_depth: false },
            broker_metrics.clone(),
        )?;
        let options = ConsumerOptions {
            name: "hubline worker, consuming".to_owned(),
            prefetch: settings.concurrency,
            // Enough to keep going, too little to crowd out live events.
            bulk_prefetch: (settings.concurrency / 10).max(1),
        };
        let (consumer, deliveries) = broker.consumer(options, broker_metrics)?;
        let consumer = Arc::new(consumer);
        let names: Vec<_> = handlers.names().collect();
        tracing::info!(
            handlers = names.join(" "),
            concurrency = settings.concurrency,
            "worker started"
        );
        let executor = Arc::new(Executor {
            registry: handlers,
            clients,
            ledger,
            publisher,
            schedule,
            metrics,
            handler_timeout: settings.handler_timeout,
            own_writes: OwnWrites {
                handled: settings.integrations.handle_own_writes,
                app_id: settings.integrations.hubspot_app_id,
            },
            portals: Portals::new(settings.portal_cap()),
            alone: RwLock::new(()),
            interrupt: CancellationToken::new(),
        });
        let admin =
            Admin { registry: Arc::new(registry), readiness: readiness(&executor, &consumer) };
        let (admin, admin_address) = admin::serve(settings.admin_listen, admin, |_| {})?;
        let (runs, stop_taking) = (TaskTracker::new(), CancellationToken::new());
        let taking = tokio::spawn(take(
            deliveries,
            Arc::clone(&executor),
            usize::from(settings.concurrency),
            runs.clone(),
            stop_taking.clone(),
        ));
        Ok(Self {
            executor,
            consumer,
            admin,
            admin_address,
            grace: settings.shutdown_grace,
            runs,
            taking,
            stop_taking,
        })
    }

    /// Where the admin listener is bound.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Takes no more deliveries, lets what runs finish within the grace, gives the rest back
    /// without spending an attempt, and ends.
    pub async fn stop(self) {
        self.consumer.cancel();
        self.stop_taking.cancel();
        // Drops the deliveries not started, which sends them back.
        let _ = self.taking.await;
        self.runs.close();
        tracing::info!(
            in_flight = self.runs.len(),
            grace_ms = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX),
            "draining"
        );
        if tokio::time::timeout(self.grace, self.runs.wait()).await.is_err() {
            tracing::warn!(interrupted = self.runs.len(), "grace is over: giving the rest back");
            self.executor.interrupt.cancel();
            let _ = tokio::time::timeout(GIVE_BACK, self.runs.wait()).await;
        }
        self.admin.stop(false).await;
        drop(self.executor);
        if let Some(consumer) = Arc::into_inner(self.consumer) {
            consumer.close().await;
        }
        tracing::info!("worker stopped");
    }
}

/// Starts a run for each delivery, at most `concurrency` at once. With the ledger away every
/// run waits for it, and so nothing more is taken.
async fn take(
    mut deliveries: mpsc::UnboundedReceiver<Delivery>,
    executor: Arc<Executor>,
    concurrency: usize,
    runs: TaskTracker,
    stop: CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(concurrency));
    let taking = async {
        while let Some(delivery) = deliveries.recv().await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            if delivery.settlement.is_lost() {
                // Its copy is on its way: run now, this one would only stand in the other's.
                continue;
            }
            let executor = Arc::clone(&executor);
            // Boxed: the future is large, and a spawn moves it more than once.
            runs.spawn(Box::pin(async move {
                executor.process(delivery).await;
                drop(permit);
            }));
        }
    };
    stop.run_until_cancelled(taking).await;
}

fn readiness(
    executor: &Arc<Executor>,
    consumer: &Arc<Consumer>,
) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    // Weak: the admin listener must not keep the connections alive past the worker.
    let (executor, consumer) = (Arc::downgrade(executor), Arc::downgrade(consumer));
    Arc::new(move || {
        let (Some(executor), Some(consumer)) = (executor.upgrade(), consumer.upgrade()) else {
            return Readiness { ready: false, checks: [("worker", "stopping".to_owned())].into() };
        };
        let (publishing, consuming) = (executor.publisher.link(), consumer.link());
        let ledger = executor.ledger.is_up();
        Readiness {
            ready: publishing == Link::Up && consuming == Link::Up && ledger,
            checks: [
                ("broker_publishing", publishing.to_string()),
                ("broker_consuming", consuming.to_string()),
                (executor.ledger.server(), if ledger { "up" } else { "down" }.to_owned()),
            ]
            .into(),
        }
    })
}
