//! What a standalone is made of, as its settings say.

use std::sync::Arc;

use prometheus_client::registry::Registry as Metrics;
use shared::broker::{Broker, Embedded};
use shared::metrics::BrokerMetrics;
use shared::trace::Tracer;

use crate::oauth::App;
use crate::records::Records;
use crate::records::dead_letters::{DeadLetters, Indexer, Retention};
use crate::records::jobs::{Jobs, Runner};
use crate::settings::{ProcessingSettings, StandaloneSettings};

/// Where its records are kept: in a database, or beside the data file.
pub(super) fn records_of(settings: &StandaloneSettings) -> anyhow::Result<Records> {
    match settings.records.url()? {
        Some(url) => Records::new(&url),
        None => Ok(Records::in_directory(&settings.data)),
    }
}

/// How events are processed. Records of its own are there whenever it is, and so are their tenants.
pub(super) fn processing_of(settings: &StandaloneSettings) -> anyhow::Result<ProcessingSettings> {
    let has_own_records = settings.records.url()?.is_none();
    let mut processing = settings.processing.clone();
    let tenants = &mut processing.tenants;
    tenants.tenants_in_database |= has_own_records && tenants.file().is_none();
    Ok(processing)
}

/// The HubSpot app that portals install, if there is one.
pub(super) fn app_of(
    settings: &StandaloneSettings,
    records: &Records,
    registry: &mut Metrics,
) -> anyhow::Result<Option<Arc<App>>> {
    let integrations = &settings.processing.integrations;
    App::open(
        &settings.processing.app,
        settings.client_secret()?,
        (integrations.hubspot_url()?, integrations.api_timeout),
        Some(records),
        registry,
    )
}

/// What looks after dead letters and jobs.
pub(super) fn looking_after(
    settings: &StandaloneSettings,
    records: &Records,
    embedded: &Arc<Embedded>,
    registry: &mut Metrics,
    broker_metrics: &BrokerMetrics,
    tracer: &Tracer,
) -> (Indexer, Runner) {
    let indexer = Indexer::start(
        DeadLetters::new(records.clone()),
        Broker::Sqlite(Arc::clone(embedded)),
        Retention::from(&settings.records),
        registry,
        broker_metrics.clone(),
    );
    let broker = Some(Broker::Sqlite(Arc::clone(embedded)));
    let runner =
        Runner::start(Jobs::new(records.clone()), broker, None, broker_metrics.clone(), tracer);
    (indexer, runner)
}
