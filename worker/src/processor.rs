//! What a worker does: take deliveries, run them, drain. Decides nothing about single events, and
//! brings no admin listener of its own.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use prometheus_client::registry::Registry as Metrics;
use shared::admin::Readiness;
use shared::broker::{Consumer, ConsumerOptions, Link, PublisherOptions};
use shared::metrics::{BrokerMetrics, probe};
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::ages::Ages;
use crate::clients::Clients;
use crate::credentials::Keeper;
use crate::engines::Engines;
use crate::executor::{Executor, GIVE_BACK, Gate, OwnWrites, no_handler};
use crate::ledger::Ledger;
use crate::metrics::WorkerMetrics;
use crate::oauth::{App, Tokens};
use crate::portals::Portals;
use crate::records::{Keeping, Records};
use crate::registry::Registry;
use crate::settings::ProcessingSettings;
use crate::turns::{Seats, Watch};
use crate::verdict::Verdict;

mod knowing;
mod taking;
mod tenants;

use knowing::Knowing;
use taking::take;
use tenants::{follow, routed};

/// How long the last exchange of what is delayed may take.
const LAST_MARKS: Duration = Duration::from_secs(1);

/// What it works with beside its engines.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    /// The records, where what becomes of each delivery goes.
    pub(crate) keeping: Option<&'a Keeping>,
    /// The app that portals install, which has a token for each of them.
    pub(crate) app: Option<&'a Arc<App>>,
}

/// Takes deliveries and runs handlers until it is stopped.
pub(crate) struct Processor {
    executor: Arc<Executor>,
    consumer: Arc<Consumer>,
    runs: TaskTracker,
    /// Gives how many deliveries it had in hand and has given back.
    taking: tokio::task::JoinHandle<u64>,
    knowing: Knowing,
    _sharing: AbortOnDropHandle<()>,
    limits: Arc<Watch>,
    _looking: AbortOnDropHandle<()>,
    _directory: Option<AbortOnDropHandle<()>>,
    tokens: Option<(Arc<Tokens>, AbortOnDropHandle<()>)>,
    stop_taking: CancellationToken,
}

impl Processor {
    /// What [`Self::stop`] takes beyond its grace at the most.
    pub(crate) const AFTER_GRACE: Duration =
        GIVE_BACK.saturating_add(LAST_MARKS).saturating_add(Consumer::CLOSE);

    /// Starts in the background; servers that are not there yet are waited for. What is measured goes
    /// into `registry` and `broker_metrics`, what is done into the traces of `tracer`.
    pub(crate) fn start(
        engines: &Engines,
        settings: &ProcessingSettings,
        handlers: Registry,
        Beside { keeping, app }: Beside<'_>,
        registry: &mut Metrics,
        broker_metrics: BrokerMetrics,
        tracer: &Tracer,
    ) -> anyhow::Result<Self> {
        settings.check()?;
        let schedule = settings.retry.schedule()?;
        let broker = engines.broker(&schedule);
        let metrics = WorkerMetrics::register(registry, settings.metrics_by_portal);
        let verdicts = Verdict::ALL.map(Verdict::as_str);
        metrics.expect(handlers.names().chain([no_handler()]).cloned(), &verdicts);
        let ladder = schedule.ladder();
        metrics.expect_delays(ladder.delays());
        let ages = Ages::register(registry);
        let ledger = Arc::new(engines.ledger(settings, metrics.clone())?);
        let keeper = Keeper::Ledger(Arc::clone(&ledger));
        let tokens = app.map(|app| tokens(app, &ledger, settings));
        let of_portals = tokens.as_ref().map(|(tokens, _)| Arc::clone(tokens));
        let clients = Clients::new(&settings.integrations, &keeper, &metrics, of_portals)?;
        let clients = Arc::new(clients);
        let records = keeping.map(Keeping::records);
        for line in summary(&clients, records.as_ref()) {
            tracing::info!(integration = line, "integration");
        }
        let publisher = broker.publisher(
            PublisherOptions { name: "hubline worker, publishing".to_owned(), watch_depth: None },
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
        let names: Vec<&str> = handlers.names().map(AsRef::as_ref).collect();
        tracing::info!(
            handlers = names.join(" "),
            concurrency = settings.concurrency,
            "worker started"
        );
        let (router, directory) = routed(handlers, settings, records.clone(), &metrics, registry)?;
        let executor = Arc::new(Executor {
            router,
            clients,
            ledger,
            log: keeping.map(Keeping::log),
            records,
            publisher,
            schedule,
            ladder,
            metrics,
            ages: Arc::clone(&ages),
            tracer: tracer.clone(),
            handler_timeout: settings.handler_timeout,
            step_timeout: settings.step_timeout(),
            wait_max: settings.wait_max,
            costs: Arc::default(),
            seats: Arc::new(Seats::of_runs(
                settings.concurrency,
                settings.integrations.api_timeout,
            )),
            own_writes: OwnWrites {
                handled: settings.integrations.handle_own_writes,
                app_id: settings.integrations.hubspot_app_id,
            },
            unknown_tenant: settings.tenants.unknown_tenant,
            strangers: Arc::default(),
            portals: Portals::new(settings.portal_cap()),
            gate: Gate::of_runs(settings.concurrency),
            interrupt: CancellationToken::new(),
        });
        let sharing = ages.share(Arc::clone(&executor.ledger));
        let limits = Watch::register(registry, settings.metrics_by_portal);
        let looking = limits.start(Arc::clone(&executor.ledger));
        let seen = Arc::downgrade(&executor);
        probe(registry, "ledger_up", "1 while Redis, or the data file, answers", move || {
            let up = seen.upgrade().is_some_and(|executor| executor.ledger.is_up());
            f64::from(u8::from(up))
        });
        let (runs, stop_taking) = (TaskTracker::new(), CancellationToken::new());
        let knowing = Knowing::new(directory.as_ref().is_none_or(|followed| followed.is_known));
        let directory =
            directory.map(|followed| follow(followed.watch, &executor, &limits, &knowing));
        let taking = tokio::spawn(take(
            deliveries,
            knowing.clone(),
            Arc::clone(&executor),
            usize::from(settings.concurrency),
            runs.clone(),
            stop_taking.clone(),
        ));
        Ok(Self {
            executor,
            consumer,
            runs,
            taking,
            knowing,
            _sharing: sharing,
            limits,
            _looking: looking,
            _directory: directory,
            tokens,
            stop_taking,
        })
    }

    /// From now on events are for the handlers of `handlers`; runs that have begun end with those they
    /// began with.
    pub(crate) fn replace(&self, handlers: Registry) {
        let verdicts = Verdict::ALL.map(Verdict::as_str);
        let names: Vec<_> = handlers.names().cloned().collect();
        tracing::info!(handlers = names.join(" "), "handlers replaced");
        self.executor.metrics.expect(names.into_iter(), &verdicts);
        for gone in self.executor.router.replace(handlers) {
            self.executor.metrics.forget(&gone, &verdicts);
        }
    }

    /// The integrations, one line each.
    pub(crate) fn integrations(&self) -> Vec<String> {
        summary(&self.executor.clients, self.executor.records.as_ref())
    }

    /// Whether events can be processed, for an admin listener.
    pub(crate) fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        readiness(&self.executor, &self.consumer, &self.knowing)
    }

    /// Its own pages on an admin listener.
    pub(crate) fn pages(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let (limits, strangers) = (self.limits.pages(), self.executor.strangers.pages());
        move |config: &mut ServiceConfig| {
            limits(config);
            strangers(config);
        }
    }

    /// Takes no more deliveries, lets what runs finish within `grace`, gives the rest back
    /// without spending an attempt, and ends.
    pub(crate) async fn stop(self, grace: Duration) {
        self.consumer.cancel();
        self.stop_taking.cancel();
        // Drops the deliveries not started, which sends them back.
        let requeued = self.taking.await.unwrap_or_default();
        self.executor.metrics.requeued(requeued);
        self.runs.close();
        tracing::info!(
            in_flight = self.runs.len(),
            requeued,
            grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
            "draining"
        );
        if tokio::time::timeout(grace, self.runs.wait()).await.is_err() {
            tracing::warn!(interrupted = self.runs.len(), "grace is over: giving the rest back");
            self.executor.interrupt.cancel();
            if tokio::time::timeout(GIVE_BACK, self.runs.wait()).await.is_err() {
                // They go back with the connection.
                self.executor.metrics.requeued(self.runs.len() as u64);
            }
        }
        // What this worker sent to wait would else be known to nobody.
        let telling = self.executor.ages.exchange(&self.executor.ledger);
        let settling = async {
            // None is begun any more.
            if let Some((tokens, clock)) = self.tokens {
                drop(clock);
                tokens.settle().await;
            }
        };
        let _ = tokio::time::timeout(LAST_MARKS, async { tokio::join!(telling, settling) }).await;
        let closed = self.executor.publisher.closed();
        drop(self.executor);
        let mut consumer = self.consumer;
        loop {
            match Arc::try_unwrap(consumer) {
                Ok(consumer) => break consumer.close().await,
                // Someone looks at `/readyz` this very moment.
                Err(shared) => consumer = shared,
            }
            tokio::task::yield_now().await;
        }
        closed.await;
    }
}

/// The tokens of portals that have installed the app, and what refreshes them by the clock.
fn tokens(
    app: &Arc<App>,
    ledger: &Arc<Ledger>,
    settings: &ProcessingSettings,
) -> (Arc<Tokens>, AbortOnDropHandle<()>) {
    let (timeout, kept) = (settings.integrations.api_timeout, settings.uninstalled_events_kept);
    let tokens = Tokens::new(Arc::clone(app), Arc::clone(ledger), timeout, kept);
    let clock = tokens.by_the_clock();
    (tokens, clock)
}

/// One line for each thing that handlers use: on or off, and what is skipped for it.
fn summary(clients: &Clients, records: Option<&Records>) -> Vec<String> {
    let mut lines = clients.summary();
    lines.push(
        match records {
            Some(_) => "records: on, a contact deleted for privacy is erased from them",
            None => "records: off, DATABASE_URL is not set: nothing is kept that would have to be erased",
        }
        .to_owned(),
    );
    lines
}

fn readiness(
    executor: &Arc<Executor>,
    consumer: &Arc<Consumer>,
    knowing: &Knowing,
) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    // Weak: the admin listener must not keep the connections alive past the worker.
    let (executor, consumer) = (Arc::downgrade(executor), Arc::downgrade(consumer));
    let knowing = knowing.clone();
    Arc::new(move || {
        let (Some(executor), Some(consumer)) = (executor.upgrade(), consumer.upgrade()) else {
            return Readiness { ready: false, checks: [("worker", "stopping".to_owned())].into() };
        };
        let (publishing, consuming) = (executor.publisher.link(), consumer.link());
        let (ledger, known) = (executor.ledger.is_up(), knowing.is_known());
        let mut readiness = Readiness {
            ready: publishing == Link::Up && consuming == Link::Up && ledger && known,
            checks: [
                ("broker_publishing", publishing.to_string()),
                ("broker_consuming", consuming.to_string()),
                (executor.ledger.server(), if ledger { "up" } else { "down" }.to_owned()),
            ]
            .into(),
        };
        if !known {
            readiness.checks.insert("tenants", "not read yet".to_owned());
        }
        readiness
    })
}

#[cfg(test)]
mod tests;
