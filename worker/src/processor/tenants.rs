//! Tenants of a worker: where they are taken from, and that it follows their changes.

use std::sync::Arc;

use prometheus_client::registry::Registry as Metrics;
use tokio_util::task::AbortOnDropHandle;

use super::knowing::Knowing;
use crate::directory::{DirectoryWatch, Source, Taken};
use crate::executor::Executor;
use crate::metrics::WorkerMetrics;
use crate::records::Records;
use crate::registry::Registry;
use crate::router::Router;
use crate::settings::ProcessingSettings;
use crate::target::routes;
use crate::turns::Watch;
use crate::verdict::Verdict;

/// Where tenants are.
pub(super) struct Followed {
    pub(super) watch: DirectoryWatch,
    /// Whether it was read.
    pub(super) is_known: bool,
}

/// The router of these handlers and of tenants' routes, and what goes on looking at those if there are any.
pub(super) fn routed(
    handlers: Registry,
    settings: &ProcessingSettings,
    records: Option<Records>,
    metrics: &WorkerMetrics,
    registry: &mut Metrics,
) -> anyhow::Result<(Router, Option<Followed>)> {
    let router = Router::new(handlers);
    let times = (settings.integrations.api_timeout, settings.uninstalled_events_kept);
    let source = match (settings.tenants.file(), records) {
        (Some(file), records) => {
            let installations = records.filter(|_| settings.app.client_id().is_some());
            Some(Source::of_file(file.to_owned(), installations))
        }
        (None, Some(records)) if settings.tenants.tenants_in_database => {
            Some(Source::of_records(records))
        }
        (None, None) if settings.tenants.tenants_in_database => {
            anyhow::bail!("TENANTS_IN_DATABASE needs records: set DATABASE_URL")
        }
        (None, _) => None,
    };
    let read_with = (&settings.tenants, settings.app.keys()?);
    let Some((watch, first)) = DirectoryWatch::open(read_with, source, times, metrics, registry)?
    else {
        return Ok((router, None));
    };
    metrics.expect([routes()].into_iter(), &Verdict::ALL.map(Verdict::as_str));
    let is_known = first.is_some();
    if let Some(routes) = first {
        router.reroute(routes);
    }
    Ok((router, Some(Followed { watch, is_known })))
}

/// Every other version of what there is becomes the router's.
pub(super) fn follow(
    directory: DirectoryWatch,
    executor: &Arc<Executor>,
    limits: &Arc<Watch>,
    knowing: &Knowing,
) -> AbortOnDropHandle<()> {
    let (executor, limits) = (Arc::downgrade(executor), Arc::clone(limits));
    let knowing = knowing.clone();
    directory.start(move |Taken { routes, refusing }| {
        if let Some(executor) = executor.upgrade() {
            limits.refuse(refusing);
            executor.router.reroute(routes);
            knowing.known();
        }
    })
}
